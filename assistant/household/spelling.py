"""One spelling of words that Britain and America write differently.

A recogniser writes what it has read most, whoever speaks and whatever the household typed: "your
neighbor" has to find the note on the neighbour. Only for comparing; it is no dictionary.
"""

from __future__ import annotations

import re

_RULES = (
    # colour, neighbour, favourite
    (re.compile(r"\b(arm|behavi|col|fav|flav|harb|hon|hum|lab|neighb|od|parl|rum|sav|vap)our"),
     r"\1or"),
    # centre, theatre, kilometre
    (re.compile(r"\b(cent|fib|lit|theat|sab|spect|(?:kilo|centi|milli)?met)re(s?)\b"), r"\1er\2"),
    # organise, organised, organising, organisation
    (re.compile(r"(?<=\w{3})(i|y)s(e[sd]?|ing|ation|er|ers)\b"), r"\1z\2"),
    # travelled, travelling, jeweller
    (re.compile(r"(?<=[aeiou])ll(ed|ing|er|ers|ery)\b"), r"l\1"),
    # catalogue, dialogue; programme
    (re.compile(r"(?<=\w{2}[ao])(g)ue(s?)\b"), r"\1\2"),
    (re.compile(r"\b(kilogram|program)mes?\b"), r"\1"),
)  # fmt: skip
_WORDS = {
    "aluminum": "aluminium", "analog": "analogue", "catsup": "ketchup", "check": "cheque",
    "checks": "cheques", "chili": "chilli", "cozy": "cosy", "donut": "doughnut",
    "donuts": "doughnuts", "gray": "grey", "jewelry": "jewelery", "licence": "license",
    "mold": "mould", "mom": "mum", "mom's": "mum's", "mommy": "mummy", "moms": "mums",
    "mustache": "moustache", "omelet": "omelette", "pajamas": "pyjamas", "plow": "plough",
    "practise": "practice", "skeptical": "sceptical", "sulfur": "sulphur", "tire": "tyre",
    "tires": "tyres", "whiskey": "whisky", "woolen": "woollen", "yogurt": "yoghurt",
    "yogurts": "yoghurts",
}  # fmt: skip
_WORD = re.compile(r"[a-z']+")


def one_spelling(words: str) -> str:
    """Words as they are compared.

    Args:
        words: in the form of ``said_words``.
    """
    for pattern, common in _RULES:
        words = pattern.sub(common, words)
    return _WORD.sub(lambda found: _WORDS.get(found[0], found[0]), words)
