"""Kinds of command-line arguments that several commands take."""

from __future__ import annotations

import argparse
import re
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TypeAlias

# argparse has no public name for it.
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
"""What ``register`` of every command file adds its parsers to."""

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def add_shared(parser: argparse.ArgumentParser) -> None:
    """Add the flags of every command that answers."""
    parser.add_argument("--database", type=Path, metavar="FILE", help="the journal to use")
    parser.add_argument(
        "--wav-dir",
        type=Path,
        metavar="FOLDER",
        help="write replies to files there instead of speaking",
    )


def moment(text: str) -> datetime:
    """A moment, timezone-aware, from "today", "yesterday", "2h" (ago) or ISO 8601 (local time).

    Raises:
        argparse.ArgumentTypeError: if it is none of these.
    """
    now = datetime.now().astimezone()
    try:
        if text in ("today", "yesterday"):
            day = now.date() - timedelta(days=text == "yesterday")
            return datetime.combine(day, time()).astimezone()
        if ago := re.fullmatch(r"(\d+)\s*([smhdw])", text):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text)).astimezone()
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time: use 'today', 'yesterday', '30m', '2h', '7d' or a date "
            "such as '2026-03-01' or '2026-03-01T18:30'"
        ) from None


def positive(text: str) -> int:
    """A whole number above 0; raises ``argparse.ArgumentTypeError`` for anything else."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
