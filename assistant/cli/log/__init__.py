"""``assistant log`` and what only it needs."""

from __future__ import annotations

from assistant.cli.log.commands import register

__all__ = ["register"]
