from __future__ import annotations

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from assistant.cli.review import certain, uncertain
from assistant.journal.store import Journal
from assistant.journal.turn import Taught, Turn
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.values import Route, SpeechFeatures, Transcript
from tests.cli.house import ROOT, command
from tests.cli.terminal import Terminal, terminal
from tests.journal.exchanges import features, reply, soft_prompt, utterance
from tests.personalise.lived_in import learn
from tests.sound import silent_environment

KEYS = "q stop\n"


def said(
    journal: Journal, text: str, confidence: float, *, heard: str | None = None, sure: float = 0.0
) -> int:
    """A spoken exchange with this transcript; with ``heard`` the bridge took it."""
    turn_id = journal.hear(utterance(0.5 if text else 1.0, seed=len(text)))
    found = features(text)
    journal.transcribed(
        turn_id,
        SpeechFeatures(
            found.frames, 50.0, Transcript(text, confidence, found.transcript.words), found.encoder
        ),
    )
    prompt = None if heard is None else replace(soft_prompt(heard), confidence=sure)
    route = Route.TRANSCRIPT if heard is None else Route.BRIDGE
    journal.answering(turn_id, llm="llm-1", route=route, prompt=prompt)
    journal.answered(turn_id, replace(reply("it is half past six"), route=route))
    return turn_id


@pytest.fixture
def unsure(journal: Journal) -> Journal:
    """Exchanges 1 to 5, least sure first: 4, 2, 5, 3; of 1 Attune is sure."""
    said(journal, "what time is it", 0.95)
    said(journal, "what dime is it", 0.4)
    said(journal, "call my daughter", 0.6)
    said(journal, "", 0.0)
    said(journal, "knight", 0.7, heard="good night", sure=0.6)
    return journal


@contextmanager
def review(path: Path, *words: str) -> Generator[Terminal]:
    environment = silent_environment(path.parent / "silent") | {
        "ATTUNE_SPEAK__WAV_DIR": str(path.parent / "played")
    }
    with terminal("review", "--database", path, *words, environment=environment) as screen:
        yield screen


def by_id(journal: Journal) -> dict[int, Turn]:
    return {turn.id: turn for turn in journal.turns()}


def test_only_what_nobody_vouched_for_is_reviewed_least_sure_first(unsure: Journal) -> None:
    typed = unsure.typed("hello")
    unsure.enrolled(utterance(), "bye", Taught.ENROLLED)
    assert [turn.id for turn in uncertain(unsure, 0.8)] == [4, 2, 5, 3]
    assert [turn.id for turn in uncertain(unsure, 0.5)] == [4, 2]
    assert [turn.id for turn in uncertain(unsure, 1.0)] == [4, 2, 5, 3, 1]
    unsure.confirm(2)
    unsure.consent(5, allowed=False)
    unsure.correct(4, "hello")
    assert [turn.id for turn in uncertain(unsure, 1.0)] == [3, 1]
    assert typed not in [turn.id for turn in uncertain(unsure, 1.0)]


def test_a_carer_goes_through_them(unsure: Journal, path: Path) -> None:
    with review(path) as screen:
        first = screen.wait_for(KEYS)
        assert "1 of 4\n" in first
        assert "understood  (no words)\n" in first
        screen.press("a")
        screen.wait_for("Nothing was understood: press t and type what was said.")
        screen.press("t")
        screen.wait_for("What was said: ")
        screen.press("Tea ½\n")
        screen.wait_for("That contains fractions or other signs for numbers.")
        screen.press("t")
        screen.wait_for("What was said: ")
        screen.press("\n")
        screen.wait_for("Nothing typed, nothing changed.")
        screen.press("t")
        screen.wait_for("What was said: ")
        screen.press("Tea at five, please!\n")
        screen.wait_for("Noted: tea at five please\n")
        second = screen.wait_for(KEYS)
        assert "understood  what dime is it (40% sure)\n" in second
        assert "reply       it is half past six\n" in second
        assert by_id(unsure)[4].taught is Taught.CORRECTED  # already, before the end
        screen.press("\x1b[Ap")
        screen.wait_for(f"Written to {path.parent / 'played' / 'exchange-2.wav'}.")
        assert soundfile.info(path.parent / "played" / "exchange-2.wav").duration == 0.5
        screen.press("d")
        screen.wait_for("It will be deleted when you stop.")
        third = screen.wait_for(KEYS)
        assert "understood  good night (60% sure)\n    or perhaps  knight (70% sure)\n" in third
        assert 'a "good night" is right, ' in third  # which of the two is confirmed
        screen.press("a")
        screen.wait_for("Noted: good night\n")
        screen.wait_for(KEYS)
        screen.press("n")
        screen.wait_for("Attune will not learn from it.")
        status, rest = screen.end()
    assert status == 0
    assert "Erased: exchanges 1, learned versions 0.\n" in rest
    assert rest.endswith("\nReviewed: 4. Still to review: 0.\n")
    turns = by_id(unsure)
    assert sorted(turns) == [1, 3, 4, 5]
    assert (turns[4].correction, turns[4].taught) == ("tea at five please", Taught.CORRECTED)
    assert (turns[5].correction, turns[5].taught) == ("good night", Taught.CONFIRMED)
    assert (turns[3].consent, turns[3].correction) == (False, None)
    assert list((path.parent / "played").iterdir()) == []


