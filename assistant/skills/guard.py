"""What a language model may not say: facts that only the device knows, and acts that nobody did.

A sentence of a reply that states a time, a date, a reminder, a dose or a name, or that promises an
act, is replaced by an honest one before it is spoken. The true facts come from the skills.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assistant.speak.normalise import normalised
from assistant.spoken import said_words

_NUMBER = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen"
    r"|sixteen|seventeen|eighteen|nineteen|(?:twenty|thirty|forty|fifty)(?: [a-z]+)?|half"
    r"|(?:a )?quarter)"
)
_DAY = r"(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december)"
)
_PART = r"(?:in the (?:morning|afternoon|evening)|at night|o'clock|a m|p m)"


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of forbidden statement."""

    pattern: re.Pattern[str]  # of the sentence's words, as said
    instead: str


RULES = (
    Rule(
        re.compile(
            rf"\b(?:it is|it's|time is|time now is|now)\b.*(?:\b{_NUMBER} (?:minutes? )?(?:past|to)"
            rf" {_NUMBER}\b|\b{_NUMBER} {_PART}\b|\bo'clock\b|\bnoon$|\bmidnight$)"
            rf"|^(?:it is|it's)(?: now)? {_NUMBER} {_NUMBER}$"
            rf"|^{_NUMBER} (?:{_NUMBER} )?{_PART}|^{_NUMBER} (?:minutes? )?(?:past|to) {_NUMBER}"
        ),
        "Ask me what time it is, and I will tell you.",
    ),
    Rule(
        re.compile(
            rf"\b(?:today|tomorrow|yesterday|it is|it's|the date|the day)\b(?: is| was| will be)?"
            rf"(?: the)?(?: [a-z]+){{0,4}} ?\b(?:{_DAY}|of {_MONTH}|{_MONTH} the)\b"
            rf"|\b(?:this is|it is|it's) the year\b|\bthe [a-z ]+ of {_MONTH}\b"
        ),
        "Ask me what day it is, and I will tell you.",
    ),
    Rule(
        re.compile(
            r"^(?!.*\b(?:write|put|add)\b).*\b(?:(?:on|in) (?:your|the) (?:list|calendar|agenda)\b"
            r"|(?:your|the) (?:list|reminders?|calendar|agenda) (?:says?|has|have|is|are)\b"
            r"|your (?:reminders?|appointments?|visitors?)\b)"
            r"|\b(?:take|taken|took|swallow|skip|double)\b.*\b(?:pills?|tablets?|medicines?"
            r"|medications?|drops|capsules?|insulin|dose)\b"
            r"|\byou (?:have|had) (?:no|nothing|an?|one|two|three|some|several) (?:things? )?"
            r"(?:to do|planned|reminders?|appointments?|visits?|visitors?)\b"
        ),
        "Ask me what is on your list, and I will read it to you.",
    ),
    Rule(
        re.compile(r"\byour (?:first |last |full )?name is\b|\byou are called\b"),
        "Ask me what your name is, and I will tell you.",
    ),
    Rule(
        re.compile(
            r"\bi(?: have|'ve| just|'ll| will|'m going to| am going to| can)(?: just| now| already"
            r"| also)? (?:set|setting|call|called|phone|phoned|ring|rung|remind|reminded|turn"
            r"|turned|switch|switched|send|sent|order|ordered|book|booked|add|added|open|opened|close"
            r"|closed|lock|locked|unlock|unlocked|start|started|cancel|cancelled|wake|woken|notify"
            r"|notified|write|written|message|messaged|fetch|bring)\b"
            r"|\b(?:timer|alarm|reminder) (?:is|has been) (?:now )?(?:set|on|started)\b"
            r"|\b(?:help|an ambulance|the doctor|a doctor|somebody|someone) is (?:coming|on "
            r"(?:the|its|his|her) way)\b"
        ),
        "I cannot do that myself.",
    ),
    Rule(  # what somebody complains of has happened
        re.compile(r"\b(?:it|that|this) (?:did not|didn't|never) happen(?:ed)?\b"),
        "Please tell somebody you trust about it.",
    ),
)


def checked(sentence: str) -> str:
    """The sentence, or its honest replacement."""
    words = said_words(normalised(sentence, "british"))  # a time in digits is a time, too
    return next((rule.instead for rule in RULES if rule.pattern.search(words)), sentence)


def guarded(sentences: Iterator[str]) -> Iterator[str]:
    """The sentences of a reply, each checked; no replacement is said twice."""
    said: set[str] = set()
    for sentence in sentences:
        after = checked(sentence)
        if after is sentence:
            yield sentence
        elif after not in said:
            said.add(after)
            yield after
