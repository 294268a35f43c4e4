"""The bench of the commands in its short form: one round, and no word about how long it took."""

from __future__ import annotations

import json

import pytest

from bench import commands
from tests.cli.house import command


def test_it_times_commands_alone_and_beside_a_daemon(capsys: pytest.CaptureFixture[str]) -> None:
    status = commands.main(["--rounds", "1", "--only", "status", "mute"])
    *table, last = capsys.readouterr().out.splitlines()
    found = json.loads(last)
    assert found["bench"] == "commands"
    assert set(found["alone"]) == {commands.PYTHON, "status"}
    assert 0 < found["alone_processor"][commands.PYTHON] < found["alone_processor"]["status"]
    assert set(found["beside"]) == {commands.PYTHON, "status", "mute"}  # only a daemon can be muted
    assert all(ms > 0 for way in ("alone", "beside") for ms in found[way].values())
    assert [line.split()[0] for line in table[1:-1]] == ["(python", "status", "mute"]
    assert status == int(not found["met"])


def test_what_fails_is_no_figure() -> None:
    with pytest.raises(SystemExit, match=r"status: .*assistant: "):
        commands.took_ms(command("status"), {"ATTUNE_LISTEN__VAD_MODE": "seven"})
