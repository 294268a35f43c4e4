from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.config import PersonaliseSettings, SpeakSettings, TurnSettings
from assistant.dialogue import (
    CALLED,
    NOT_CAUGHT,
    SAY_AGAIN,
    STOPPED,
    UNADDRESSED,
    WAITING,
    WAS_SPEAKING,
    DialoguePolicy,
)
from assistant.errors import DeviceError
from assistant.generate.llama import LlamaSession
from assistant.generate.stream import ReplyStream
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.personalise.data.examples import examples
from assistant.speak.espeak import Espeak
from assistant.speak.playback import WavSink
from assistant.speak.voice import Aloud, Mute
from assistant.values import Route, SoftPrompt, StopReason
from tests.journal.exchanges import utterance
from tests.turn.rooms import LETTER_H, Make, Saying, bridge_to

LEARNING = PersonaliseSettings.model_validate({})


def dialogue(**settings: object) -> DialoguePolicy:
    return DialoguePolicy(TurnSettings.model_validate(settings))


def unsure(*texts: str) -> Saying:
    return Saying(*texts, confidence=0.1)


def test_what_is_uncertain_is_asked_back_aloud(make: Make, tmp_path: Path) -> None:
    sink = WavSink(tmp_path / "replies")
    voice = Aloud(Espeak(SpeakSettings.model_validate({})), sink)
    turn = make(encoder=unsure("lobsters dance quietly"), voice=voice).hear(utterance())
    assert turn.reply == 'Did you say "lobsters dance quietly"?'
    assert (turn.stop_reason, turn.route) == (StopReason.ASKED_BACK, Route.TRANSCRIPT)
    assert turn.error is None
    assert turn.timings is not None
    assert turn.timings.first_audio is not None
    assert turn.timings.prefill is None
    assert sink.path is not None
    assert sink.path.name.startswith(f"turn-{turn.id:06d}")


def test_what_began_while_it_spoke_is_not_answered_as_if_it_were_whole(
    make: Make, path: Path
) -> None:
    half = replace(utterance(), is_half=True)
    turn = make(encoder=Saying("what time is it", confidence=0.95)).hear(half)
    assert (turn.reply, turn.stop_reason) == (WAS_SPEAKING, StopReason.ASKED_BACK)
    with Journal(path) as journal:
        assert examples(journal.turns(), LEARNING) == []


def test_a_call_for_help_is_answered_even_if_only_half_of_it_was_heard(make: Make) -> None:
    half = replace(utterance(), is_half=True)
    turn = make(encoder=Saying("i have fallen", confidence=0.95)).hear(half)
    assert turn.stop_reason is StopReason.SKILL
    assert turn.reply != WAS_SPEAKING


def test_a_yes_answers_and_teaches_what_was_asked(make: Make, path: Path) -> None:
    assistant = make(encoder=unsure("how nice my hat is", "yes"))
    asked = assistant.hear(utterance())
    answered = assistant.hear(utterance())
    assert (answered.hypothesis, answered.reply) == ("yes", "Yes.")
    with Journal(path) as journal:
        confirmed = journal.turn(asked.id)
        assert (confirmed.correction, confirmed.taught) == ("how nice my hat is", Taught.CONFIRMED)
        assert confirmed.reply == asked.reply
        assert journal.turn(answered.id) == answered
        assert [each.turn for each in examples(journal.turns(), LEARNING)] == [asked.id]


def test_after_a_no_the_next_try_is_taken_as_it_is(make: Make) -> None:
    assistant = make(encoder=unsure("lobsters dance quietly", "now", "lobsters dance greatly"))
    turns = [assistant.hear(utterance()) for _ in range(3)]
    first = 'Did you say "lobsters dance quietly"?'
    assert [turn.reply for turn in turns] == [first, SAY_AGAIN, "Yes."]
    assert [turn.correction for turn in turns] == [None, None, None]


class Overheard:
    """A session that keeps what it is asked."""

    def __init__(self, llm: LlamaSession) -> None:
        self.llm = llm
        self.fingerprint = llm.fingerprint
        self.asked: list[str | SoftPrompt] = []
        self.words = llm.words
        self.remembers = 0

    def reply(
        self, words: str | SoftPrompt, context: str, *, cancel: threading.Event
    ) -> ReplyStream:
        self.asked.append(words)
        return self.llm.reply(words, context, cancel=cancel)


def test_a_yes_asks_for_the_pending_words(make: Make, llm: LlamaSession) -> None:
    overheard = Overheard(llm)
    assistant = make(encoder=unsure("how nice my hat is", "yes"), llm=overheard)
    assistant.hear(utterance())
    assert overheard.asked == []
    assistant.hear(utterance())
    assert overheard.asked == [" how nice my hat is"]


def test_the_wake_phrase_is_no_part_of_the_request(make: Make, llm: LlamaSession) -> None:
    overheard = Overheard(llm)
    saying = Saying("a tune how nice my hat is")
    make(encoder=saying, llm=overheard, dialogue=dialogue(wake_phrase="attune")).hear(utterance())
    assert overheard.asked == [" how nice my hat is"]


