"""Words that several skills need: what was meant, as it was written, and as it is said back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from assistant.spoken import said_words
from assistant.spoken_times import spoken_number

_SECOND = {
    "i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself",
    "i'm": "you're", "i've": "you've", "i'll": "you'll", "i'd": "you'd", "am": "are",
}  # fmt: skip
_REQUEST = re.compile(
    r"(?:i (?:need|want)|i(?:'d| would) like|how about|please|set|start|make|put|give"
    r"|have(?! (?:you|i|we|got)\b)|get|run|create|begin|turn|switch|schedule|initiate|provide"
    r"|add|open)\b"
)
_NONE = re.compile(
    r"\b(?:not|never|no|don't|didn't|off|stop|cancel|without|what|when|why|how|who|if|went|rang"
    r"|goes|was|were|is|did|does|fire|smoke|because)\b"
)
_WORD = re.compile(r"[A-Za-z']+")


def to_you(text: str) -> str:
    """What the user said of themselves, as it is said to them: "my pills" are "your pills"."""

    def changed(found: re.Match[str]) -> str:
        return _SECOND.get(found[0].lower(), found[0])

    return _WORD.sub(changed, text)


def as_written(words: str, text: str) -> str:
    """The part of a text that says these words, with its case and commas; else the words.

    Args:
        words: in the form of ``said_words``.
        text: as the recogniser or a person wrote it.
    """
    written = text.split()
    said = [said_words(each) for each in written]
    for first in range(len(written)):
        found = ""
        for last in range(first, len(written)):
            found = f"{found} {said[last]}".strip()
            if found == words:
                return " ".join(written[first : last + 1]).strip(" .!?;:,")
            if not words.startswith(found):
                break
    return words


def requested(before: str) -> bool:
    """Whether the words before a noun ask for one: "could I have a", but not "I turned off the"."""
    return not before or bool(_REQUEST.match(before) and not _NONE.search(before))


def a(words: str) -> str:
    """The words after "a" or "an"."""
    return f"{'an' if words[:1] in 'aeiou' else 'a'} {words}"


def sentence(text: str) -> str:
    """A text with a capital at its start and a full stop at its end."""
    text = text.strip()
    ended = text if text[-1:] in ".!?" else f"{text}."
    return f"{ended[:1].upper()}{ended[1:]}"


def joined(parts: Sequence[str]) -> str:
    """A spoken list: "milk, eggs and bread"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def counted(number: int, one: str, several: str) -> str:
    """A number of things in words."""
    return f"{spoken_number(number) if number < 100 else number} {one if number == 1 else several}"


def enumerated(things: Sequence[str], where: str, all_of_them: str) -> str:
    """How many things there are, and which.

    Args:
        things: as they were written down.
        where: such as "on your list".
        all_of_them: said after the number, if there are several.
    """
    if not things:
        return f"There is nothing {where}."
    if len(things) == 1:
        return f"There is one thing {where}: {things[0]}."
    return f"There are {counted(len(things), 'thing', 'things')} {where}{all_of_them}"


def without(words: str, dropped: Iterable[str]) -> str:
    """The words that are none of these."""
    return " ".join(word for word in words.split() if word not in dropped)
