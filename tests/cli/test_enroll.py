from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from assistant.cli.enroll import phrases, unread
from assistant.control.messages import Lesson, MicrophoneState
from assistant.control.server import Server
from assistant.errors import CorpusError
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.journal.wake_examples import examples
from assistant.personalise.data.prompts import PROMPTS
from assistant.spoken import spoken_form
from tests.cli.house import ROOT, command
from tests.cli.telling import Told, telling
from tests.cli.terminal import terminal
from tests.control.knowing import STATUS, Knowing
from tests.journal.exchanges import sound, utterance
from tests.sound import SoundServer, silent_environment, similarity, synthesise


@pytest.fixture
def told(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    monkeypatch.setenv("ATTUNE_JOURNAL__PATH", str(path))

    return telling(capsys, "enroll")


def test_sentences_are_read_heard_again_and_kept(
    sound_server: SoundServer, path: Path, tmp_path: Path
) -> None:
    greeting = synthesise(
        "Good morning, I'm Ada.", tmp_path / "greeting.wav", lead_s=0.8, tail_s=0.6
    )
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


def test_half_a_sentence_is_asked_for_again(
    sound_server: SoundServer, path: Path, tmp_path: Path
) -> None:
    half = synthesise("My brother.", tmp_path / "half.wav", lead_s=0.8, tail_s=0.6)
    environment = sound_server.env | {"ATTUNE_LISTEN__SILENCE_MS": "500"}
    with terminal("enroll", "--database", path, environment=environment) as screen:
        screen.wait_for("Speak now.")
        sound_server.say(half)
        short = screen.wait_for("Enter record again")
        assert " s, too short for this sentence: not all of its words can be in it." in short
        assert "k keep" not in screen.wait_for("q stop for today\n")
        screen.press("k\n")
        screen.wait_for("Speak now.")
        screen.press("q")
        status, rest = screen.end()
    assert status == 0
    assert "Sentences kept: 0." in rest
    with Journal(path) as journal:
        assert journal.count() == 0


def test_without_a_microphone_enrolment_says_so(path: Path, tmp_path: Path) -> None:
    environment = silent_environment(tmp_path / "silent")
    with terminal("enroll", "--database", path, environment=environment) as screen:
        status, shown = screen.end()
    assert status == 1
    assert "\nassistant: There is no microphone: connect one" in shown
    assert "Traceback" not in shown


def test_while_attune_runs_it_hears_and_keeps_the_lesson(
    sound_server: SoundServer, path: Path, tmp_path: Path
) -> None:
    control = tmp_path / "control.sock"
    environment = sound_server.env | {
        "ATTUNE_CONTROL__PATH": str(control),
        "ATTUNE_SPEAK__WAV_DIR": str(tmp_path / "played"),
        "NO_COLOR": "1",
    }
    knowing = Knowing(
        status_now=STATUS.model_copy(update={"microphone": MicrophoneState(state="listening")}),
        heard=Lesson.of(replace(utterance(3.0), samples=sound(3.0) * np.float32(0.3))),
    )
    with (
        Server(control) as server,
        terminal("enroll", "--count", "2", "--database", path, environment=environment) as screen,
    ):
        server.serve(knowing)
        screen.wait_for(f"1 of 2\n\n      {PROMPTS[0]}\n")
        screen.wait_for("  3.0 s, a good level.\n")
        screen.press("p")
        screen.wait_for("enrolment.wav until you decide.")
        played, _ = soundfile.read(tmp_path / "played" / "enrolment.wav", dtype="float32")
        assert similarity(played, sound(3.0)) > 0.99
        screen.press("\n")
        screen.wait_for("2 of 2")
        screen.wait_for("a good level.")
        screen.press("q")
        status, rest = screen.end()
    assert status == 0
    assert "Sentences kept: 1." in rest
    assert ("enroll", spoken_form(PROMPTS[0])) in knowing.done
    assert not path.exists()  # it is the running one's


@pytest.mark.parametrize(
    ("microphone", "why"),
    [
        (MicrophoneState(state="muted"), "'assistant unmute'"),
        (MicrophoneState(state="absent", why="It was unplugged. Plug it in."), "Plug it in."),
    ],
)
def test_while_attune_hears_nothing_nothing_is_read_aloud(
    path: Path, tmp_path: Path, microphone: MicrophoneState, why: str
) -> None:
    control = tmp_path / "control.sock"
    environment = silent_environment(tmp_path / "silent") | {"ATTUNE_CONTROL__PATH": str(control)}
    with (
        Server(control) as server,
        terminal("enroll", "--database", path, environment=environment) as screen,
    ):
        server.serve(Knowing(status_now=STATUS.model_copy(update={"microphone": microphone})))
        status, shown = screen.end()
    assert status == 1
    assert why in shown
    assert "Speak now" not in shown


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
    soundfile.write(folder / "1.wav", sound(2.0) * 0.9, 16_000)
    (folder / "1.txt").write_text(PROMPTS[3], encoding="utf-8")
    status, out, err = told("--input", folder)
    assert (status, out[0], err) == (0, "Imported: sentences 1, 0.0 minutes of speech.", [])
    with Journal(path) as journal:
        (turn,) = journal.turns()
        assert turn.taught is Taught.ENROLLED
        assert unread(PROMPTS, journal.read_aloud()) == [*PROMPTS[:3], *PROMPTS[4:]]
    status, out, (line,) = told("--input", tmp_path / "gone")
    assert (status, out) == (1, [])
    assert line == f"assistant: There is no folder {tmp_path / 'gone'}. Check --input."


def test_what_was_read_is_not_asked_for_again(journal: Journal) -> None:
    texts = ["Hello, you!", "Good night.", "hello you", "Bye."]
    assert unread(texts, journal.read_aloud()) == ["Hello, you!", "Good night.", "Bye."]
    journal.enrolled(utterance(), "good night", Taught.ENROLLED)
    journal.enrolled(utterance(), "bye", Taught.IMPORTED)
    assert unread(texts, journal.read_aloud()) == ["Hello, you!", "Bye."]


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


def test_a_wake_word_is_said_three_times_and_what_is_too_short_once_more(
    sound_server: SoundServer, path: Path, tmp_path: Path
) -> None:
    word = synthesise("Hello Attune.", tmp_path / "word.wav", lead_s=0.8, tail_s=0.6)
    long = synthesise(
        "Good morning, what is the weather like in the south of France today, please?",
        tmp_path / "long.wav",
        lead_s=0.8,
        tail_s=0.6,
    )
    environment = sound_server.env | {"ATTUNE_LISTEN__SILENCE_MS": "500"}
    with terminal("enroll", "--wake", "--database", path, environment=environment) as screen:
        screen.wait_for("1 of 3. Speak now.")
        sound_server.say(long)
        screen.wait_for("A wake word lasts 0.2 to 2.5 s")
        for number in (1, 2, 3):
            screen.wait_for(f"{number} of 3. Speak now.")
            sound_server.say(word)
        status, rest = screen.end()
    assert status == 0
    assert "'assistant config set listen.wake_word own'" in rest
    with Journal(path) as journal:
        assert len(examples(journal)) == 3
        assert journal.count() == 0
    with terminal("enroll", "--wake", "--database", path, environment=environment) as screen:
        screen.wait_for("1 of 3. Speak now.")
        screen.press("q")
        status, rest = screen.end()
    assert status == 1
    assert "Stopped." in rest


@pytest.mark.parametrize(
    ("word", "asked", "said"),
    [
        ("", [], "'assistant config set listen.wake_word own'"),
        ("own", [("reload",)], "Attune listens for it from now on."),
    ],
)
def test_while_attune_runs_a_wake_word_is_taken_up_at_once_if_it_is_in_use(
    word: str, asked: list[tuple[str]], said: str, path: Path, tmp_path: Path
) -> None:
    control = tmp_path / "control.sock"
    environment = silent_environment(tmp_path / "home") | {
        "ATTUNE_CONTROL__PATH": str(control),
        "ATTUNE_LISTEN__WAKE_WORD": word,
    }
    listening = STATUS.model_copy(update={"microphone": MicrophoneState(state="listening")})
    heard = Lesson.of(replace(utterance(0.8), samples=sound(0.8) * np.float32(0.3)))
    knowing = Knowing(status_now=listening, heard=heard)
    with (
        Server(control) as server,
        terminal("enroll", "--wake", "--database", path, environment=environment) as screen,
    ):
        server.serve(knowing)
        status, rest = screen.end()
    assert status == 0
    assert said in rest
    kept = [what for what in knowing.done if what[0] in ("call_by", "reload")]
    assert kept == [("call_by", True), ("call_by", False), ("call_by", False), *asked]


def test_a_wake_word_may_come_from_recordings(path: Path, tmp_path: Path, told: Told) -> None:
    folder = tmp_path / "word"
    folder.mkdir()
    for number in range(2):
        synthesise("Hello Attune.", folder / f"{number}.wav")
    status, _, errors = told("--wake", "--input", folder)
    assert status == 1
    assert "needs 3 to 5 examples, not 2" in errors[-1]
    synthesise("Hello Attune.", folder / "2.wav")
    status, said, errors = told("--wake", "--input", folder)
    assert (status, errors) == (0, [])
    assert "listen.wake_word own" in said[-1]
    with Journal(path) as journal:
        assert len(examples(journal)) == 3
