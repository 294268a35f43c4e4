"""Turns in which the home is asked: what is said, and when it is asked back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from assistant.household.household import Household
from assistant.household.smart_home import HomeAnswer, SmartHome
from assistant.journal.buffered import BufferedJournal
from assistant.skills.desk import Desk
from assistant.values import StopReason
from tests.journal.exchanges import utterance
from tests.turn.rooms import Make, Saying
from tests.waiting import WAIT_S

LIGHT = "turn on the kitchen light"


def at_home(journal: BufferedJournal) -> tuple[SmartHome, Desk]:
    home = SmartHome()
    return home, Desk(Household.of(journal, smart_home=home))


@contextmanager
def answering(home: SmartHome, answer: HomeAnswer) -> Iterator[list[str]]:
    """Somebody answers every request so; the words of the requests."""
    words: list[str] = []

    def answers() -> None:
        while (request := home.take(WAIT_S)) is not None:
            words.append(request.words)
            home.answered(request.number, answer)

    thread = threading.Thread(target=answers)
    thread.start()
    try:
        yield words
    finally:
        home.close()
        thread.join(WAIT_S)


def test_what_the_home_answered_is_said_and_kept(make: Make, journal: BufferedJournal) -> None:
    home, desk = at_home(journal)
    with answering(home, HomeAnswer("done", "Turned on the light")) as words:
        turn = make(encoder=Saying(LIGHT), desk=desk).hear(utterance())
    assert (turn.reply, turn.stop_reason) == ("Turned on the light.", StopReason.SKILL)
    assert words == [LIGHT]
    assert desk.said_last == "Turned on the light."


def test_what_was_not_heard_clearly_is_asked_back_before_anything_is_done(
    make: Make, journal: BufferedJournal
) -> None:
    home, desk = at_home(journal)
    with answering(home, HomeAnswer("done", "Turned on the light")) as words:
        assistant = make(encoder=Saying(LIGHT, "yes", confidence=0.3), desk=desk)
        turn = assistant.hear(utterance())
        assert turn.reply == f'Shall I tell your home "{LIGHT}"?'
        assert turn.stop_reason is StopReason.ASKED_BACK
        assert words == []
        assert assistant.hear(utterance()).reply == "Turned on the light."
    assert words == [LIGHT]


def test_a_door_is_opened_for_a_yes_only(make: Make, journal: BufferedJournal) -> None:
    home, desk = at_home(journal)
    with answering(home, HomeAnswer("done", "Unlocked")) as words:
        assistant = make(encoder=Saying("unlock the front door", "no"), desk=desk)
        assert assistant.hear(utterance()).stop_reason is StopReason.ASKED_BACK
        assert assistant.hear(utterance()).reply == "All right, I leave it as it is."
        assert assistant.read("unlock the front door").stop_reason is StopReason.ASKED_BACK
        assert words == []
        assert assistant.read("yes").reply == "Unlocked."
    assert words == ["unlock the front door"]


def test_stop_ends_the_wait_for_the_home(make: Make, journal: BufferedJournal) -> None:
    home, desk = at_home(journal)
    assistant = make(desk=desk)
    replies: list[str | None] = []
    thread = threading.Thread(target=lambda: replies.append(assistant.read(LIGHT).reply))
    thread.start()
    request = home.take(WAIT_S)
    assert request is not None
    request.until += WAIT_S  # nobody but "stop" ends it
    assistant.interrupt()
    thread.join(WAIT_S)
    assert replies == ["Your home did not answer in time, so I do not know whether that was done."]


def test_if_nobody_takes_it_that_is_said(make: Make, journal: BufferedJournal) -> None:
    home, desk = at_home(journal)
    turn = make(desk=desk).read(LIGHT)
    assert turn.reply == "I cannot reach your home at the moment, so nothing was done."
    assert home.take(0) is None


def test_nothing_is_asked_in_a_pause(make: Make, journal: BufferedJournal) -> None:
    home, desk = at_home(journal)
    assistant = make(encoder=Saying(LIGHT), desk=desk)
    features = assistant.encoder.encode(utterance())
    assistant.speculate(features, 0.0, lambda: True)
    assert home.take(0) is None
