"""The tables beside this module, which anybody can extend."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path


def table(name: str) -> list[list[str]]:
    """The lines of a table, as columns."""
    text = Path(__file__).with_name(name).read_text("utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


def either(written: Iterable[str]) -> str:
    """A pattern for any of some texts, the longest first."""
    return "|".join(re.escape(each) for each in sorted(written, key=len, reverse=True))