def test_the_bridges_reading_goes_to_the_llm_as_embeddings(make: Make, llm: LlamaSession) -> None:
    overheard = Overheard(llm)
    saying = Saying("heard")
    bridge = bridge_to(LETTER_H, saying, llm)
    assistant = make(encoder=saying, bridge=bridge, route="bridge", llm=overheard)
    assistant.hear(utterance())
    (prompt,) = overheard.asked
    assert isinstance(prompt, SoftPrompt)
    assert prompt.heard == "hh"


def test_on_the_bridge_route_the_bridges_reading_is_judged(make: Make, llm: LlamaSession) -> None:
    saying = Saying("heard", "heard", confidence=0.1)
    sure = bridge_to(LETTER_H, saying, llm)
    assert make(encoder=saying, bridge=sure, route="bridge").hear(utterance()).reply == "Yes."
    saying = Saying("heard", confidence=1.0)
    unsure = bridge_to(LETTER_H, saying, llm, or_else=ord("e"))
    strict = dialogue(ask_back=0.95)
    turn = make(encoder=saying, bridge=unsure, route="bridge", dialogue=strict).hear(utterance())
    assert turn.bridge_confidence is not None
    assert turn.bridge_confidence < 0.95
    assert (turn.heard, turn.reply) == ("hh", 'Did you say "hh"?')
    with Journal(make().journal.path) as journal:
        assert turn.id not in [each.turn for each in examples(journal.turns(), LEARNING)]


@pytest.mark.parametrize(
    ("text", "note"), [("stop", STOPPED), ("stap", STOPPED), ("hold on", WAITING)]
)
def test_stop_and_wait_get_no_reply(make: Make, path: Path, text: str, note: str) -> None:
    assistant = make(encoder=Saying(text), dialogue=dialogue(wake_phrase="attune"))
    turn = assistant.hear(utterance())
    assert (turn.hypothesis, turn.reply, turn.error) == (text, None, note)
    with Journal(path) as journal:
        assert journal.turn(turn.id) == turn
        assert examples(journal.turns(), LEARNING) == []
    assert (assistant.dialogue.patient_until > 0) == (note == WAITING)


def test_talk_without_the_wake_phrase_leaves_nothing_behind(make: Make, path: Path) -> None:
    assistant = make(encoder=Saying("the news at ten"), dialogue=dialogue(wake_phrase="attune"))
    turn = assistant.hear(utterance())
    assert (turn.hypothesis, turn.reply, turn.error) == (None, None, UNADDRESSED)
    assert not turn.has_audio
    with Journal(path) as journal:
        assert journal.count() == 0
        with journal.reading() as database:
            assert database.conn.execute("SELECT count(*) FROM features").fetchone() == (0,)


def test_talk_without_the_wake_phrase_is_kept_on_request_and_never_learned_from(
    make: Make, path: Path
) -> None:
    wished = dialogue(wake_phrase="attune", keep_unaddressed=True)
    turn = make(encoder=Saying("the news at ten"), dialogue=wished).hear(utterance())
    assert (turn.hypothesis, turn.reply, turn.error) == ("the news at ten", None, UNADDRESSED)
    with Journal(path) as journal:
        assert journal.turn(turn.id) == turn
        assert examples(journal.turns(), LEARNING) == []


def test_the_wake_phrase_opens_a_conversation(make: Make) -> None:
    saying = Saying("a tune", "how nice my hat is", "and how old it is")
    assistant = make(encoder=saying, dialogue=dialogue(wake_phrase="Attune", follow_up_s=600))
    called, first, second = (assistant.hear(utterance()) for _ in range(3))
    assert (called.error, called.reply) == (CALLED, None)
    assert [first.reply, second.reply] == ["Yes.", "Yes."]


def test_a_conversation_without_words_is_asked_about(make: Make) -> None:
    assistant = make(encoder=Saying("hello", "hello", "", ""))
    turns = [assistant.hear(utterance()) for _ in range(4)]
    assert [turn.reply for turn in turns] == ["Yes.", "Yes.", NOT_CAUGHT, None]


def test_a_question_that_nobody_heard_is_not_answered(make: Make) -> None:
    class Gone(Mute):
        def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
            del pieces, name, on_first_audio
            raise DeviceError("The loudspeaker is gone.")

    assistant = make(encoder=unsure("lobsters dance quietly", "yes"), voice=Gone())
    with pytest.raises(DeviceError):
        assistant.hear(utterance())
    (turn,) = assistant.journal.turns()
    assert (turn.reply, turn.error) == (
        'Did you say "lobsters dance quietly"?',
        "The loudspeaker is gone.",
    )
    assistant.voice = Mute()
    assistant.hear(utterance())
    assert assistant.journal.turn(turn.id).taught is None


def test_a_question_broken_off_is_not_said(make: Make) -> None:
    said: list[str] = []

    class Keeping(Mute):
        def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
            del name, on_first_audio
            said.extend(pieces)

    assistant = make(encoder=unsure("lobsters dance quietly"), voice=Keeping())
    assistant.cancel()
    assistant.hear(utterance())
    assert said == []


def test_an_exchange_erased_meanwhile_is_answered_all_the_same(make: Make, path: Path) -> None:
    assistant = make(encoder=unsure("how nice my hat is", "yes"))
    asked = assistant.hear(utterance())
    with Journal(path) as journal:
        journal.delete((asked.id,))
    assert assistant.hear(utterance()).reply == "Yes."
