"""Waits for what a supervised trainer does."""

from __future__ import annotations

from assistant.personalise.background.supervisor import Ended, Supervisor
from assistant.personalise.training.events import Event
from tests.waiting import until


def run(supervisor: Supervisor) -> tuple[list[Event], Ended]:
    """All that a trainer told, and how it ended."""
    ends: list[Ended] = []
    until(lambda: ends.extend(filter(None, [supervisor.poll()])) or ends)
    return list(supervisor.events()), ends[0]
