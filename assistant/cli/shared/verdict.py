"""What the gate found about a bridge: in a sentence, or as a table of figures."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping

from assistant.cli.shared.output import print_table

_FIGURES = {
    "sentences with every word right": "{}_right",
    "wrong words per word said": "{}_word_error",
    "replies as to the true text (ROUGE-1)": "{}_rouge1",
}
"""What is measured for every route, and under which names."""


def add_verbose(parser: argparse.ArgumentParser) -> None:
    """Add ``--verbose``, which shows the figures."""
    parser.add_argument("--verbose", action="store_true", help="also print what was measured")


def understood(numbers: Mapping[str, object]) -> str | None:
    """Such as "of 12 test sentences it understands 8; plain transcription, 4", if measured."""
    count = number(numbers, "held_out")
    shares = number(numbers, "after_right"), number(numbers, "transcript_right")
    if count is None or shares[0] is None or shares[1] is None:
        return None
    now, transcript = (round(share * count) for share in shares if share is not None)
    return f"of {count:.0f} test sentences it understands {now}; plain transcription, {transcript}"


def change(numbers: Mapping[str, object]) -> str:
    """Such as "4 → 8 of 12" sentences understood; empty if not measured."""
    count = number(numbers, "held_out")
    then, now = number(numbers, "before_right"), number(numbers, "after_right")
    if count is None or then is None or now is None:
        return ""
    return f"{round(then * count)} → {round(now * count)} of {count:.0f}"


def print_figures(numbers: Mapping[str, object]) -> None:
    """Print a table of what was measured, if anything was."""
    if rows := [row for row in _rows(numbers) if any(row[1:])]:
        print_table(("ON HELD-OUT SPEECH", "BEFORE", "AFTER", "TRANSCRIPT"), rows)


def number(numbers: Mapping[str, object], name: str) -> float | None:
    """A figure of a verdict, if it has it."""
    value = numbers.get(name)
    return float(value) if isinstance(value, int | float) else None


def _rows(numbers: Mapping[str, object]) -> Iterator[tuple[str, ...]]:
    for title, figure in _FIGURES.items():
        of = ("before", "after", "transcript")
        yield title, *(_cell(numbers, figure.format(each)) for each in of)
    for title, figure in _FIGURES.items() if numbers.get("canaries") else ():
        of = ("canary_before", "canary_after")
        yield f"common talk: {title}", *(_cell(numbers, figure.format(each)) for each in of), ""
    gain = (_cell(numbers, name) for name in ("gain", "gain_at_least", "gain_p"))
    for title, value in zip(("fewer wrong words", "at least", "by chance"), gain, strict=True):
        yield title, "", value, ""


def _cell(numbers: Mapping[str, object], name: str) -> str:
    value = number(numbers, name)
    return "" if value is None else f"{value:.2f}"
