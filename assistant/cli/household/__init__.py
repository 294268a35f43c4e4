"""``assistant timers``, ``alarms``, ``reminders``, ``lists`` and ``notes``."""

from __future__ import annotations

from assistant.cli.household.commands import register

__all__ = ["register"]
