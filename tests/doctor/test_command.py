"""'assistant doctor' as a person starts it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from assistant.doctor.checks import CHECKS
from tests.cli.house import House
from tests.sound import SoundServer, silent_environment

NAMES = ["settings", *(check.name for check in CHECKS)]


def journal_in(folder: Path) -> dict[str, str]:
    return {
        "ATTUNE_JOURNAL__PATH": str(folder / "journal.db"),
        "ATTUNE_CONTROL__PATH": str(folder / "control.sock"),
    }


def test_everything_is_told_as_json(
    house: House, sound_server: SoundServer, tmp_path: Path
) -> None:
    environment = sound_server.env | house.settings | journal_in(tmp_path)
    done = house.run("doctor", "--json", "--quick", environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert set(told) == {"failed", "warned", "findings"}
    assert [each["check"] for each in told["findings"]] == [
        name for name in NAMES if name != "loopback"
    ]
    for each in told["findings"]:
        assert set(each) == {"check", "level", "text", "figures"}
        assert each["level"] in ("ok", "warn", "fail")
        assert each["text"].strip()
    levels = [each["level"] for each in told["findings"]]
    assert told["failed"] == levels.count("fail") == 0
    assert told["warned"] == levels.count("warn")
    (microphone,) = (each for each in told["findings"] if each["check"] == "microphone")
    assert microphone["level"] == "warn"
    assert "delivers nothing, not even noise" in microphone["text"]


def _cramped(folder: Path) -> tuple[str, ...]:
    """A full disk under the folder where one may be mounted, else a limit on the size of files."""
    full_disk = ("unshare", "--map-root-user", "--mount", "sh", "-c")
    fill = 'mount -t tmpfs -o size=64k none "$0" || exit 1; '
    fill += 'cat /dev/zero > "$0/fill" 2> /dev/null; exec "$@"'
    full_disk += (fill, str(folder))
    can_mount = subprocess.run([*full_disk, "true"], capture_output=True, check=False)
    if can_mount.returncode == 0:
        return full_disk
    return ("sh", "-c", 'ulimit -f 1 && exec "$@"', "sh")


def test_broken_settings_and_a_full_disk_are_told_and_the_rest_is_looked_over(
    house: House, tmp_path: Path
) -> None:
    environment = silent_environment(tmp_path / "silent") | house.settings | journal_in(tmp_path)
    settings = Path(environment["XDG_CONFIG_HOME"]) / "attune" / "attune.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("[listen\n", encoding="utf-8")
    full = tmp_path / "full"
    full.mkdir()
    environment["TMPDIR"] = str(full)
    environment["ATTUNE_JOURNAL__PATH"] = str(full / "journal.db")
    archive = full / "doctor.tar.gz"
    before = _cramped(full)
    done = house.run("doctor", "--bundle", archive, environment=environment, before=before)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    lines = done.stdout.splitlines()
    rows = {line[6:21].strip(): (line[:4].strip(), line[23:]) for line in lines[: len(NAMES)]}
    assert list(rows) == NAMES
    level, text = rows["settings"]
    assert level == "fail"
    assert text.startswith(f"Cannot read settings from {settings}: ")
    assert rows["microphone"][0] == "fail"
    assert rows["encoder"][0] == rows["embedding path"][0] == "ok"
    assert rows["disk"][0] == ("fail" if before[0] == "unshare" else "ok")
    assert lines[-1].endswith(" warned.")
    assert done.stderr.startswith(f"assistant: Cannot write the archive {archive}: ")
    assert not archive.exists()
