"""The walk of ``make fresh``: that it leaves no command of the README out, and how it judges."""

from __future__ import annotations

from pathlib import Path

from tests.deploy.walk import DAEMON, README, STEPS, Step, Walk, commands
from tests.sound import SoundServer

SAMPLE = """
Type `status --watch` or `assistant retrain`, but not `pip install`.

```
make run
.venv/bin/assistant models list                 # what there is
```
"""


def test_every_command_of_the_readme_is_on_the_way() -> None:
    walked = {step.readme for step in STEPS} | set(DAEMON)
    named = list(commands(README.read_text(encoding="utf-8")))
    assert len(named) > 50
    assert [each for each in named if each not in walked] == []


def test_commands_are_found_in_text_and_in_blocks() -> None:
    assert sorted(commands(SAMPLE)) == ["models list", "retrain", "status --watch"]


def test_a_step_is_taken_in_a_terminal_and_written_down(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    walk = Walk(tmp_path, sound_server)
    walk.take(Step("status --watch"))  # nothing runs
    walk.take(Step("status"))
    walk.take(Step("mute", statuses=(1,)))
    text = "\n".join(walk.lines)
    assert walk.failed == ["status --watch"]
    assert "$ assistant status\nAttune        not running" in text
    assert "$ assistant mute\nassistant: " in text
