"""Commands that run in the test's own process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from assistant.cli.main import main
from tests.plain_words import looked_at

Told = Callable[..., tuple[int, list[str], list[str]]]
"""From the words of a command to its exit status, and the lines of its output and its errors."""


def telling(capsys: pytest.CaptureFixture[str], *before: str) -> Told:
    """Runs commands that begin with these words."""

    def told(*words: object) -> tuple[int, list[str], list[str]]:
        try:
            status = main([*before, *map(str, words)])
        except SystemExit as end:  # a wrong call
            status = int(end.code or 0)
        captured = capsys.readouterr()
        looked_at((*before, *words), captured.out + captured.err)
        return status, captured.out.splitlines(), captured.err.splitlines()

    return told
