"""Abbreviations, Roman numbers, addresses and links as they are said."""

from __future__ import annotations

import re

from assistant.speak.normalise.numbers import Accent, Rule, always, cardinal, ordinal, stop_of, year
from assistant.speak.tables import abbreviations, either, table
from assistant.spoken import digit_by_digit

_REGNAL: dict[str, list[str]] = {}
for _kind, _words in table("regnal.tsv"):
    _REGNAL.setdefault(_kind, []).extend(_words.split())

_ROMAN = r"(?P<roman>(?=[IVXL])(?:XL|L?X{0,3})(?:IX|IV|V?I{0,3})(?<=[IVXL]))"
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50}
_STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California",
    "CO": "Colorado", "CT": "Connecticut", "DE": "Delaware", "FL": "Florida", "GA": "Georgia",
    "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa",
    "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana", "ME": "Maine", "MD": "Maryland",
    "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota", "MS": "Mississippi",
    "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire",
    "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina",
    "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania",
    "RI": "Rhode Island", "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee",
    "TX": "Texas", "UT": "Utah", "VT": "Vermont", "VA": "Virginia", "WA": "Washington",
    "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming", "DC": "D C",
}  # fmt: skip
_STREET = (
    r"(?:Street|St\b|Avenue|Ave\b|Road|Rd\b|Lane|Ln\b|Drive|Dr\b|Boulevard|Blvd\b|Court|Ct\b|Place"
    r"|Pl\b|Square|Way|Highway|Hwy\b|Terrace|Close|Crescent|Gardens|Parkway|Pkwy\b)"
)
_QUARTERS = {"NW": "Northwest", "NE": "Northeast", "SW": "Southwest", "SE": "Southeast"}
_SIDES = {"N": "North", "S": "South", "E": "East", "W": "West"}


def _roman(written: str) -> int:
    values = [_VALUES[letter] for letter in written]
    after = [*values[1:], 0]
    return sum(-n if n < next_n else n for n, next_n in zip(values, after, strict=True))


def _ruler(found: re.Match[str], accent: Accent) -> str:
    number = ordinal(str(_roman(found["roman"])), accent)
    return f"{found['who']} the {number.capitalize()}"


def _counted(found: re.Match[str], accent: Accent) -> str:
    return f"{found['what']} {cardinal(str(_roman(found['roman'])), accent)}"


def _house(found: re.Match[str], accent: Accent) -> str:
    digits, letter, side = found["number"], found["letter"] or "", found["side"]
    if len(digits) == 4:
        said = year(digits, accent)
    elif len(digits) == 3 and digits[1:] != "00":
        apart = f"{cardinal(digits[0], accent)} {_pair(digits[1:])}"
        said = digit_by_digit(digits) if accent == "british" else apart
    else:
        said = cardinal(digits, accent)
    parts = (said, letter, _SIDES[side] if side else "", found["street"].strip())
    return " ".join(filter(None, parts)) + " "


def _pair(digits: str) -> str:
    return f"oh {digit_by_digit(digits[1])}" if digits[0] == "0" else cardinal(digits, "american")


def _link(found: re.Match[str], accent: Accent) -> str:
    """The site, without its scheme and without the path that nobody could write down."""
    del accent
    host = found["host"]
    return _dotted(host)


def _dotted(name: str) -> str:
    return " dot ".join(re.sub(r"[-_]", " ", name).split("."))


def _mail(found: re.Match[str], accent: Accent) -> str:
    del accent
    return f"{_dotted(found[1])} at {_dotted(found[2])}"


_ABBREVIATIONS = abbreviations()
_KINDS = {
    "": (r"(?<![\w./])", r"(?![\w/])"),
    "*": (r"(?<![\w./])", r"(?![\w/])"),
    "#": (r"(?<![\w./])", r"(?=\s?\d)"),
    "^": (r"(?<![\w./])", r"(?=\s+[A-Z])"),
    "$": (r"(?P<name>\b[A-Z][\w'\u2019]*\s)", r"(?![\w/.]|\s+[A-Z])"),
}
"""What has to stand before and behind an abbreviation of this kind."""


def _abbreviations(kind: str) -> Rule:
    """A rule for all that want the same before and behind them."""
    full = _ABBREVIATIONS[kind]
    before, behind = _KINDS[kind]

    def said(found: re.Match[str], accent: Accent) -> str:
        del accent
        name = found.groupdict().get("name") or ""
        return name + full[found["word"]] + stop_of(found)

    return re.compile(f"{before}(?P<word>{either(full)}){behind}"), said


