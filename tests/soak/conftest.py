"""The summary of the long runs."""

from __future__ import annotations

import pytest

from tests.soak.ledger import FOLDER, Ledger


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if config.getoption("markexpr") != "soak":
        return
    terminalreporter.section("soak")
    for path in sorted(FOLDER.glob("*.jsonl")):
        for line in Ledger(path.stem).summary():
            terminalreporter.write_line(line)
    terminalreporter.write_line(f"Kept in {FOLDER}; the next run goes on from there.")
