"""What is done for the user, in whole turns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from assistant.config import HouseholdSettings, TurnSettings
from assistant.dialogue import NOT_DONE, STOPPED, DialoguePolicy
from assistant.household.agenda import How, Kind
from assistant.household.clocks import Moment
from assistant.journal.buffered import BufferedJournal
from assistant.journal.turn import Taught
from assistant.turn import Assistant
from assistant.values import SpeechFeatures, StopReason, Transcript
from tests.encode import tiny
from tests.journal.exchanges import utterance
from tests.journal.locks import held_by_another
from tests.turn.rooms import Encoded, Make, Saying, at

NOW = datetime(2026, 11, 29, 15, 30, tzinfo=timezone.utc)
RUNS = "A timer for ten minutes is running."
ASKED = "A timer for ten minutes?"


@dataclass
class Clock:
    now: datetime = NOW

    def look(self) -> Moment:
        return at(self.now)


def names(assistant: Assistant) -> list[str]:
    return [each.name for each in assistant.desk.household.agenda.items()]


def unsure(*texts: str) -> Saying:
    """Sure enough to answer, not to act."""
    return Saying(*texts, confidence=0.3)


def replies(assistant: Assistant, number: int) -> list[str | None]:
    return [assistant.hear(utterance(seed=seed)).reply for seed in range(number)]


def test_an_act_that_is_certain_is_done_at_once(make: Make) -> None:
    assistant = make(encoder=Saying("set a timer for ten minutes"))
    turn = assistant.hear(utterance())
    assert (turn.reply, turn.stop_reason) == (RUNS, StopReason.SKILL)
    assert names(assistant) == [""]


def test_an_act_that_is_not_certain_is_asked_back_and_a_yes_does_and_teaches_it(
    make: Make,
) -> None:
    assistant = make(encoder=unsure("set a timer for ten minutes", "yes"))
    asked = assistant.hear(utterance(seed=1))
    assert (asked.reply, asked.stop_reason) == (ASKED, StopReason.ASKED_BACK)
    assert names(assistant) == []
    assert assistant.hear(utterance(seed=2)).reply == RUNS
    assert names(assistant) == [""]
    confirmed = assistant.journal.turn(asked.id)
    assert (confirmed.correction, confirmed.taught) == (
        "set a timer for ten minutes", Taught.CONFIRMED,
    )  # fmt: skip


def test_a_no_leaves_it(make: Make) -> None:
    assistant = make(encoder=unsure("set a timer for ten minutes", "no"))
    assert replies(assistant, 2) == [ASKED, NOT_DONE]
    assert names(assistant) == []
    assert assistant.journal.turn(1).correction is None


def test_something_else_than_an_answer_leaves_it_too(make: Make) -> None:
    assistant = make(encoder=unsure("set a timer for ten minutes", "what time is it", "yes"))
    assert replies(assistant, 2)[0] == ASKED
    assistant.hear(utterance())
    assert names(assistant) == []


def test_who_does_not_want_to_be_asked_is_not(make: Make) -> None:
    dialogue = DialoguePolicy(TurnSettings.model_validate({"ask_back": 0}))
    assistant = make(encoder=unsure("set a timer for ten minutes"), dialogue=dialogue)
    assert replies(assistant, 1) == [RUNS]


def test_what_is_grave_is_asked_however_certain_it_is(make: Make) -> None:
    assistant = make()
    assistant.read("add milk and eggs to my shopping list")
    asked = assistant.read("clear my shopping list")
    assert (asked.reply, asked.stop_reason) == (
        "Take everything off your shopping list, two things?", StopReason.ASKED_BACK,
    )  # fmt: skip
    assert len(assistant.desk.household.lists.entries()) == 2
    assert assistant.read("yes").reply == "Your shopping list is empty now."
    assert assistant.read("cancel that").reply == "I have taken that back."
    assert len(assistant.desk.household.lists.entries()) == 2


def test_a_typed_request_is_certain(make: Make) -> None:
    assistant = make()
    assert assistant.read("set a timer for ten minutes").reply == RUNS
    assert names(assistant) == [""]


def test_cancel_that_takes_back_what_was_just_done_and_then_only_wants_silence(
    make: Make,
) -> None:
    assistant = make(encoder=Saying("set a timer for ten minutes", "cancel that", "cancel that"))
    assert replies(assistant, 2) == [RUNS, "I have taken that back."]
    assert names(assistant) == []
    assert assistant.hear(utterance()).error == STOPPED


def test_a_question_of_a_skill_is_answered_without_a_wake_phrase(make: Make) -> None:
    dialogue = DialoguePolicy(TurnSettings.model_validate({"wake_phrase": "attune"}))
    assistant = make(encoder=Saying("attune set a timer", "ten minutes"), dialogue=dialogue)
    assert replies(assistant, 2) == ["For how long?", RUNS]


def test_stop_silences_what_rings_but_no_reminder(make: Make) -> None:
    clock = Clock()
    assistant = make(encoder=Saying("stop"), look=clock.look)
    agenda = assistant.desk.household.agenda
    agenda.start_timer(timedelta(minutes=1), "egg", clock.look())
    agenda.add(Kind.REMINDER, "take the blue pill", NOW + timedelta(minutes=1), clock.look())
    clock.now += timedelta(minutes=1)
    assert len(agenda.tick(clock.look())) == 2
    assert assistant.hear(utterance()).error == STOPPED
    assert [each.name for each in agenda.rings()] == ["take the blue pill"]
    assert [each.how for each in agenda.past(NOW)] == [How.STOPPED]


def test_what_is_announced_can_be_answered_and_said_again(make: Make) -> None:
    clock = Clock()
    dialogue = DialoguePolicy(TurnSettings.model_validate({"wake_phrase": "attune"}))
    assistant = make(encoder=Saying("say that again", "done"), look=clock.look, dialogue=dialogue)
    agenda = assistant.desk.household.agenda
    agenda.add(Kind.REMINDER, "call Peter", NOW + timedelta(minutes=1), clock.look())
    clock.now += timedelta(minutes=1)
    agenda.tick(clock.look())
    assistant.announce("A reminder: call Peter.")
    assert replies(assistant, 2) == [
        "A reminder: call Peter.", "Good. I have written down that this is done: call Peter.",
    ]  # fmt: skip
    assert agenda.rings() == []


def test_nothing_is_done_in_a_pause(make: Make) -> None:
    assistant = make(encoder=Saying())
    frames = np.zeros((4, tiny.HIDDEN), np.float32)
    words = "set a timer for ten minutes"
    features = SpeechFeatures(frames, 50.0, Transcript(words, 1.0), "saying")
    for _ in range(3):
        assistant.speculate(features, 0.0, lambda: True)
    assert names(assistant) == []
    assistant.ends = Encoded(lambda: features)  # pyright: ignore[reportAttributeAccessIssue]
    assert assistant.hear(utterance()).reply == RUNS
    assert names(assistant) == [""]
    assistant.speculate(
        SpeechFeatures(frames, 50.0, Transcript("cancel that", 1.0), "saying"), 0.0, lambda: True
    )
    assert names(assistant) == [""]


def test_an_emergency_in_a_pause_calls_nobody(make: Make, tmp_path: Path) -> None:
    household = HouseholdSettings.model_validate({"help_command": ["touch", str(tmp_path / "it")]})
    assistant = make(encoder=Saying(), household=household)
    frames = np.zeros((4, tiny.HIDDEN), np.float32)
    features = SpeechFeatures(frames, 50.0, Transcript("help me", 1.0), "saying")
    assistant.speculate(features, 0.0, lambda: True)
    assert not (tmp_path / "it").exists()


@pytest.mark.parametrize(("program", "told"), [
    ("true", "I have sent a message to Anna."),
    ("false", "I could not reach Anna. Please get help yourself."),
])  # fmt: skip
@pytest.mark.parametrize("confidence", [0.02, 1.0])
def test_after_a_call_for_help_it_is_said_what_came_of_it(
    program: str, told: str, confidence: float, make: Make
) -> None:
    settings = {"help_command": [program], "help_name": "Anna"}
    household = HouseholdSettings.model_validate(settings)
    assistant = make(encoder=Saying("i have fallen", confidence=confidence), household=household)
    turn = assistant.hear(utterance())
    assert turn.reply is not None
    assert turn.reply.startswith("I am sending a message to Anna. If you are hurt")
    assert turn.reply.endswith(told)
    assert assistant.journal.turn(turn.id).reply == turn.reply


def test_a_call_for_help_that_is_interrupted_goes_out_all_the_same(
    make: Make, tmp_path: Path
) -> None:
    household = HouseholdSettings.model_validate({"help_command": ["touch", str(tmp_path / "it")]})
    assistant = make(encoder=Saying("help me"), household=household)
    assistant.cancel()
    assistant.hear(utterance())
    assert (tmp_path / "it").exists()


class TestOnADiskThatRefuses:
    @pytest.fixture
    def journal(self, patient_journal: BufferedJournal) -> BufferedJournal:
        return patient_journal

    @pytest.fixture
    def refusing(self, journal: BufferedJournal) -> Iterator[None]:
        journal.database.conn.execute("PRAGMA query_only = ON")
        yield
        journal.database.conn.execute("PRAGMA query_only = OFF")

    @pytest.mark.usefixtures("refusing")
    def test_no_act_is_claimed(self, make: Make) -> None:
        assistant = make(encoder=Saying("set a timer for ten minutes", "what time is it"))
        told, time = replies(assistant, 2)
        assert (told or "").startswith("I could not do that, because I cannot write anything down")
        assert (time or "").startswith("It is")
        assert (assistant.read("add milk to my list").reply or "").startswith("I could not do")
        assert names(assistant) == []

    def test_no_act_is_claimed_while_another_program_locks_it(self, make: Make, path: Path) -> None:
        assistant = make()
        with held_by_another(path):
            told = assistant.read("set a timer for ten minutes").reply
        assert (told or "").startswith("I could not do that")
        assert names(assistant) == []

    def test_stop_still_silences(self, make: Make, journal: BufferedJournal) -> None:
        clock = Clock()
        assistant = make(encoder=Saying("stop"), look=clock.look)
        agenda = assistant.desk.household.agenda
        agenda.start_timer(timedelta(minutes=1), "", clock.look())
        clock.now += timedelta(minutes=1)
        agenda.tick(clock.look())
        journal.database.conn.execute("PRAGMA query_only = ON")
        assert assistant.hear(utterance()).error == STOPPED
        assert agenda.rings() == []
        journal.database.conn.execute("PRAGMA query_only = OFF")


def test_what_was_done_for_the_beginning_of_an_utterance_is_taken_back(make: Make) -> None:
    assistant = make(
        encoder=Saying(
            "remind me to call peter tomorrow at ten",
            "remind me to call peter tomorrow at ten in the evening",
            "thank you",
        )
    )
    assistant.hear(utterance())
    assistant.reopen()
    assert assistant.desk.household.agenda.items() == []
    assistant.hear(utterance())
    [item] = assistant.desk.household.agenda.items()
    assert item.wall is not None
    assert item.wall.hour == 22
    assistant.hear(utterance())
    assistant.reopen()  # of an exchange in which nothing was done
    assert assistant.desk.household.agenda.items() == [item]
