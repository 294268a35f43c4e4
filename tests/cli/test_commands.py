from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from assistant.cli.main import NOUNS
from assistant.journal.store import Journal
from tests.cli.house import ANSWER, House
from tests.cli.telling import Told, telling
from tests.encode import tiny
from tests.sound import SoundServer

"""Exit status, lines of output, lines on standard error."""


@pytest.fixture
def told(
    house: House,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Told:
    """Run a command in this process, which has loaded all libraries."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name, value in house.settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ATTUNE_SPEAK__WAV_DIR")

    return telling(capsys)


@pytest.mark.parametrize("noun", NOUNS)
def test_every_command_explains_itself(noun: str, told: Told) -> None:
    status, out, err = told(noun, "--help")
    assert (status, err) == (0, [])
    assert out[0].startswith(f"usage: assistant {noun}")


def test_the_help_names_every_command(told: Told) -> None:
    status, out, _ = told("--help")
    assert status == 0
    assert set(NOUNS) <= {line.split()[0] for line in out if line.startswith("    ")}
    status, (version,), _ = told("--version")
    assert status == 0
    assert version.startswith("attune ")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("dance",),
        ("run", "--louder"),
        ("run", "--route", "other"),
        ("ask", "--json=1", "hello"),
        ("transcribe",),
        ("say",),
        ("config",),
        ("config", "show", "extra"),
    ],
)
def test_a_wrong_call_is_told_how_it_should_be(words: tuple[str, ...], told: Told) -> None:
    status, out, err = told(*words)
    assert (status, out) == (2, [])
    assert err[0].startswith("usage: assistant")
    assert err[-1].startswith("assistant")
    assert ": error: " in err[-1]


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("ATTUNE_LISTEN__VOLUME", "11", "Unknown setting 'listen.volume' from environment ATTUNE_"),
        ("ATTUNE_ROUTE", "other", "Setting 'route' from environment ATTUNE_ROUTE cannot be used"),
        ("ATTUNE_LISTEN__VAD_MODE", "9", "Setting 'listen.vad_mode' from environment ATTUNE_"),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(
    name: str, value: str, wanted: str, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    status, out, (line,) = told("config", "show")
    assert status == 1
    assert out[0].startswith("SETTING")  # the others are shown all the same
    assert line.startswith(f"assistant: {wanted}")


def test_settings_are_shown_with_their_origin(told: Told, house: House) -> None:
    status, out, _ = told("config", "show", "--json")
    shown = json.loads("\n".join(out))["settings"]
    assert status == 0
    assert shown["generate.path"] == {
        "value": house.settings["ATTUNE_GENERATE__PATH"],
        "origin": "environment ATTUNE_GENERATE__PATH",
    }
    assert shown["listen.vad_mode"] == {"value": 2, "origin": "default"}


def test_a_typed_question_is_answered(told: Told, tmp_path: Path) -> None:
    database = tmp_path / "journal.db"
    status, out, err = told("ask", "--verbose", "--database", database, "are", "they", "red?")
    assert (status, err) == (0, [])
    assert "  you     are they red?" in out
    assert f"  Attune  {ANSWER}" in out
    assert any(line.startswith("          100% sure") for line in out)
    assert any(line.startswith("          transcript route: prefill ") for line in out)

    status, (line,), err = told("ask", "--json", "--database", database, "And now?")
    answered = json.loads(line)
    assert (status, err) == (0, [])
    assert (answered["id"], answered["transcript"], answered["reply"]) == (2, "And now?", ANSWER)
    with Journal(database) as journal:
        assert [turn.reply for turn in journal.turns()] == [ANSWER, ANSWER]


def test_a_recorded_question_is_answered_into_a_file(
    told: Told, tmp_path: Path, spoken_sentence: Path
) -> None:
    replies = tmp_path / "replies"
    status, (line,), err = told("ask", "--audio", spoken_sentence, "--wav-dir", replies, "--json")
    answered = json.loads(line)
    assert (status, err) == (0, [])
    assert (answered["source"], answered["reply"]) == (str(spoken_sentence), ANSWER)
    assert answered["transcript"]
    assert answered["timings_ms"]["first_audio"] is not None
    (reply,) = replies.iterdir()
    samples, rate = soundfile.read(reply)
    assert len(samples) > rate / 4
    with Journal(tmp_path / "data" / "attune" / "journal.db") as journal:
        assert journal.turn(1).has_audio


@pytest.mark.parametrize("words", [(), ("hello", "--audio", "x.wav"), ("",), (" ", " ")])
def test_there_must_be_one_question(words: tuple[str, ...], told: Told) -> None:
    status, out, (line,) = told("ask", *words)
    assert (status, out) == (1, [])
    assert line == "assistant: Give either a question or --audio FILE."


def test_sound_without_words_gets_no_reply(
    told: Told, tmp_path: Path, spoken_sentence: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTUNE_ENCODE__PATH", str(tiny.write(tmp_path / "deaf", says="<pad>")))
    status, out, err = told("ask", "--audio", spoken_sentence)
    assert (status, err) == (0, [])
    assert "  (exchange 1: a sound, but no words)" in out


def test_a_recording_is_transcribed(told: Told, spoken_sentence: Path) -> None:
    status, (text,), err = told("transcribe", spoken_sentence)
    assert (status, err) == (0, [])
    status, (line,), err = told("transcribe", "--json", spoken_sentence)
    found = json.loads(line)
    assert (status, err) == (0, [])
    assert found["text"] == text == " ".join(word["text"] for word in found["words"])
    assert found["file"] == str(spoken_sentence)
    assert found["seconds"] == pytest.approx(soundfile.info(spoken_sentence).duration, abs=0.01)


def test_a_text_is_spoken_into_a_file(told: Told, tmp_path: Path) -> None:
    status, (line,), err = told("say", "--wav-dir", tmp_path / "said", "Good", "morning.")
    assert (status, err) == (0, [])
    samples, rate = soundfile.read(line)
    assert Path(line).parent == tmp_path / "said"
    assert len(samples) > rate / 2
    assert told("say", "--wav-dir", tmp_path, "...") == (0, ["There was nothing to say."], [])


def test_devices_are_listed(house: House, sound_server: SoundServer) -> None:
    done = house.run("devices", "--json", environment=sound_server.env)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, "")
    assert {(device["name"], device["kind"]) for device in found} >= {
        ("headset", "input"),
        ("headset", "output"),
    }
    assert sorted(device["kind"] for device in found if device["default"]) == ["input", "output"]
    assert all(device["sample_rate"] > 0 < device["channels"] for device in found)
    table = house.run("devices", environment=sound_server.env).stdout.splitlines()
    assert table[0].split() == ["KIND", "NAME", "RATE", "DEFAULT"]
    assert len(table) == len(found) + 1


def test_no_devices_are_told_kindly(house: House) -> None:
    done = house.run("devices")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("No sound device was found. Connect a microphone")
