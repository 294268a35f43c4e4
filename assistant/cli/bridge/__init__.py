"""``assistant bridge`` and what only it needs."""

from __future__ import annotations

from assistant.cli.bridge.commands import register

__all__ = ["register"]
