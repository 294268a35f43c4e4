"""'assistant say' with a voice of Piper's."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from assistant.cli import main
from assistant.control.server import Server
from tests.control.knowing import Knowing
from tests.speak import voices


@pytest.fixture(autouse=True)
def _nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings are the test's alone."""
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


def said(capsys: pytest.CaptureFixture[str], *words: object) -> Path:
    """The file that a command has spoken into."""
    assert main(["say", "Good morning.", *map(str, words)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return Path(captured.out.strip())


def test_a_voice_of_piper_s_speaks_when_it_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    voice = voices.write(tmp_path)
    path = said(capsys, "--engine", "piper", "--voice", voice, "--wav-dir", tmp_path / "said")
    assert soundfile.info(path).samplerate == voices.RATE
    assert soundfile.info(path).duration > 0.5


def test_an_installed_voice_speaks_by_its_name_in_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    voices.write(tmp_path / "models" / "anna")
    monkeypatch.setenv("ATTUNE_MODELS__FOLDER", str(tmp_path / "models"))
    monkeypatch.setenv("ATTUNE_SPEAK__ENGINE", "piper")
    monkeypatch.setenv("ATTUNE_SPEAK__VOICE", "anna")
    path = said(capsys, "--wav-dir", tmp_path / "said")
    assert soundfile.info(path).samplerate == voices.RATE
    monkeypatch.setenv("ATTUNE_SPEAK__VOICE", "peter")
    assert main(["say", "Good morning.", "--wav-dir", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"assistant: There is no Piper voice {tmp_path}/models/peter. Set speak")


def test_a_voice_that_is_named_is_not_the_daemon_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    voice = voices.write(tmp_path)
    monkeypatch.setenv("ATTUNE_SPEAK__WAV_DIR", str(tmp_path / "said"))
    monkeypatch.setenv("ATTUNE_CONTROL__PATH", str(tmp_path / "control.sock"))
    daemon = Knowing()
    with Server(tmp_path / "control.sock") as server:
        server.serve(daemon)
        assert said(capsys, "--engine", "piper", "--voice", voice).exists()
        assert daemon.done == []
        assert main(["say", "Good morning."]) == 0
        assert daemon.done == [("say", "Good morning.")]
