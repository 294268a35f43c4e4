"""Shows one exchange to a person."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict

from assistant.cli.shared.output import plain, print_line
from assistant.dialogue import CALLED, NO_WORDS, STOPPED, UNADDRESSED, WAITING
from assistant.journal.turn import Turn
from assistant.values import Route

_QUIET = {
    NO_WORDS: "a sound, but no words",
    STOPPED: "asked to stop",
    WAITING: "asked to wait",
    CALLED: "called, and waiting for what comes next",
    UNADDRESSED: "not said to Attune",
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


def show(turn: Turn) -> None:
    """Print an exchange for a person."""
    print_line()
    if turn.error in _QUIET:
        print_line(f"  (exchange {turn.id}: {_QUIET[turn.error]})")
        return
    by_bridge = turn.route is Route.BRIDGE
    heard = turn.heard if by_bridge else turn.text
    print_line(f"  you     {plain(heard or '')}")
    if turn.hypothesis is not None and heard != turn.hypothesis:
        print_line(f"          (transcript: {plain(turn.hypothesis)})")
    print_line(f"  Attune  {plain(turn.reply or '')}")
    if turn.timings is not None:
        sure = turn.bridge_confidence if by_bridge else turn.confidence
        route = turn.route.value if turn.route else "none"
        print_line(f"          {route} route, {sure or 0:.0%} sure")
        print_line(f"          {stages(asdict(turn.timings))}")
    sys.stdout.flush()


def outline(turn: Turn) -> dict[str, object]:
    """All that may be logged about an exchange: that it took place, and how long it took."""
    record = turn.record()
    return {name: record[name] for name in ("id", "started_at", "route", "timings_ms")}


def show_outline(turn: Turn) -> None:
    """Print the outline in words."""
    parts = [f"{turn.route.value} route"] if turn.route is not None else []
    if turn.timings is not None:
        parts.append(stages(asdict(turn.timings)))
    print_line(f"Exchange {turn.id}: {', '.join(parts) or 'no reply'}.")
    sys.stdout.flush()


def with_confidence(text: str | None, confidence: float | None) -> str:
    """What was understood, and how sure Attune was of it."""
    if not text:
        return "(none)" if text is None else "(no words)"
    return text if confidence is None else f"{text} ({confidence:.0%} sure)"


def stages(timings_ms: Mapping[str, float | None]) -> str:
    """Stage times in one line."""
    times = ((name, timings_ms.get(stage)) for stage, name in _STAGES.items())
    return ", ".join(f"{name} {ms:.0f}" for name, ms in times if ms is not None) + " ms"
