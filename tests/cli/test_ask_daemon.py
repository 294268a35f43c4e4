"""Commands that the running daemon carries out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.control.server import Server
from assistant.journal.store import Journal
from assistant.journal.turn import Turn
from tests.cli.house import House
from tests.cli.telling import Told, telling
from tests.cli.terminal import terminal
from tests.control.knowing import Knowing
from tests.journal.exchanges import exchange
from tests.waiting import until

"""Exit status, lines of output, lines on standard error."""


@pytest.fixture
def told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Told:
    """Run a command in this process, only no models for it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("ATTUNE_CONTROL__PATH", str(tmp_path / "control.sock"))
    monkeypatch.setenv("ATTUNE_JOURNAL__PATH", str(tmp_path / "data" / "journal.db"))
    monkeypatch.setenv("ATTUNE_GENERATE__PATH", str(tmp_path / "none.gguf"))

    return telling(capsys)


@pytest.fixture
def knowing(tmp_path: Path) -> Iterator[Knowing]:
    knowing = Knowing()
    with Server(tmp_path / "control.sock") as server:
        server.serve(knowing)
        yield knowing


@pytest.fixture
def turn(journal: Journal) -> Turn:
    return journal.turn(exchange(journal))


def test_a_question_is_answered_by_the_daemon(told: Told, knowing: Knowing, turn: Turn) -> None:
    knowing.records = [turn.record()]
    assert told("ask", "what", "time", "is", "it") == (
        0,
        [
            "",
            "  you     what time is it",
            "  Attune  it is half past six",
            "          88% sure",
        ],
        [],
    )
    status, (line,), err = told("ask", "--json", "--aloud", "what time is it")
    assert (status, err, json.loads(line)) == (0, [], turn.record())
    assert knowing.done == [("ask", "what time is it", False), ("ask", "what time is it", True)]


def test_a_question_in_a_recording_is_answered_by_the_daemon(
    told: Told, knowing: Knowing, turn: Turn, spoken_sentence: Path
) -> None:
    knowing.records = [turn.record()]
    status, (line,), err = told("ask", "--json", "--audio", spoken_sentence)
    assert (status, err, json.loads(line)) == (0, [], turn.record())
    assert knowing.done == [("hear", str(spoken_sentence), False)]
    knowing.refusal = "Only the user that Attune runs as may have it read files."
    status, _, (err_line,) = told("ask", "--audio", spoken_sentence)
    assert (status, "none.gguf" in err_line) == (1, True)  # it opens models of its own


def test_every_kind_of_exchange_comes_back_as_it_was(
    told: Told, knowing: Knowing, journal: Journal, turn: Turn
) -> None:
    typed = journal.turn(journal.typed("hello"))
    journal.failed(typed.id, "The model is gone.")
    journal.confirm(turn.id)
    for each in (journal.turn(typed.id), journal.turn(turn.id), replace(turn, words=())):
        knowing.records = [each.record()]
        assert json.loads(told("ask", "--json", "x")[1][0]) == each.record()


@pytest.mark.parametrize(
    "words",
    [
        ("--route", "transcript", "hello"),
        ("--database", "other.db", "hello"),
        ("--wav-dir", "replies", "hello"),
    ],
)
def test_a_question_with_wishes_of_its_own_is_answered_here(
    words: tuple[str, ...], told: Told, knowing: Knowing, tmp_path: Path
) -> None:
    here = [str(tmp_path / word) if "." in word or word == "replies" else word for word in words]
    status, out, (line,) = told("ask", *here)
    assert (status, out) == (1, [])
    assert str(tmp_path / "none.gguf") in line
    assert not knowing.done


def test_a_text_is_spoken_by_the_daemon(told: Told, knowing: Knowing, tmp_path: Path) -> None:
    assert told("say", "Good", "morning.") == (0, [], [])
    status, (line,), err = told("say", "--wav-dir", tmp_path / "said", "Good morning.")
    assert (status, err) == (0, [])
    assert Path(line).is_file()
    assert knowing.done == [("say", "Good morning.")]


def test_what_nobody_can_hear_fails(told: Told, knowing: Knowing) -> None:
    knowing.refusal = "There is no loudspeaker. Connect one."
    assert told("say", "Dinner.") == (1, [], ["assistant: There is no loudspeaker. Connect one."])


@pytest.mark.parametrize(
    ("word", "out"),
    [
        ("mute", ["The microphone is closed. 'assistant unmute' opens it again."]),
        ("unmute", ["The microphone is open again."]),
        ("stop", []),
        ("reload", ["Attune has read its settings again."]),
    ],
)
def test_the_daemon_does_what_it_is_told(
    word: str, out: list[str], told: Told, knowing: Knowing
) -> None:
    assert told(word) == (0, out, [])
    assert knowing.done == [(word,)]
    knowing.refusal = "Setting 'route' is not usable."
    assert told(word) == (1, [], ["assistant: Setting 'route' is not usable."])


@pytest.mark.parametrize("word", ["mute", "unmute", "stop", "reload", "talk"])
def test_there_must_be_a_daemon(word: str, told: Told) -> None:
    status, out, (line,) = told(word)
    assert (status, out) == (1, [])
    assert line.startswith("assistant: Attune is not running")


@pytest.mark.parametrize("end", ["enter", "ctrl-c"])
def test_the_talk_button_is_held_until_enter_or_ctrl_c(
    end: str, knowing: Knowing, house: House, tmp_path: Path
) -> None:
    place = {"ATTUNE_CONTROL__PATH": str(tmp_path / "control.sock")}
    with terminal("talk", environment=house.environment | place) as person:
        person.wait_for("Speak, and press Enter when you have finished.")
        assert knowing.done == [("talk", True)]
        if end == "enter":
            person.press("\n")
        else:
            person.interrupt()
        status, rest = person.end()
    assert status == 0
    assert "Traceback" not in rest
    assert knowing.done == [("talk", True), ("talk", False)]


def test_a_talk_button_whose_command_is_killed_comes_up(
    knowing: Knowing, house: House, tmp_path: Path
) -> None:
    place = {"ATTUNE_CONTROL__PATH": str(tmp_path / "control.sock")}
    with terminal("talk", environment=house.environment | place) as person:
        person.wait_for("Speak")
    until(lambda: knowing.done == [("talk", True), ("talk", False)])
