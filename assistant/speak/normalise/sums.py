"""Sums, and the signs of arithmetic, as they are said."""

from __future__ import annotations

import re

from assistant.speak.normalise.numbers import (
    DECIMAL,
    SCALES,
    Accent,
    Rule,
    always,
    amount,
    cardinal,
    ordinal,
)

_OPERATORS = {
    "+": "plus", "-": "minus", "\u2212": "minus", "\u2013": "minus", "*": "times",
    "\u00d7": "times", "x": "times", "X": "times", "/": "divided by", "\u00f7": "divided by",
    "=": "equals", "<": "is less than", ">": "is more than", "\u2264": "is at most",
    "\u2265": "is at least", "\u2260": "is not", "\u2248": "is about", "^": "to the power of",
    "\u00b1": "plus or minus",
}  # fmt: skip
_ANY = r"-+*/x\u2212\u2013\u00d7\u00f7^"
_CLEAR = r"*\u00d7\u00f7^+\u2264\u2265\u2260\u2248="  # which mean nothing else
_NUMBER = r"(?=[$\u00a3\u20ac]?\d)"
_TERM = rf"\(?[-\u2212]?{DECIMAL}[%\u00b2\u00b3]?\)?"
_OPERATOR = re.compile(
    r"(?<=[\d)%\u00b2\u00b3])\s*([-+*/=<>xX^\u2212\u2013\u00d7\u00f7\u2264\u2265\u2260\u2248])\s*"
    r"(?=[-\d(.?$\u00a3\u20ac\u221a])"
)


def _sum(found: re.Match[str], accent: Accent) -> str:
    """Its signs in words; its numbers are left to the rules behind this one."""
    del accent
    return _OPERATOR.sub(lambda sign: f" {_OPERATORS[sign[1]]} ", found[0])


def _power(found: re.Match[str], accent: Accent) -> str:
    if accent == "british":
        return f"to the power of {cardinal(found[1], accent)}"
    return f"to the {ordinal(found[1], accent)} power"


RULES: tuple[Rule, ...] = (
    (  # a chain with "=" is a sum, whatever its signs
        re.compile(
            rf"(?<![\w/.]){_TERM}(?:\s?[{_ANY}]\s?{_TERM})+"
            rf"\s?=(?:\s?[-\u2212]?{DECIMAL}|\s?\?)?"
        ),
        _sum,
    ),
    (  # so is one of signs with spaces around them, or of those that mean nothing else
        re.compile(rf"(?<![\w/.]){_TERM}(?:(?: [-+*/<>=\u2212] |\s?[{_CLEAR}]\s?){_TERM})+"),
        _sum,
    ),
    (re.compile(r"\bto the power of (\d+)\b"), _power),
    (re.compile(r"(?<=\d)\s?[x\u00d7]\s?(?=\d)"), always(" times ")),
    (
        re.compile(rf"(?<![\w.])({DECIMAL})\s?[x\u00d7](?!\w)"),
        lambda found, accent: f"{amount(found[1], accent)} times",
    ),
    (
        re.compile(rf"({DECIMAL})([\u00b2\u00b3])"),
        lambda found, accent: (
            amount(found[1], accent) + (" squared" if found[2] == "\u00b2" else " cubed")
        ),
    ),
    (
        re.compile(rf"({DECIMAL})\s?(k|bn|tn|thousand|million|billion|trillion)\b"),
        lambda found, accent: f"{amount(found[1], accent)} {SCALES.get(found[2], found[2])}",
    ),
    (re.compile(r"(?:#|\u2116)\s?(?=\d)"), always("number ")),
    (re.compile(r"(?<=\d)\+(?![\w+])"), always(" plus")),
)

SIGNS: tuple[Rule, ...] = (
    (re.compile(r"\u221a\s?(?=\d)"), always("the square root of ")),
    (re.compile(r"\u00b1\s?(?=\d)"), always("plus or minus ")),
    (re.compile(rf"[~\u2248]\s?{_NUMBER}"), always("about ")),
    (re.compile(rf"(?<![\w<])<\s?{_NUMBER}"), always("less than ")),
    (re.compile(rf"(?<![\w>])>\s?{_NUMBER}"), always("more than ")),
    (re.compile(rf"\u2264\s?{_NUMBER}"), always("at most ")),
    (re.compile(rf"\u2265\s?{_NUMBER}"), always("at least ")),
)
"""What stands in front of an amount, of whatever; before the rules for these."""
