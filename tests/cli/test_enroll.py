from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from assistant.cli import enroll, main
from assistant.cli.enroll import Level, phrases, unread
from assistant.control.server import Server
from assistant.errors import CorpusError
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.personalise.data.prompts import PROMPTS
from tests.cli.house import ROOT, command
from tests.cli.terminal import terminal
from tests.journal.exchanges import sound, utterance
from tests.sound import SoundServer, silent_environment, similarity, synthesise

Told = Callable[..., tuple[int, list[str], list[str]]]


@pytest.fixture
def told(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    monkeypatch.setenv("ATTUNE_JOURNAL__PATH", str(path))

    def told(*words: object) -> tuple[int, list[str], list[str]]:
        status = main(["enroll", *map(str, words)])
        captured = capsys.readouterr()
        return status, captured.out.splitlines(), captured.err.splitlines()

    return told


def test_sentences_are_read_heard_again_and_kept(
    sound_server: SoundServer, path: Path, tmp_path: Path
) -> None:
    greeting = synthesise("Good morning!", tmp_path / "greeting.wav", lead_s=0.8, tail_s=0.6)
    own = tmp_path / "own.txt"
    own.write_text("Good morning, I'm Ada.\n\nTea, please.\n", encoding="utf-8")
    environment = sound_server.env | {
        "ATTUNE_SPEAK__WAV_DIR": str(tmp_path / "played"),
        "ATTUNE_LISTEN__SILENCE_MS": "500",
        "NO_COLOR": "1",
    }
    words = ("enroll", "--phrases", own, "--count", "3", "--database", path)
    with terminal(*words, environment=environment) as screen:
        screen.wait_for("1 of 3\n\n      Good morning, I'm Ada.\n")
        screen.wait_for("Speak now.")
        sound_server.say(greeting)
        assert " s, a good level.\n" in screen.wait_for("Enter keep")
        screen.press("xp")
        screen.wait_for(f"It is in {tmp_path / 'played' / 'enrolment.wav'} until you decide.")
        played, _ = soundfile.read(tmp_path / "played" / "enrolment.wav", dtype="float32")
        screen.press("r")
        screen.wait_for("Speak now.")
        sound_server.say(greeting)
        screen.wait_for("Enter keep")
        with Journal(path) as journal:
            assert journal.count() == 0
        screen.press("\n")
        screen.wait_for("2 of 3\n\n      Tea, please.\n")
        screen.wait_for("Speak now.")
        screen.press("s")
        screen.wait_for(f"3 of 3\n\n      {PROMPTS[0]}\n")
        screen.wait_for("Speak now.")
        screen.press("q")
        status, rest = screen.end()
    assert status == 0
    assert f"Sentences kept: 1. Left for another day: {len(PROMPTS) + 1}.\n" in rest
    assert "'assistant retrain'" in rest

    said, rate = soundfile.read(greeting, dtype="float32")
    said = np.interp(np.arange(0, said.size, rate / 16_000), np.arange(said.size), said)
    said = said[13_000:-10_000]
    with Journal(path) as journal:
        (turn,) = journal.turns()
        assert turn.correction == "good morning i'm ada"
        assert (turn.taught, turn.source) == (Taught.ENROLLED, "microphone")
        assert similarity(journal.audio(turn.id), said) > 0.9
    assert similarity(played, said) > 0.9
    assert list((tmp_path / "played").iterdir()) == []

    with terminal(*words, environment=environment) as screen:
        screen.wait_for("1 of 3\n\n      Tea, please.\n")
        screen.wait_for("Speak now.")
        screen.interrupt()
        status, rest = screen.end()
    assert status == 130
    assert "Traceback" not in rest


def test_without_a_microphone_enrolment_says_so(path: Path, tmp_path: Path) -> None:
    environment = silent_environment(tmp_path / "silent")
    with terminal("enroll", "--database", path, environment=environment) as screen:
        status, shown = screen.end()
    assert status == 1
    assert "\nassistant: There is no microphone: connect one" in shown
    assert "Traceback" not in shown


def test_while_attune_runs_nothing_is_read_aloud(path: Path, tmp_path: Path) -> None:
    control = tmp_path / "control.sock"
    environment = silent_environment(tmp_path / "silent") | {"ATTUNE_CONTROL__PATH": str(control)}
    with (
        Server(control),
        terminal("enroll", "--database", path, environment=environment) as screen,
    ):
        status, shown = screen.end()
    assert status == 1
    assert "\nassistant: Attune is running and would answer what you read" in f"\n{shown}"
    assert "Stop 'assistant run' first" in shown
    assert not path.exists()


def test_without_a_terminal_recordings_are_asked_for(path: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        command("enroll", "--database", path), cwd=ROOT, env=silent_environment(tmp_path),
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("assistant: Reading sentences aloud needs a terminal.")
    assert "assistant enroll --input FOLDER" in done.stderr


def test_recordings_are_taken_in_place_of_a_microphone(
    told: Told, path: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "read"
    folder.mkdir()
    soundfile.write(folder / "1.wav", sound(1.0) * 0.9, 16_000)
    (folder / "1.txt").write_text(PROMPTS[3], encoding="utf-8")
    status, out, err = told("--input", folder)
    assert (status, out[0], err) == (0, "Imported: sentences 1, 0.0 minutes of speech.", [])
    with Journal(path) as journal:
        (turn,) = journal.turns()
        assert turn.taught is Taught.ENROLLED
        assert unread(PROMPTS, journal) == [*PROMPTS[:3], *PROMPTS[4:]]
    status, out, (line,) = told("--input", tmp_path / "gone")
    assert (status, out) == (1, [])
    assert line == f"assistant: There is no folder {tmp_path / 'gone'}. Check --input."


def test_what_was_read_is_not_asked_for_again(journal: Journal) -> None:
    texts = ["Hello, you!", "Good night.", "hello you", "Bye."]
    assert unread(texts, journal) == ["Hello, you!", "Good night.", "Bye."]
    journal.enrolled(utterance(), "good night", Taught.ENROLLED)
    journal.enrolled(utterance(), "bye", Taught.IMPORTED)
    assert unread(texts, journal) == ["Hello, you!", "Bye."]


def test_own_phrases_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_bytes("\N{ZERO WIDTH NO-BREAK SPACE}Call Jo.\n\n  It's me. \n".encode())
    assert phrases(path) == ["Call Jo.", "It's me."]
    path.write_text("Call Jo.\nAdd ½ cup.\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"own.txt:2: the sentence contains fractions"):
        phrases(path)
    path.write_bytes(b"caf\xe9")
    with pytest.raises(CorpusError, match="plain text file in UTF-8, one per line"):
        phrases(path)
    with pytest.raises(CorpusError, match="No such file"):
        phrases(tmp_path / "gone.txt")


def speech(loudness: float) -> np.ndarray:
    """Half a second of noise at this magnitude between silences."""
    samples = np.zeros(24_000, np.float32)
    samples[8_000:16_000] = sound(0.5) * loudness
    return samples


@pytest.mark.parametrize(
    ("loudness", "advice"),
    [(0.3, "a good level"), (0.005, "very quiet"), (0.0, "very quiet"), (3.0, "too loud")],
)
def test_the_level_is_judged(loudness: float, advice: str) -> None:
    assert Level.of(np.clip(speech(loudness), -1, 1)).advice.startswith(advice)


def test_the_level_is_that_of_the_loud_parts() -> None:
    seconds = np.arange(16_000, dtype=np.float32) / 16_000
    tone = (0.5 * np.sin(2 * np.pi * 440 * seconds)).astype(np.float32)
    alone = Level.of(tone)
    assert alone.decibels == pytest.approx(20 * np.log10(0.5) - 3.01, abs=0.1)
    padded = Level.of(np.concatenate([np.zeros(32_000, np.float32), tone]))
    assert padded.decibels == pytest.approx(alone.decibels, abs=0.2)
    assert not padded.clipped
    assert Level.of(np.zeros(3, np.float32)).decibels == -100
    assert padded.decibels > enroll.QUIET_DB
