"""Markdown of the report: tables and figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

DASH = "\N{EN DASH}"
"""Stands where there is nothing to say."""


def table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table whose first column is text and whose others are figures."""
    yield "| " + " | ".join(header) + " |"
    yield "|---" + "|---:" * (len(header) - 1) + "|"
    for line in lines:
        yield "| " + " | ".join(line) + " |"
    yield ""


def number(value: float) -> str:
    """Three digits, and no powers of ten."""
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:.3g}"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: 'a, b and c'."""
    return " and ".join([part for part in (", ".join(names[:-1]), *names[-1:]) if part])
