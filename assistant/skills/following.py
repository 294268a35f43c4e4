"""What words mean after what was said before: "and tomorrow?", "pause it", "no, make it ten"."""

from __future__ import annotations

import re

from assistant.skills.skill import Said
from assistant.spoken import said_words

_STORY = re.compile(
    r"(?:i|he|she|we|they|you|it|then|so|that|this|there|now)\b|(?:my|our|his|her)\b(?:.* ){2}",
    re.IGNORECASE,
)
_MOST = 5
"""Words that go on from before; more of them are a story."""

_LEADING = re.compile(r"^(?:(?:and|or|what about|how about|then|it is|it's)[\s,]+)+", re.IGNORECASE)
_IT = re.compile(
    r"\b(?:it|them|they|that(?=$| (?:again|now|in|on|for|to))|this one|he|she|him|her)\b",
    re.IGNORECASE,
)
_WHICH = re.compile(r"\bthe (?P<which>first|second|third|last|next|other) one\b", re.IGNORECASE)
_OWNER = re.compile(r"\b(?:her|his|their|its) (?=\w)", re.IGNORECASE)
_RATHER = re.compile(
    r"(?:(?:no|wait|sorry|actually|oh)[ ,]+)*(?:make (?:it|that)|i meant?|rather|change it to"
    r"|better|i said) (?P<what>.+)"
)
_MORE_TIME = re.compile(
    r"(?:add|put|give|stick)(?: (?:on|me|another))*(?: [\w-]+){1,4} (?:second|minute|hour)s?"
    r"(?: (?:more|extra|on|please))*$",
    re.IGNORECASE,
)
_TO = re.compile(r"^(?:for|at|in|on|to|until|till)\s+", re.IGNORECASE)


def bare(words: str) -> str:
    """Words without the marks around them."""
    return words.strip(" .,;!?")


def added(words: str) -> str:
    """What goes on from before: "tomorrow" in "and tomorrow?"."""
    return _LEADING.sub("", bare(words))


def goes_on(words: str, said: Said) -> bool:
    """Whether words may go on from a reply, as the answer to a question or with "and"."""
    rest = added(words)
    if said.text.endswith("?"):
        return True
    is_more = rest != bare(words) and not re.match(r"it(?: is|'s)\b", words, re.IGNORECASE)
    return is_more and len(rest.split()) <= _MOST and not _STORY.match(rest)


def completed(rest: str, said: Said) -> tuple[str, ...]:
    """The requests that ``rest`` makes of what a reply may be followed by."""
    templates = (said.completes,) if isinstance(said.completes, str) else said.completes
    parts = tuple(filter(None, (rest, _TO.sub("", rest))))
    return tuple(filled(template, each) for template in templates for each in parts)


def filled(template: str, words: str) -> str:
    """A template with words in its place; both may hold any characters, as people type them."""
    return template.replace("{}", words, 1)


def meant_by(words: str, about: str) -> tuple[str, ...]:
    """The words with what they are about in the place of "it", or at their end."""
    plain = added(words)
    noun = about.removeprefix("the ").removeprefix("my ")
    whole = _WHICH.sub(lambda found: f"the {found['which']} {noun}", plain)
    whole = _OWNER.sub(lambda _: f"{about}'s ", whole)
    whole = _IT.sub(lambda _: about, whole)
    if whole == plain and about.endswith("timer") and _MORE_TIME.match(plain):
        return (f"{plain} to {about}",)  # "add five minutes"
    return (whole,) if whole != plain else ()


def rather(words: str) -> str | None:
    """What somebody corrects themselves to, if they do: "ten" in "no, make it ten"."""
    found = _RATHER.match(said_words(words))
    return None if found is None else found["what"]
