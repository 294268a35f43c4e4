"""Shows one exchange to a person."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict

from assistant.cli.shared.output import plain, print_line
from assistant.dialogue import CALLED, HALF, NO_WORDS, STOPPED, UNADDRESSED, WAITING
from assistant.journal.turn import Turn
from assistant.values import Route, Timings

_QUIET = {
    NO_WORDS: "a sound, but no words",
    STOPPED: "asked to stop",
    WAITING: "asked to wait",
    CALLED: "called, and waiting for what comes next",
    UNADDRESSED: "not said to Attune",
    HALF: "only the end of it was heard",
}
"""What is printed for an exchange without a reply."""

_STAGES = {
    "encode": "encode",
    "bridge": "bridge",
    "prefill": "prefill",
    "first_token": "first token",
    "first_audio": "first sound",
    "total": "total",
}


def show(turn: Turn, *, verbose: bool = False) -> None:
    """Print an exchange for a person, or with all that was measured."""
    print_line()
    if turn.error in _QUIET:
        print_line(f"  (exchange {turn.id}: {_QUIET[turn.error]})")
        return
    by_bridge = turn.route is Route.BRIDGE
    heard = turn.heard if by_bridge else turn.text
    print_line(f"  you     {plain(heard or '')}")
    if verbose and turn.hypothesis is not None and heard != turn.hypothesis:
        print_line(f"          (transcript: {plain(turn.hypothesis)})")
    print_line(f"  Attune  {plain(turn.reply or '')}")
    if turn.timings is not None:
        sure = turn.bridge_confidence if by_bridge else turn.confidence
        waited = answered_after(asdict(turn.timings))
        print_line(f"          {sure or 0:.0%} sure{', ' * bool(waited)}{waited}")
        if verbose:
            print_line(f"          {_measured(turn, turn.timings)}")
    sys.stdout.flush()


def outline(turn: Turn) -> dict[str, object]:
    """All that may be logged about an exchange: that it took place, and how long it took."""
    record = turn.record()
    return {name: record[name] for name in ("id", "started_at", "route", "timings_ms")}


def show_outline(turn: Turn, *, verbose: bool = False) -> None:
    """Print the outline in words."""
    times = None if turn.timings is None else asdict(turn.timings)
    waited = "" if times is None else answered_after(times)
    print_line(f"Exchange {turn.id}: {waited or ('no reply' if times is None else 'answered')}.")
    if verbose and turn.timings is not None:
        print_line(f"          {_measured(turn, turn.timings)}")
    sys.stdout.flush()


def answered_after(timings_ms: Mapping[str, float | None]) -> str:
    """How long a person waited, from the end of speech to the first sound; empty if unknown."""
    first_ms = timings_ms.get("first_audio")
    if first_ms is None:
        return ""
    return f"answered after {((timings_ms.get('endpoint') or 0) + first_ms) / 1_000:.1f} s"


def _measured(turn: Turn, timings: Timings) -> str:
    return f"{turn.route.value if turn.route else 'no'} route: {stages(asdict(timings))}"


def with_confidence(text: str | None, confidence: float | None) -> str:
    """What was understood, and how sure Attune was of it."""
    if not text:
        return "(none)" if text is None else "(no words)"
    return text if confidence is None else f"{text} ({confidence:.0%} sure)"


def stages(timings_ms: Mapping[str, float | None]) -> str:
    """Stage times in one line."""
    times = ((name, timings_ms.get(stage)) for stage, name in _STAGES.items())
    return ", ".join(f"{name} {ms:.0f}" for name, ms in times if ms is not None) + " ms"
