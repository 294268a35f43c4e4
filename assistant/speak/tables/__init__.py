"""What is written and how it is said: the tables in this folder, which anybody can extend."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

MARKS = "*^$#"


def table(name: str) -> list[list[str]]:
    """The lines of a table, as columns."""
    text = Path(__file__).with_name(name).read_text("utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


def either(written: Iterable[str]) -> str:
    """A pattern for any of some texts, the longest first."""
    return "|".join(re.escape(each) for each in sorted(written, key=len, reverse=True))


def abbreviations() -> dict[str, dict[str, str]]:
    """By the mark behind them, which says where they stand: as written, and as said."""
    found: dict[str, dict[str, str]] = {mark: {} for mark in ("", *MARKS)}
    for written, said in table("abbreviations.tsv"):
        mark = written[-1] if written[-1] in MARKS else ""
        found[mark][written.removesuffix(mark)] = said
    return found
