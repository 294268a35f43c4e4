from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from assistant.config import PersonaliseSettings, TurnSettings
from assistant.dialogue import ANOTHER_VOICE, STOPPED, DialoguePolicy
from assistant.errors import JournalError
from assistant.journal.store import Journal
from assistant.personalise.data.examples import examples
from assistant.values import Utterance
from assistant.verification import UNANSWERED, UNLEARNED, SpeakerVerifier
from tests.journal.exchanges import utterance
from tests.turn.rooms import Make, Saying

LEARNING = PersonaliseSettings.model_validate({})


@dataclass
class Certain(SpeakerVerifier):
    """Knows beforehand who speaks."""

    another: bool
    breaks: bool = False
    unlike: float = 0.0

    def likeness(self, utterance: Utterance) -> float:
        del utterance
        if self.breaks:
            raise JournalError("the disk fails")
        return self.unlike if self.another else 0.9

    def rest(self) -> None:
        """There is nobody to get to know."""


@pytest.mark.parametrize("another", [True, False])
def test_others_are_answered_and_not_learned_from(make: Make, path: Path, *, another: bool) -> None:
    saying = Saying("how nice my hat is", confidence=0.99)
    turn = make(encoder=saying, verifier=Certain(another)).hear(utterance())
    assert (turn.reply, turn.consent) == ("Yes.", not another)
    with Journal(path) as journal:
        learned = [each.turn for each in examples(journal.turns(), LEARNING)]
        assert learned == ([] if another else [turn.id])
        assert (journal.features(turn.id, "saying") is None) == another


def test_a_yes_of_somebody_else_teaches_nothing(make: Make, path: Path) -> None:
    saying = Saying("how nice my hat is", "yes", confidence=0.1)
    assistant = make(encoder=saying, verifier=Certain(another=True))
    asked, answered = assistant.hear(utterance()), assistant.hear(utterance())
    assert asked.reply == 'Did you say "how nice my hat is"?'
    assert answered.reply == "Yes."
    with Journal(path) as journal:
        assert examples(journal.turns(), LEARNING) == []


def test_where_only_the_user_is_answered_others_leave_nothing_behind(
    make: Make, path: Path
) -> None:
    saying = Saying("the news at ten", "how nice my hat is")
    verifier = Certain(another=True)
    assistant = make(encoder=saying, verifier=verifier, only_known=True)
    turn = assistant.hear(utterance())
    assert (turn.hypothesis, turn.reply, turn.error) == (None, None, ANOTHER_VOICE)
    with Journal(path) as journal:
        assert journal.count() == 0
    verifier.another = False
    assert assistant.hear(utterance()).reply == "Yes."


def test_what_others_say_is_kept_on_request(make: Make, path: Path) -> None:
    wished = DialoguePolicy(TurnSettings.model_validate({"keep_unaddressed": True}))
    saying, verifier = Saying("the news at ten", confidence=0.99), Certain(another=True)
    assistant = make(encoder=saying, verifier=verifier, only_known=True, dialogue=wished)
    turn = assistant.hear(utterance())
    assert (turn.hypothesis, turn.reply, turn.error) == ("the news at ten", None, ANOTHER_VOICE)
    with Journal(path) as journal:
        assert journal.turn(turn.id) == turn
        assert examples(journal.turns(), LEARNING) == []


def test_anybody_may_call_for_help_or_silence_it(make: Make) -> None:
    saying, verifier = Saying("help me i have fallen", "stop"), Certain(another=True)
    assistant = make(encoder=saying, verifier=verifier, only_known=True)
    helped, stopped = assistant.hear(utterance()), assistant.hear(utterance())
    assert helped.error is None
    assert helped.reply
    assert not helped.consent
    assert stopped.error == STOPPED


def test_a_disk_that_fails_makes_nobody_a_stranger(make: Make) -> None:
    saying = Saying("how nice my hat is")
    verifier = Certain(another=True, breaks=True)
    assert make(encoder=saying, verifier=verifier, only_known=True).hear(utterance()).reply


def test_who_may_be_the_user_is_answered_though_not_learned_from(make: Make) -> None:
    unsure = Certain(another=True, unlike=(UNANSWERED + UNLEARNED) / 2)
    saying = Saying("how nice my hat is", confidence=0.99)
    turn = make(encoder=saying, verifier=unsure, only_known=True).hear(utterance())
    assert (turn.reply, turn.consent) == ("Yes.", False)