FIRST: tuple[Rule, ...] = (
    _abbreviations("#"),
    (re.compile(r"(?<![\w.])([\w.+-]+)@((?:[\w-]+\.)+[A-Za-z]{2,})\b"), _mail),
    (
        re.compile(
            r"(?:\b(?:https?|ftp)://(?:www\.)?|\bwww\.)(?P<host>[\w-]+(?:\.[\w-]+)*)"
            r"(?::\d+)?(?:[/?#][^\s<>\"')\]]*[\w/=])?/?"
        ),
        _link,
    ),
    (
        re.compile(
            r"(?<![\w./@])(?P<host>(?:[A-Za-z][\w-]*\.)+(?:com|org|net|edu|gov|info|io|co\.uk|uk|de|fr"
            r"|eu|app|dev|ai|tv))(?:/[^\s<>\"')\]]*\w)?/?(?![\w@])"
        ),
        _link,
    ),
    (
        re.compile(
            r"(?<![\w.,$\u00a3\u20ac-])(?P<number>\d{1,4})(?P<letter>[A-Z])?\s(?:(?P<side>[NSEW])\b\.?\s)?"
            rf"(?P<street>(?:[A-Z\d][\w']*\s){{1,3}}?(?={_STREET}))"
        ),
        _house,
    ),
    (
        re.compile(rf"(?<=[a-z],\s)({'|'.join(_STATES)})(?:\s(\d{{5}})(?:-(\d{{4}}))?)?\b"),
        lambda found, _: " ".join(
            filter(None, (_STATES[found[1]], *(digit_by_digit(g) for g in found.groups()[1:] if g)))
        ),
    ),
    (
        re.compile(r"\b([A-Z]{1,2})(\d{1,2})([A-Z])?\s(\d)([A-Z]{2})\b"),
        lambda found, _: (
            f"{' '.join(found[1])} {digit_by_digit(found[2])}{' ' + found[3] if found[3] else ''}, "
            f"{digit_by_digit(found[4])} {' '.join(found[5])}"
        ),
    ),
    (
        re.compile(r"\b(?:zip|ZIP|Zip|[Pp]ostal)(?: code)? (?:is )?(\d{5})\b"),
        lambda found, _: found[0].replace(found[1], digit_by_digit(found[1])),
    ),
    (re.compile(r"(?<=[a-z]\s)(NW|NE|SW|SE)\b"), lambda found, _: _QUARTERS[found[1]]),
    (
        re.compile(
            rf"\b(?P<who>(?:{'|'.join(_REGNAL['title'])})\s(?:[A-Z][a-z]+\s)*?[A-Z][a-z]+)\s{_ROMAN}\b"
        ),
        _ruler,
    ),
    (
        re.compile(rf"\b(?P<who>{'|'.join(_REGNAL['name'])})\s(?![IVXL]\b){_ROMAN}\b"),
        _ruler,
    ),
    (
        re.compile(rf"\b(?P<what>(?i:{'|'.join(_REGNAL['thing'])}))\s{_ROMAN}\b"),
        _counted,
    ),
    (  # a drip is an IV, and a size XL
        re.compile(
            rf"\b(?!The|An\b)(?P<what>[A-Z]\w+)\s(?!(?:[IVXL]|IV|XL|XX|LI)\b){_ROMAN}\b(?!')"
        ),
        _counted,
    ),
    _abbreviations("$"),
    _abbreviations("^"),
)
"""What holds numbers that are not read as numbers; before all others."""

LAST: tuple[Rule, ...] = (
    _abbreviations("*"),
    _abbreviations(""),
    (  # "U.S."
        re.compile(r"\b(?:[A-Z]\.){2,}(?!\w)|\b[A-Z]\.[A-Z]\b"),
        lambda found, _: " ".join(found[0].replace(".", "")) + stop_of(found),
    ),
    (re.compile(r"(?<=\w)\s?&\s?(?=\w)|\s&\s"), always(" and ")),
    (re.compile(r"(?<=[a-z])/(?=[a-z])"), always(" or ")),
    (re.compile(r"\s@\s"), always(" at ")),
    (re.compile(r"(?<=\w)\s?\+\s?(?=\w)"), always(" plus ")),
    (re.compile(r"(?<=\w)\s=\s(?=\w)"), always(" equals ")),
    (re.compile(r"\s+[\u2013\u2014-]+\s+|(?<=\w)\u2014(?=\w)"), always(", ")),
)
"""What is left when every number is in words."""
