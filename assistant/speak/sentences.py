"""Splits text into sentences while it is still being written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from assistant.speak.tables import abbreviations
from assistant.spoken_times import MONTHS, WEEKDAYS

LONG = 200
"""Characters after which a sentence without an end is cut at a comma or a space."""

_KNOWN = {mark: {each.lower() for each in words} for mark, words in abbreviations().items()}
_DAYTIME = ("a.m.", "p.m.")
_BEGINNINGS = frozenset(
    (
        "a after also although an and are as at be because before but can come could did do does "
        "first for from go have he her here his how however i if in is it its just let maybe "
        "my no not now of on or our perhaps please she should so take thank that the their then "
        "there these they this those to today try was we well were what when where which while who "
        "why will with would yes you your"
    ).split()
)
"""Words with which sentences begin, and names do not."""
_ZONES = "est edt cst cdt mst mdt pst pdt et ct pt gmt utc bst cet cest"
_MOMENTS = frozenset(
    (*_ZONES.split(), *(name[:n].lower() for name in (*WEEKDAYS, *MONTHS) for n in (3, len(name))))
)
"""What follows a time of day."""

# a mark, closing quotes or brackets, and the start of what follows; or the end of a line
_MARK = re.compile(
    r"""(?P<mark>[.!?\u2026]+)["'\u201d\u2019)\]*_]*(?=\s+["'\u201c\u2018(\[*_]*(?P<next>\S))|\n"""
)
_END = re.compile(r"""(?P<mark>[.!?\u2026]+)["'\u201d\u2019)\]*_]*$""")
_WORD_BEFORE = re.compile(r"[^\W\d_](?:[^\W\d_]|\.(?=[^\W\d_]))*$")
_WORD = re.compile(r"[^\W\d_]+")
_VOWEL = re.compile("[aeiouy]")
_OPENING = " \"'(*_"


class Splitter:
    """Takes text as it is written, and gives each sentence once what follows shows its end."""

    def __init__(self) -> None:
        self._text = ""

    def push(self, piece: str) -> Iterator[str]:
        """The sentences that have ended; all of them have to be taken before the next piece."""
        for start in range(0, len(piece), LONG):  # bounds the work, however long a piece is
            self._text = (self._text + piece[start : start + LONG]).lstrip()
            yield from self._ended()

    def flush(self) -> Iterator[str]:
        """The rest: nothing more comes."""
        yield from self._ended(is_all=True)
        yield from _speakable(self._text)
        self._text = ""

    def _ended(self, *, is_all: bool = False) -> Iterator[str]:
        while (end := _end(self._text, is_all=is_all)) is not None:
            sentence, self._text = self._text[:end], self._text[end:].lstrip()
            yield from _speakable(sentence)


def sentences(pieces: Iterable[str]) -> Iterator[str]:
    """The sentences of a stream of text pieces, each as soon as what follows shows its end.

    White space around them is dropped, and so is text without letters or digits.
    """
    splitter = Splitter()
    for piece in pieces:
        yield from splitter.push(piece)
    yield from splitter.flush()


def is_whole(sentence: str) -> bool:
    """Whether a text ends as sentences do, and not with an abbreviation or in the middle."""
    found = _END.search(sentence.rstrip())
    if found is None:
        return False
    before = sentence[: found.start()]
    word = _WORD_BEFORE.search(before)
    return found["mark"] != "." or not (
        before.isdigit() or (word and f"{word[0].lower()}." in _KNOWN["*"])
    )


def _speakable(text: str) -> list[str]:
    text = text.strip()
    return [text] if any(character.isalnum() for character in text) else []


def _end(text: str, *, is_all: bool = False) -> int | None:
    """Where the first sentence ends, if that is certain; ``is_all`` if nothing comes behind."""
    for found in _MARK.finditer(text):
        if found.start() > LONG:
            break
        if found["mark"] != ".":
            return found.end()
        behind = text[found.start("next") :]
        if not is_all and _WORD.fullmatch(behind) and len(behind) < LONG and _matters(text, found):
            return None
        if not _goes_on(text[: found.start()], behind):
            return found.end()
    if len(text) <= LONG:
        return None
    comma = max(text.rfind(mark, LONG // 4, LONG) for mark in (", ", "; ", ": "))
    if comma > 0:
        return comma + 1
    space = text.rfind(" ", 0, LONG)
    return space if space > 0 else LONG


def _matters(text: str, mark: re.Match[str]) -> bool:
    """Whether the word behind a full stop has to be known as a whole."""
    word = _WORD_BEFORE.search(text[: mark.start()])
    return word is not None and mark["next"].isupper() and _is_short(word[0])


def _is_short(word: str) -> bool:
    """Whether a full stop behind a word is one of an abbreviation, an acronym or an initial."""
    is_initial = len(word) == 1 and word.isupper() and word != "I"
    return is_initial or "." in word or f"{word.lower()}." in _KNOWN["^"]


def _goes_on(before: str, behind: str) -> bool:
    """Whether a single full stop between these does not end the sentence."""
    found = _WORD_BEFORE.search(before)
    if before.isdigit():  # of a list
        return True
    if found is None:
        return False
    word = f"{found[0].lower()}."
    if behind[0].isdigit():
        goes_on = any(word in words for words in _KNOWN.values()) or not _VOWEL.search(word)
    elif behind[0].islower():
        # who writes without capitals begins sentences without them, too
        has_capitals = not before.lstrip(_OPENING)[:1].islower()
        goes_on = has_capitals or word in _KNOWN[""] or "." in found[0]
    else:
        next_word = _WORD.match(behind)
        goes_on = next_word is not None and _is_short(found[0]) and _belongs(word, next_word[0])
    return goes_on or word in _KNOWN["*"]


def _belongs(word: str, next_word: str) -> bool:
    """Whether a capitalised word goes with the abbreviation before it."""
    if word in _DAYTIME:
        return next_word.lower() in _MOMENTS
    return next_word.lower() not in _BEGINNINGS
