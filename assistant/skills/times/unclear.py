"""What was said of a time beyond what was understood: such words are refused.

Beside the marks that the grammar leaves stands what is no part of the time, such as "call Peter". A
number there, an "or" or an "until" says something of it that would silently be lost.
"""

from __future__ import annotations

import re

from assistant.skills.times.days import DAY, MONTH, PART
from assistant.skills.times.durations import UNIT
from assistant.skills.times.numbers import BELOW_100, ORDINALS, either
from assistant.skills.times.said import DAY_PART, MARK, TIME

_NUMBER = rf"(?:{either(BELOW_100)}|hundred|thousand|half|quarter)"
_PERIOD = rf"(?:{UNIT}|months?|years?|{DAY}s?|{PART}s?|weekends?|weekdays?)"
_JOINTS = (
    "(?:and|or|to|till?|until|at|about|by|an?|no|not|i|mean|sorry|rather|wait|actually|but|then"
    "|except|also|again|later|maybe|through|for)"
)
_UNCLEAR = re.compile(
    # What stands before or behind a mark and belongs to it, though it was not understood.
    rf"\b(?:{_NUMBER}(?: (?:to|or|and))?|oh|point|until|till?|before|after|since|from|between|not"
    rf"|except|unless|than|last|past|ago|other|every|each|per|am|pm|{either(ORDINALS)}"
    rf"|(?<!good ){PART}|(?!april|june|august|may|march){MONTH}(?: the)?) \|"
    rf"|\| (?:(?!for|to){_JOINTS} )*(?:to )?(?:{_NUMBER}|{UNIT}|{PART}|am|pm"
    rf"|the (?:{_NUMBER}|{either(ORDINALS)}))(?![\w'])"
    rf"|\| (?:past|o'clock|of|ago|except|but not|after next|oh|point|each)\b"
    rf"|\| (?:{_JOINTS} )+\||\| (?:and|or|to) {_PERIOD}(?![\w'])"
    # What says when or how often in a way that no moment can hold.
    rf"|\b(?:every|each) (?:\w+ )?(?:\||{_PERIOD})(?![\w'])|\b(?:every|each) other\b"
    rf"|\b(?:once|twice|thrice|times) (?:an?|per|every|each|\|)|\b(?:same|this|current) time\b"
    rf"|\b(?:yesterday|hourly|weekly|fortnightly|monthly|yearly|annually|ago|o'clock|pm)\b"
    rf"|\b{UNIT} (?:later|earlier|before|ago)\b|\b(?:noon|midday|midnight)\b|\b{_NUMBER} am\b"
    rf"|\b(?:at|on|over|this|next|last) (?:the )?weekend\b"
    rf"|\b(?:in|next|this|last|after|within) (?:the )?(?:(?:{_NUMBER}|an?|few|couple|of|some) )*"
    rf"(?:weeks?|months?|years?|{MONTH})(?![\w'])|\b(?:at|on) (?:the )?{_NUMBER}(?![\w'])"
)
_BOUNDED = re.compile(
    rf"\b(?:until|till?) (?!(?:i|he|she|it|we|you|they)\b)"
    rf"|\bfor (?:the next )?(?:(?:{_NUMBER}|an?|few|couple|of|some) )+(?:days?|weeks?|months?)\b"
)
_TWO_THINGS = re.compile(rf"[{TIME}{DAY_PART}].*\b(?:and|or|then|but)\b.*[{TIME}{DAY_PART}]")
"""The blue pill at eight, and the red one in the evening."""


def says_more(text: str, *, repeats: bool) -> bool:
    """Whether marked words say no time, or more of it than the marks stand for."""
    if not re.search(MARK, text) or _TWO_THINGS.search(text):
        return True
    text = re.sub(rf"{MARK}(?: {MARK})*", "|", text)
    return bool(_UNCLEAR.search(text) or (repeats and _BOUNDED.search(text)))
