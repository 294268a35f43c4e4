"""Emergencies and harmless talk with the same words, from ``distress.tsv``."""

from __future__ import annotations

from pathlib import Path

from assistant.skills.grammar import grammar

LINES = [
    line.split("\t")
    for line in Path(__file__).with_name("distress.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
]


def heard(words: str) -> str:
    found = grammar("distress").request(words)
    return "-" if found is None else found.name


def test_emergencies_are_met_as_what_they_are() -> None:
    wrong = [
        (words, heard(words))
        for words, meant in LINES
        if meant != "-" and heard(words) not in meant.split(" | ")
    ]
    assert not wrong, wrong


def test_harmless_talk_raises_no_alarm() -> None:
    wrong = [
        (words, heard(words)) for words, meant in LINES if meant == "-" and heard(words) != "-"
    ]
    assert not wrong, wrong
