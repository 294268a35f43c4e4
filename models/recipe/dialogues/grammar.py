"""How sentences are made: templates with {slots} and (this|or that|) choices.

A verb written [is/are] agrees with the main slot, the first one of the topic.

A topic holds phrasings of one request and the replies to it. The phrasing is
drawn at random; the reply never is. It follows from the topic, the category of
the main slot and the context alone, so every paraphrase gets the same answer.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from assistant.generate.context import ContextLine

from .lexicon import LEXICON, is_plural

Slots = Mapping[str, str]
Replies = tuple[str, ...] | Mapping[str, str] | Callable[[ContextLine, Slots], str]

_CHOICE = re.compile(r"\(([^()]*)\)")
_SLOT = re.compile(r"\{(\w+)\}")
_AGREEMENT = re.compile(r"\[(\w+)/(\w+)\]")
_ARTICLE = re.compile(r"\b([Aa]) (?=[aeiou])(?!one\b|use|uni|eu)")
_SENTENCE_START = re.compile(r"(?:^|(?<=[.?!] ))[a-z]")

_OPENERS = {
    "ask": (
        "please", "excuse me", "hey", "hello", "oh", "well", "sorry", "listen", "dear", "attune",
        "hey attune", "hello attune", "now then", "one question", "i wanted to ask", "so", "okay",
        "good", "pardon me", "um", "ah",
    ),
    "tell": (
        "well", "oh", "you know", "i wanted to say", "listen", "to tell you the truth", "so",
        "i must say", "actually", "and", "yes", "by the way", "believe me", "hey attune", "attune",
        "hey", "oh well", "i should tell you", "you see", "ah", "um", "do you know",
    ),
}  # fmt: skip
_TAILS = {
    "ask": (
        "please", "if you do not mind", "attune", "dear", "i wonder", "if i may ask", "thank you",
        "if you can", "my friend", "would you please",
    ),
    "tell": (
        "you know", "i think", "really", "i must say", "to be honest", "actually", "of course",
        "attune", "i tell you", "my friend", "you see", "i am afraid to say",
    ),
}  # fmt: skip

# Spoken contractions; the guards keep "what day it is" and "who i am" whole.
_CONTRACTIONS = tuple(
    (re.compile(pattern), short)
    for pattern, short in (
        (r"(?<!what )(?<!where )(?<!who )(?<!how )\bi am (?=\w)", "i'm "),
        (r"^it is (?=\w)", "it's "),
        (r"\bthat is (?=\w)", "that's "),
        (r"\bwhat is (?=\w)", "what's "),
        (r"\bwhere is (?=\w)", "where's "),
        (r"\bwho is (?=\w)", "who's "),
        (r"\b(do|does|did|is|was|are|were|could|would|should|have|has) not\b", r"\1n't"),
        (r"\bcannot\b", "can't"),
        (r"\bwill not\b", "won't"),
        (r"\b(i|you|we|they|she|he) will (?=\w)", r"\1'll "),
        (r"\b(i|you|we|they|she|he) would (?=like|love|rather)", r"\1'd "),
        (r"\blet us\b", "let's"),
    )
)
_PERSON = {"my": "your", "i": "you", "me": "you", "our": "your", "mine": "yours"}


@dataclass(frozen=True, slots=True)
class Topic:
    """One thing people say, in many phrasings, and what is answered.

    `replies` is one of: variants, chosen by the category of the main slot; a
    mapping from that category to the reply; a function of context and slots.
    The main slot is the first one in the first phrasing.
    """

    intent: str
    phrasings: tuple[str, ...]
    replies: Replies
    weight: float = 1.0
    manner: str = "ask"  # which openers and tails fit: "ask", "tell" or "bare"

    def __post_init__(self) -> None:
        unknown = {s for p in self.phrasings for s in _SLOT.findall(p)} - {
            name + suffix for name in LEXICON for suffix in ("", "2")
        }
        if unknown:
            raise ValueError(f"{self.intent}: no lexicon for {unknown}")
        given = set.intersection(*(set(_SLOT.findall(p)) for p in self.phrasings))
        if callable(self.replies):
            return
        main = self.main_slot()
        if main and main not in given:
            raise ValueError(f"{self.intent}: the main slot {main} is not in every phrasing")
        replies = self.replies.values() if isinstance(self.replies, Mapping) else self.replies
        for reply in replies:
            missing = set(_SLOT.findall(reply)) - given
            if missing:
                raise ValueError(f"{self.intent}: {missing} not in every phrasing for {reply!r}")

    def main_slot(self) -> str | None:
        """The slot whose category chooses the reply."""
        found = _SLOT.search(self.phrasings[0])
        return found[1] if found else None

    def speak(self, rng: random.Random) -> tuple[str, dict[str, str]]:
        """Draw what the user says, and the slot values in it."""
        template = _choose(rng.choice(self.phrasings), rng)
        slots = {name: _draw(name, rng) for name in dict.fromkeys(_SLOT.findall(template))}
        text = _dress(fill(self._agree(template, slots), slots).lower(), self.manner, rng)
        return _contract(text, rng), slots

    def answer(self, context: ContextLine, slots: Slots) -> str:
        """The reply to any phrasing with these slot values."""
        main = self.main_slot()
        value = slots.get(main, "") if main else ""
        if callable(self.replies):
            template = self.replies(context, slots)
        elif isinstance(self.replies, tuple):
            template = pick(self.replies, self.intent, main, value)
        else:
            template = self.replies[category_of(main or "", value)]
        template = self._agree(template, slots)
        return sentence(fill(template, {name: turned(value) for name, value in slots.items()}))

    def _agree(self, template: str, slots: Slots) -> str:
        plural = is_plural(slots.get(self.main_slot() or "", ""))
        return _AGREEMENT.sub(lambda found: found[1 + plural], template)


def pick(variants: tuple[str, ...], intent: str, slot: str | None, value: str) -> str:
    """A fixed variant for an intent and slot value; values of one category share it."""
    if slot is None:
        return variants[0]
    categories = list(_categories(slot))
    if len(categories) > 1:
        turn = zlib.crc32(intent.encode()) + categories.index(category_of(slot, value))
    else:
        turn = zlib.crc32(f"{intent} {value}".encode())
    return variants[turn % len(variants)]


def category_of(slot: str, value: str) -> str:
    """The lexicon category in which a slot value stands."""
    return next(name for name, values in _categories(slot).items() if value in values)


def turned(value: str) -> str:
    """A slot value as the assistant says it back: "my son" becomes "your son"."""
    return " ".join(_PERSON.get(word, word) for word in value.split())


def fill(template: str, slots: Slots) -> str:
    """Put the slot values into a template, with "an" before a vowel."""
    text = _SLOT.sub(lambda found: slots.get(found[1], found[0]), template)
    return _ARTICLE.sub(r"\1n ", text)


def sentence(text: str) -> str:
    """Start every sentence of a reply with a capital."""
    return _SENTENCE_START.sub(lambda found: found[0].upper(), text)


def _categories(slot: str) -> Mapping[str, tuple[str, ...]]:
    return LEXICON[slot.rstrip("2")]


def _draw(slot: str, rng: random.Random) -> str:
    categories = _categories(slot)
    values = [value for group in categories.values() for value in group]
    return rng.choice(values)


def _choose(template: str, rng: random.Random) -> str:
    while found := _CHOICE.search(template):
        chosen = rng.choice(found[1].split("|"))
        template = template[: found.start()] + chosen + template[found.end() :]
    return template


def _dress(text: str, manner: str, rng: random.Random) -> str:
    """Add an opener or a tail, as people do; it means nothing for the reply."""
    if manner != "bare":
        if rng.random() < 0.3:
            text = f"{rng.choice(_OPENERS[manner])} {text}"
        if rng.random() < 0.15:
            text = f"{text} {rng.choice(_TAILS[manner])}"
    return " ".join(text.split())


def _contract(text: str, rng: random.Random) -> str:
    for pattern, short in _CONTRACTIONS:
        if rng.random() < 0.6:
            text = pattern.sub(short, text)
    return text
