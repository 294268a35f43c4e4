"""Money and measurements as they are said."""

from __future__ import annotations

import re

from assistant.speak.normalise.numbers import (
    DASH,
    DECIMAL,
    MINUS,
    SCALES,
    Accent,
    Rule,
    always,
    amount,
    cardinal,
    fraction,
    mixed,
    stop_of,
)
from assistant.speak.tables import either, table

_MONEY = {written: names for written, *names in table("currencies.tsv")}
_UNITS = {
    name: (one, several)
    for written, one, several in table("units.tsv")
    for name in (written, one, several)
}
_SCALE = r"(?:\s?(?P<scale>thousand|million|billion|trillion|bn|tn|[kmb](?![\w/])))?"
_COINS = {"\u00a2": ("cent", "cents"), "p": ("penny", "pence"), "c": ("cent", "cents")}
_FEW = r"(?:\d{1,3} )?\d{1,2}/\d{1,2}"  # a fraction, or a whole number with one


def _money(found: re.Match[str], accent: Accent) -> str:
    names = _MONEY[found["sign"] or found["code"]]
    one, several, coin, coins = names
    first, last = found["first"], found["last"]
    scale = found["scale"]
    if scale or last:
        said = amount(first, accent)
        if last:
            said += f" to {amount(last, accent)}"
        return f"{said} {SCALES.get(scale.lower(), scale) + ' ' if scale else ''}{several}"
    whole, _, cents = first.partition(".")
    whole = whole.replace(",", "")
    if cents and (len(cents) != 2 or not coin):
        return f"{amount(first, accent)} {several}"
    small = f"{cardinal(cents, accent)} {coin if int(cents) == 1 else coins}" if cents else ""
    large = f"{cardinal(whole or '0', accent)} {one if whole == '1' else several}"
    if not cents or int(cents) == 0:
        return large
    if not whole or int(whole) == 0:
        return small
    if accent == "british" and int(cents) >= 10:
        return f"{large} {cardinal(cents, accent)}"
    return f"{large} and {small}"


def _measured(found: re.Match[str], accent: Accent) -> str:
    first, last = found["first"], found["last"]
    one, several = _UNITS[found["unit"]]
    said = _quantity(first, accent)
    if last:
        said += f" to {_quantity(last, accent)}"
    if found["minus"]:
        said = f"{'minus' if accent == 'british' else 'negative'} {said}"
    is_fraction = "/" in first and " " not in first
    stop = stop_of(found)
    if found["by"] == "-":  # "a 5-kg bag"
        return f"{said}-{one}{stop}"
    if is_fraction and one not in ("percent", "per mille"):
        of = f"{'an' if one[0] in 'aeio' or one == 'hour' else 'a'} {one}{stop}"
        return f"half {of}" if first == "1/2" else f"{said} of {of}"
    return f"{said} {one if first == '1' and not last else several}{stop}"


def _quantity(written: str, accent: Accent) -> str:
    whole, _, part = written.rpartition(" ")
    if "/" not in part:
        return amount(written, accent)
    over, under = part.split("/")
    return mixed(whole, over, under, accent) if whole else fraction(over, under, accent)


def _feet(found: re.Match[str], accent: Accent) -> str:
    return f"{cardinal(found[1], accent)} foot {cardinal(found[2], accent)}"


_EACH = r"(?:second|minute|hour|day|night|week|month|year|person|head|mile|piece|item)\b"

RULES: tuple[Rule, ...] = (
    (re.compile(rf"/(?={_EACH})"), always(" per ")),
    (  # "10%-20%"
        re.compile(rf"(?<=[%\u00b0CF])\s?{DASH}\s?(?=\d)"),
        always(" to "),
    ),
    (  # "10 x 15 cm"
        re.compile(rf"{DECIMAL}(?:\s?[x\u00d7]\s?{DECIMAL})+(?=\s?(?:{either(_UNITS)})(?!\w))"),
        lambda found, _: re.sub(r"\s?[x\u00d7]\s?", " by ", found[0]),
    ),
    (
        re.compile(
            rf"(?<![\w])(?P<sign>{either(w for w in _MONEY if not w.isalpha() or w == 'Rs.')})\s?"
            rf"(?P<first>{DECIMAL})(?:\s?{DASH}\s?(?:[$\u00a3\u20ac])?(?P<last>{DECIMAL}))?"
            rf"{_SCALE}(?P<code>(?!))?(?![\d])"
        ),
        _money,
    ),
    (
        re.compile(
            rf"(?P<sign>(?!))?(?<![\w.])(?P<first>{DECIMAL})(?:\s?{DASH}\s?(?P<last>{DECIMAL}))?"
            rf"{_SCALE}\s?(?P<code>{either(_MONEY)})(?!\w)"
        ),
        _money,
    ),
    (
        re.compile(rf"(?<![\w.])({DECIMAL})(\u00a2|p\b|c\b)"),
        lambda found, accent: f"{amount(found[1], accent)} {_COINS[found[2]][found[1] != '1']}",
    ),
    (
        re.compile(
            r"(?<![\w.])(\d{1,2})\s?(?:'|\u2019|\u2032)\s?(\d{1,2})\s?(?:\"|\u201d|\u2033|'')?(?!\w)"
        ),
        _feet,
    ),
    (
        re.compile(
            rf"(?<![\w.,/])(?P<minus>{MINUS})?(?P<first>{_FEW}|{DECIMAL})"
            rf"(?:\s?(?:{DASH}|\bto\b)\s?(?P<last>{DECIMAL}))?"
            rf"(?P<by>[\s-])?(?P<unit>{either(_UNITS)})(?![\w/\u00b2\u00b3])"
        ),
        _measured,
    ),
)
