"""Settings are changed by a command, and a slip in them blocks only what needs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.config import sources
from assistant.control.messages import MicrophoneState
from assistant.control.server import Server
from tests.cli.telling import Told, telling
from tests.control.knowing import STATUS, Knowing

"""Exit status, lines of output, lines on standard error."""

OWN = """\
# for my father
[speak]
rate_wpm = 120  # slowly
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config" / "attune" / "attune.toml"
    path.parent.mkdir(parents=True)
    path.write_text(OWN, encoding="utf-8")
    return path


@pytest.fixture
def told(
    tmp_path: Path,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Told:
    """Run a command in this process, with its settings in files alone."""
    assert file.exists()
    monkeypatch.setattr(sources, "SYSTEM_FILE", tmp_path / "system.toml")
    for name, folder in (("CONFIG", "config"), ("DATA", "data")):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / folder))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    return telling(capsys)


@pytest.fixture
def knowing(tmp_path: Path) -> Iterator[Knowing]:
    knowing = Knowing()
    with Server(tmp_path / "attune" / "control.sock") as server:
        server.serve(knowing)
        yield knowing


def test_a_setting_is_changed_and_the_rest_of_the_file_stays(told: Told, file: Path) -> None:
    assert told("config", "set", "speak.rate_wpm", "140") == (
        0,
        [f"Settings changed in {file}: speak.rate_wpm."],
        [],
    )
    assert file.read_text(encoding="utf-8") == OWN.replace("120", "140")
    told("config", "set", "generate.user_name", "Anna", "Maria")
    told("config", "set", "encode.words", "Peter")
    told("config", "set", "journal.keep_taught", "false")
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# for my father\n")
    assert 'user_name = "Anna Maria"' in text
    assert 'words = ["Peter"]' in text
    assert "keep_taught = false" in text
    for key in ("generate.user_name", "encode.words", "journal.keep_taught"):
        assert told("config", "unset", key)[0] == 0
    assert "Anna" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("speak.rate_wpm", "9000"), "Setting 'speak.rate_wpm' from command line cannot be used"),
        (("speak.rate", "90"), "Unknown setting 'speak.rate' from command line. Did you mean"),
        (("rate_wpm", "90"), "Did you mean 'speak.rate_wpm'?"),
    ],
)
def test_what_cannot_be_used_is_not_written(
    words: tuple[str, ...], why: str, told: Told, file: Path
) -> None:
    status, out, (line,) = told("config", "set", *words)
    assert (status, out) == (1, [])
    assert why in line
    assert file.read_text(encoding="utf-8") == OWN


def test_what_something_else_overrides_is_not_written(
    told: Told, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTUNE_SPEAK__RATE_WPM", "100")
    status, _, (line,) = told("config", "set", "speak.rate_wpm", "140")
    assert status == 1
    assert "is set by environment ATTUNE_SPEAK__RATE_WPM, which overrides" in line
    assert file.read_text(encoding="utf-8") == OWN


def test_a_running_attune_reads_what_was_changed(told: Told, knowing: Knowing) -> None:
    status, out, _ = told("config", "set", "speak.rate_wpm", "140")
    assert status == 0
    assert out[-1] == "Attune has read its settings again."
    assert knowing.done == [("reload",)]


def test_the_system_s_settings_are_changed_when_asked(told: Told, tmp_path: Path) -> None:
    told("config", "set", "--system", "speak.pitch", "40")
    assert (tmp_path / "system.toml").read_text(encoding="utf-8") == "[speak]\npitch = 40\n"


@pytest.mark.parametrize("slip", ["[listen]\nsilense_ms = 900\n", "[listen\n", "speak = 3\n"])
@pytest.mark.parametrize("noun", ["mute", "unmute", "stop", "reload"])
def test_a_slip_in_the_settings_keeps_nobody_from_muting(
    noun: str, slip: str, told: Told, file: Path, knowing: Knowing
) -> None:
    file.write_text(slip, encoding="utf-8")
    status, _, err = told(noun)
    assert (status, err, knowing.done) == (0, [], [(noun,)])


def test_whether_it_hears_is_told_beside_a_slip(told: Told, file: Path, knowing: Knowing) -> None:
    file.write_text("[listen]\nsilense_ms = 900\n", encoding="utf-8")
    knowing.status_now = STATUS.model_copy(update={"microphone": MicrophoneState(state="muted")})
    status, out, (line,) = told("status")
    assert status == 1
    assert any(row.startswith("hears") and "muted" in row for row in out)
    assert "Unknown setting 'listen.silense_ms'" in line


def test_where_the_socket_is_counts_beside_a_slip(told: Told, file: Path, tmp_path: Path) -> None:
    place, knowing = tmp_path / "elsewhere.sock", Knowing()
    file.write_text(f'[control]\npath = "{place}"\n[listen]\nx = 1\n', encoding="utf-8")
    with Server(place) as server:
        server.serve(knowing)
        assert told("mute")[0] == 0
    assert knowing.done == [("mute",)]
    file.write_text("[control]\npath = 3.5\n", encoding="utf-8")
    status, _, (line,) = told("mute")
    assert status == 1
    assert "Setting 'control.path' from file" in line


def test_a_slip_is_shown_and_taken_out(told: Told, file: Path) -> None:
    file.write_text(f"{OWN}[listen]\nsilense_ms = 900\n", encoding="utf-8")
    status, out, (line,) = told("config", "show")
    assert status == 1
    assert any(row.split()[0] == "listen.silense_ms" for row in out if row)
    assert any(row.split()[0] == "speak.pitch" for row in out if row)
    assert "Did you mean 'listen.silence_ms'?" in line
    assert "'assistant config unset listen.silense_ms' takes it out" in line
    assert told("config", "unset", "listen.silense_ms")[0] == 0
    assert told("config", "show")[0] == 0
    assert told("config", "unset", "listen.silense_ms")[0] == 1


def test_a_value_that_blocks_everything_is_replaced(told: Told, file: Path) -> None:
    file.write_text("[listen]\nvad_mode = 9  # loud\n", encoding="utf-8")
    assert told("config", "set", "listen.vad_mode", "3")[0] == 0
    assert file.read_text(encoding="utf-8") == "[listen]\nvad_mode = 3  # loud\n"
