"""The ``assistant`` command: one file per noun."""

from __future__ import annotations

from assistant.cli.main import main

__all__ = ["main"]
