"""Turns that Home Assistant answers: what is handed to it, and what is answered here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from assistant.audio.resample import pcm
from assistant.config import TurnSettings
from assistant.dialogue import DialoguePolicy
from assistant.household.household import Household
from assistant.household.satellite import Satellite
from assistant.household.smart_home import HomeAnswer, HomeRequest
from assistant.journal.buffered import BufferedJournal
from assistant.skills.desk import Desk
from assistant.values import StopReason
from tests.journal.exchanges import utterance
from tests.turn.rooms import Make, Saying
from tests.waiting import WAIT_S, until

QUESTION = "how warm is it in the garden"


@pytest.fixture
def satellite() -> Satellite:
    return Satellite()


@pytest.fixture
def desk(satellite: Satellite, journal: BufferedJournal) -> Desk:
    return Desk(Household.of(journal, satellite=satellite))


@contextmanager
def answering(
    satellite: Satellite, speech: str = "It is nine degrees.", outcome: str = "answered"
) -> Iterator[list[HomeRequest]]:
    """Home Assistant answers everything so; what it was given."""
    given: list[HomeRequest] = []

    def answers() -> None:
        while (request := satellite.take(WAIT_S)) is not None:
            given.append(request)
            satellite.answered(request.number, HomeAnswer(outcome, speech))  # pyright: ignore[reportArgumentType]

    thread = threading.Thread(target=answers)
    thread.start()
    try:
        yield given
    finally:
        satellite.close()
        thread.join(WAIT_S)


def test_what_is_said_is_given_to_it_as_it_sounded(
    make: Make, satellite: Satellite, desk: Desk
) -> None:
    heard = utterance()
    with answering(satellite) as given:
        turn = make(encoder=Saying(QUESTION), desk=desk).hear(heard)
    (request,) = given
    assert request.sound == pcm(heard.samples)
    assert (turn.reply, turn.stop_reason) == ("It is nine degrees.", StopReason.SKILL)
    assert turn.has_audio
    assert turn.consent
    assert desk.said_last == "It is nine degrees."


@pytest.mark.parametrize(
    "words",
    ["set a timer for ten minutes", "what time is it", "who are you", "turn on the light", "okay"],
)
def test_everything_else_is_its_affair(
    words: str, make: Make, satellite: Satellite, desk: Desk
) -> None:
    with answering(satellite) as given:
        assert make(encoder=Saying(words), desk=desk).hear(utterance()).reply
    assert [each.words for each in given] == [words]


@pytest.mark.parametrize(
    "words",
    [
        "i have fallen",
        "call for help",
        "say that again",
        "speak slower",
        "what did i just say",
        "which pills should i take",
        "i feel so lonely",
        "did i take my pills",
    ],
)
def test_help_and_the_talk_itself_stay_here(
    words: str, make: Make, satellite: Satellite, desk: Desk
) -> None:
    with answering(satellite) as given:
        assert make(encoder=Saying(words), desk=desk).hear(utterance()).reply
    assert given == []


def test_what_rings_is_answered_here(
    make: Make, satellite: Satellite, desk: Desk, journal: BufferedJournal
) -> None:
    agenda, moment = desk.household.agenda, desk.household.look()
    said = ("five more minutes", "five more minutes", "okay")
    with answering(satellite) as given:
        assistant = make(encoder=Saying(*said), desk=desk)
        assistant.hear(utterance())
        assert len(given) == 1
        for words in ("Five minutes more.", "All right."):
            agenda.start_timer(timedelta(0), "egg", moment)
            agenda.tick(desk.household.look())
            assert assistant.hear(utterance()).reply == words
        assert len(given) == 1
    assert journal.count() == 3


def test_what_was_not_heard_clearly_is_asked_back_and_then_given_to_it(
    make: Make, satellite: Satellite, desk: Desk
) -> None:
    first = utterance()
    yes = replace(first, samples=np.zeros(8_000, np.float32))
    with answering(satellite) as given:
        dialogue = DialoguePolicy(TurnSettings.model_validate({"ask_back": 0.5}))
        encoder = Saying(QUESTION, "yes", confidence=0.3)
        assistant = make(encoder=encoder, desk=desk, dialogue=dialogue)
        assert assistant.hear(first).reply == f'Did you say "{QUESTION}"?'
        assert given == []
        assert assistant.hear(yes).reply == "It is nine degrees."
    # it was kept as FLAC, which loses nothing of 16 bits
    assert [each.sound for each in given] == [pcm(first.samples)]


def test_a_yes_to_a_call_for_help_gives_nothing_to_it(
    make: Make, satellite: Satellite, desk: Desk
) -> None:
    with answering(satellite) as given:
        dialogue = DialoguePolicy(TurnSettings.model_validate({"ask_back": 0.5}))
        encoder = Saying("i have fallen", "yes", confidence=0.3)
        assistant = make(encoder=encoder, desk=desk, dialogue=dialogue)
        assert (assistant.hear(utterance()).reply or "").startswith("I cannot call anyone.")
        assert assistant.hear(utterance()).reply
    assert given == []


def test_what_is_typed_is_answered_here_and_its_yes_too(
    make: Make, satellite: Satellite, desk: Desk
) -> None:
    with answering(satellite) as given:
        assistant = make(encoder=Saying("yes"), desk=desk)
        agenda = desk.household.agenda
        agenda.start_timer(timedelta(minutes=9), "egg", desk.household.look())
        asked = assistant.read("cancel the pizza timer")
        assert asked.stop_reason is StopReason.ASKED_BACK
        assert "cancelled" in (assistant.hear(utterance()).reply or "")
        assert agenda.items() == []
    assert given == []


def test_nothing_is_given_to_it_in_a_pause(make: Make, satellite: Satellite, desk: Desk) -> None:
    assistant = make(encoder=Saying(QUESTION), desk=desk)
    features = assistant.encoder.encode(utterance())
    assistant.speculate(features, 0.0, lambda: True)
    assert satellite.take(0) is None


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        ("# Weather\n* It is *warm*.\n", "Weather It is warm."),
        ("It is \x1b[2J warm.", "It is [2J warm."),
        (" ", "Your home has heard it, but did not say whether anything was done."),
    ],
)
def test_of_its_answer_is_said_what_can_be_heard(
    words: str, reply: str, make: Make, satellite: Satellite, desk: Desk
) -> None:
    with answering(satellite, words):
        turn = make(encoder=Saying(QUESTION), desk=desk).hear(utterance())
    assert turn.reply == reply


def test_what_it_asks_of_attune_meanwhile_is_an_exchange_of_its_own(
    make: Make, satellite: Satellite, desk: Desk, journal: BufferedJournal
) -> None:
    assistant = make(encoder=Saying(QUESTION), desk=desk)
    replies: list[str | None] = []
    thread = threading.Thread(target=lambda: replies.append(assistant.hear(utterance()).reply))
    thread.start()
    request = satellite.take(WAIT_S)
    assert request is not None
    asked = threading.Event()

    def ask() -> None:
        replies.append(assistant.read("what is two and two", aloud=False).reply)
        asked.set()

    assert satellite.errand(ask)
    assert asked.wait(WAIT_S)
    satellite.answered(request.number, HomeAnswer("answered", "It is warm."))
    thread.join(WAIT_S)
    assert replies == ["Two plus two is four.", "It is warm."]
    assert not satellite.errand(ask)
    assert [turn.reply for turn in journal.turns()] == replies
    remembered = assistant._memory._new  # pyright: ignore[reportPrivateUsage]
    assert remembered is not None
    assert isinstance(remembered.request, str)
    assert remembered.request.strip() == QUESTION


@pytest.mark.parametrize(
    ("words", "ends"), [("stop", True), ("i have fallen", True), ("and the cellar", False)]
)
def test_stop_and_a_call_for_help_end_the_wait(
    words: str, *, ends: bool, make: Make, satellite: Satellite, desk: Desk
) -> None:
    assistant = make(encoder=Saying(words, QUESTION), desk=desk)
    assert assistant.breaks_off(utterance()) is ends
    replies: list[str | None] = []
    thread = threading.Thread(target=lambda: replies.append(assistant.hear(utterance()).reply))
    thread.start()
    request = satellite.take(WAIT_S)
    assert request is not None
    request.until += WAIT_S
    until(lambda: satellite.is_waited_for)
    assistant.interrupt()
    thread.join(WAIT_S)
    assert replies == ["Your home did not answer in time, so I do not know whether that was done."]
    assert satellite.is_over(request.number, 0)
