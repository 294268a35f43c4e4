"""``assistant models`` and what only it needs."""

from __future__ import annotations

from assistant.cli.models.commands import register

__all__ = ["register"]