def test_the_last_decisions_are_taken_back(unsure: Journal, path: Path) -> None:
    with review(path) as screen:
        assert "u undo" not in screen.wait_for(KEYS)  # there is nothing yet
        screen.press("u")
        screen.press("d")
        assert "u undo the last" in screen.wait_for(KEYS)
        screen.press("a")
        screen.wait_for("Noted: what dime is it\n")
        screen.wait_for(KEYS)
        screen.press("u")
        screen.wait_for("Taken back.")
        assert "2 of 4\n" in screen.wait_for(KEYS)
        assert by_id(unsure)[2].taught is None
        assert by_id(unsure)[2].correction is None
        screen.press("u")
        screen.wait_for("Taken back.")
        assert "1 of 4\n" in screen.wait_for(KEYS)
        screen.press("n")
        screen.wait_for(KEYS)
        screen.press("u")
        screen.wait_for(KEYS)
        screen.press("q")
        status, rest = screen.end()
    assert status == 0
    assert "Erased" not in rest
    assert rest.endswith("Reviewed: 0. Still to review: 4.\n")
    turns = by_id(unsure)
    assert sorted(turns) == [1, 2, 3, 4, 5]
    assert all(turn.taught is None and turn.consent for turn in turns.values())


def test_what_attune_was_sure_of_is_shown_when_asked(unsure: Journal, path: Path) -> None:
    newest = said(unsure, "what time was it", 0.99)
    assert [turn.id for turn in certain(unsure, 0.8)] == [newest, 1]
    with review(path, "--sure") as screen:
        assert 'a "what time was it" is right' in screen.wait_for(KEYS)
        screen.press("t")
        screen.wait_for("What was said: ")
        screen.press("what time is it\n")
        assert "understood  what time is it (95% sure)\n" in screen.wait_for(KEYS)
        screen.press("q")
        status, rest = screen.end()
    assert status == 0
    assert rest.endswith("Reviewed: 1. Still to review: 1.\n")
    assert by_id(unsure)[newest].correction == "what time is it"


def test_what_is_forgotten_with_a_recording_is_said_when_it_is_marked(
    unsure: Journal, path: Path
) -> None:
    folder = BridgeFolder(path.parent / "bridges")
    learn(unsure, folder, [4], seed=1)
    with review(path) as screen:
        screen.wait_for(KEYS)
        screen.press("d")
        screen.wait_for("it hears as if it had never learned your voice. Press u to keep it.")
        screen.wait_for(KEYS)
        screen.press("u")
        screen.wait_for("Taken back.")
        screen.wait_for(KEYS)
        screen.press("q")
        assert screen.end()[0] == 0
    assert folder.current is not None


def test_ctrl_c_loses_nothing(unsure: Journal, path: Path) -> None:
    with review(path) as screen:
        screen.wait_for(KEYS)
        screen.press("d")
        screen.wait_for(KEYS)
        screen.press("a")
        screen.wait_for(KEYS)
        screen.interrupt()
        status, rest = screen.end()
    assert status == 130
    assert "Erased: exchanges 1," in rest
    assert "Traceback" not in rest
    turns = by_id(unsure)
    assert sorted(turns) == [1, 2, 3, 5]
    assert turns[2].taught is Taught.CONFIRMED
    assert turns[5].taught is turns[3].taught is None


def test_without_a_terminal_letters_come_on_lines(unsure: Journal, path: Path) -> None:
    done = subprocess.run(
        command("review", "--database", path, "--limit", "3"),
        cwd=ROOT,
        env=silent_environment(path.parent / "silent"),
        input="p\ns\nT\nwhat time is it\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "There is no loudspeaker" in done.stdout
    assert "3 of 3" in done.stdout
    assert done.stdout.endswith("\nReviewed: 1. Still to review: 3.\n")
    assert by_id(unsure)[2].correction == "what time is it"
    assert by_id(unsure)[4].taught is None


def test_nothing_to_review_is_said_kindly(journal: Journal, path: Path) -> None:
    said(journal, "what time is it", 0.95)
    with review(path) as screen:
        status, shown = screen.end()
    assert status == 0
    assert shown.startswith("There is nothing to review: ")
