"""What the language model is reminded of, turn by turn."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from assistant.config import TurnSettings
from assistant.dialogue import DialoguePolicy
from assistant.errors import DeviceError
from assistant.generate.llama import LlamaSession
from assistant.generate.stream import GenerationStats, ReplyStream
from assistant.journal.buffered import BufferedJournal
from assistant.journal.store import Journal
from assistant.speak.voice import Mute
from assistant.turn import Assistant
from assistant.values import StopReason
from tests.generate import toys
from tests.journal.exchanges import utterance
from tests.turn.rooms import LETTER_H, Make, Saying, at, bridge_to

HEADER = "\nassistant\n"  # without its control tokens
NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def llm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaSession]:
    """It answers "Yes.", and has room for a long conversation."""
    path = tmp_path_factory.mktemp("llm") / "yes.gguf"
    toys.write(path, toys.chained(*b"Yes.", toys.IM_END, n_ctx=4_096))
    with LlamaSession(toys.settings(path, n_ctx=4_096, remember=9)) as session:
        yield session


def reminded(llm: LlamaSession) -> list[tuple[str, str]]:
    """The exchanges as the model is reminded of them: what was said, and the reply."""
    found: list[tuple[str, str]] = []
    for _, spoken, *rest in llm._prompts.conversation._exchanges:
        if spoken.ndim == 1:
            said = llm.detokenize(spoken.tolist()).removesuffix(HEADER).strip()
        else:
            said = f"{len(spoken)} rows"
            del rest[0]  # the header
        found.append((said, llm.detokenize(np.concatenate(rest).tolist())))
    return found


def decoded(llm: LlamaSession, act: Callable[[], object]) -> int:
    """How many tokens were decoded for it."""
    before = llm._cache.decoded
    act()
    return llm._cache.decoded - before


def rested(assistant: Assistant, llm: LlamaSession) -> list[tuple[str, str]]:
    for _ in range(20):
        assistant.rest()
    assert llm._cache.holds(llm._prompts.past)
    return reminded(llm)


def test_answers_and_what_code_said_stand_in_front_of_the_next_turn(
    make: Make, llm: LlamaSession
) -> None:
    assistant = make(look=lambda: at(NOON))
    assistant.read("hello there")
    assert assistant.read("what day is it").stop_reason is StopReason.SKILL
    assert rested(assistant, llm) == [
        ("hello there", "Yes."),
        ("what day is it", "Today is Sunday."),
    ]


def test_a_question_back_and_the_yes_are_part_of_the_talk(make: Make, llm: LlamaSession) -> None:
    assistant = make(encoder=Saying("where is my hat", "yes", "hello", confidence=0.1))
    for _ in range(3):
        assistant.hear(utterance())
    assert rested(assistant, llm) == [
        ("where is my hat", 'Did you say "where is my hat"?'),
        ("where is my hat", "Yes."),  # as the language model was asked
        ("hello", "Yes."),
    ]


def test_what_the_bridge_read_stands_there_as_it_was_given(make: Make, llm: LlamaSession) -> None:
    saying = Saying("heard")
    assistant = make(encoder=saying, bridge=bridge_to(LETTER_H, saying, llm), route="bridge")
    assistant.hear(utterance())
    assert decoded(llm, lambda: rested(assistant, llm)) == 0
    assert reminded(llm) == [("2 rows", "Yes.")]


def test_a_turn_costs_the_same_however_long_the_talk_is(make: Make, llm: LlamaSession) -> None:
    assistant = make(look=lambda: at(NOON))
    costs: list[int] = []
    for _ in range(3):
        costs.append(decoded(llm, lambda: assistant.read("hello there")))
        assert decoded(llm, assistant.rest) == 0
    assert costs[1] == costs[2] > 0


def test_while_nobody_speaks_what_code_said_is_decoded(make: Make, llm: LlamaSession) -> None:
    assistant = make(look=lambda: at(NOON))
    assistant.read("what day is it")
    assert decoded(llm, lambda: rested(assistant, llm)) > 0
    later = decoded(llm, lambda: assistant.read("hello there"))
    assistant.read("what day is it")
    at_once = decoded(llm, lambda: assistant.read("hello there"))
    assert at_once > later


class Lying:
    """A session whose replies are lies."""

    def __init__(self, llm: LlamaSession, lie: str) -> None:
        self.llm = llm
        self.lie = lie

    def __getattr__(self, name: str) -> object:
        return getattr(self.llm, name)

    def reply(self, *_: object, **__: object) -> ReplyStream:
        def written() -> Generator[str, None, GenerationStats]:
            yield self.lie
            return GenerationStats(0, 0, 0, 0, 0, 0, 0.0, None, 0.0, StopReason.END_OF_TURN)

        return ReplyStream(written())


def test_what_the_guard_said_instead_is_remembered(make: Make, llm: LlamaSession) -> None:
    assistant = make(llm=Lying(llm, "Hello. I have set a timer."))
    assistant.read("hello there")
    assert rested(assistant, llm) == [("hello there", "Hello. I cannot do that myself.")]


def test_what_was_broken_off_is_remembered_as_far_as_it_was_said(
    make: Make, tmp_path: Path
) -> None:
    class Interrupting(Mute):
        def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
            del name, on_first_audio
            next(pieces)
            next(pieces)
            assistant.interrupt()

    path = toys.write(tmp_path / "endless.gguf", toys.chained(*b"a. a"))
    with LlamaSession(toys.settings(path, max_tokens=100)) as endless:
        assistant = make(llm=endless, voice=Interrupting())
        assistant.hear(utterance())
        assert rested(assistant, endless) == [("e", "a. a.")]


def test_what_nobody_heard_is_not_remembered(make: Make, llm: LlamaSession) -> None:
    class Gone(Mute):
        def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
            del pieces, name, on_first_audio
            raise DeviceError("The loudspeaker is gone.")

    assistant = make(voice=Gone())
    with pytest.raises(DeviceError):
        assistant.hear(utterance())
    assert rested(assistant, llm) == []


def test_a_turn_that_is_taken_back_is_not_remembered(make: Make, llm: LlamaSession) -> None:
    assistant = make()
    turn = assistant.hear(utterance())
    assistant.journal.failed(turn.id, "The speaker went on.")
    assistant.hear(utterance())
    assert rested(assistant, llm) == [("e", "Yes.")]


@pytest.mark.parametrize("text", ["", "stop", "wait a moment"])
def test_what_gets_no_answer_is_not_remembered(make: Make, llm: LlamaSession, text: str) -> None:
    assistant = make(encoder=Saying(text))
    assistant.hear(utterance())
    assert rested(assistant, llm) == []


@pytest.mark.parametrize(
    ("silence", "left"),
    [(timedelta(seconds=299), 2), (timedelta(seconds=300), 1), (timedelta(days=-1), 1)],
)
def test_after_five_minutes_of_silence_a_new_conversation_begins(
    make: Make, llm: LlamaSession, silence: timedelta, left: int
) -> None:
    now = NOON
    assistant = make(look=lambda: at(now))
    assistant.read("hello there")
    now += silence
    assistant.read("hello there")
    assert len(rested(assistant, llm)) == left


def test_in_the_silence_itself_the_conversation_is_forgotten(make: Make, llm: LlamaSession) -> None:
    now = NOON
    assistant = make(look=lambda: at(now))
    assistant.read("hello there")
    assert len(rested(assistant, llm)) == 1
    now += timedelta(minutes=5)
    assert rested(assistant, llm) == []


def test_with_an_exchange_erased_by_another_program_the_conversation_is_forgotten(
    make: Make, llm: LlamaSession, path: Path
) -> None:
    assistant = make()
    erased = assistant.read("hello there")
    assistant.read("hello you")
    assert len(rested(assistant, llm)) == 2
    with Journal(path) as journal:
        journal.delete([erased.id])
    assert rested(assistant, llm) == []
    assistant.read("hello")
    with Journal(path) as journal:
        journal.clear(keeping="")
    assistant.read("the inn")
    assert rested(assistant, llm) == [("the inn", "Yes.")]


def test_what_was_begun_with_an_exchange_that_is_erased_now_is_not_taken_up(
    make: Make, llm: LlamaSession, path: Path
) -> None:
    assistant = make()
    erased = assistant.read("hello there")
    heard = Saying("hello you").encode(utterance())
    assistant.speculate(heard, 0.0, lambda: True)
    assert assistant._speculation is not None
    assistant.rest()
    assert assistant._speculation is not None
    with Journal(path) as journal:
        journal.delete([erased.id])
    assistant.rest()
    assert assistant._speculation is None
    assert assistant.read("hello you").reply == "Yes."
    assert rested(assistant, llm) == [("hello you", "Yes.")]


def test_after_a_restart_the_conversation_goes_on(make: Make, llm: LlamaSession) -> None:
    first = make(encoder=Saying("the inn", "stop"))
    for text in ("hello there", "what day is it"):
        first.read(text)
    for _ in range(2):
        first.hear(utterance(started_at=datetime.now(timezone.utc)))
    wanted = rested(first, llm)
    assert len(wanted) == 3
    assert rested(make(), llm) == wanted


def test_after_a_restart_no_more_is_taken_up_than_the_model_can_use(
    make: Make, tmp_path: Path
) -> None:
    path = toys.write(tmp_path / "yes.gguf", toys.chained(*b"Yes.", toys.IM_END, n_ctx=2_048))
    with LlamaSession(toys.settings(path, n_ctx=2_048, remember=2)) as session:
        first = make(llm=session)
        for text in ("hello there", "hello you", "the inn"):
            first.read(text)
        found = rested(make(llm=session), session)
    assert found == [("hello you", "Yes."), ("the inn", "Yes.")]


def test_what_was_said_long_before_a_restart_is_not_taken_up(make: Make, llm: LlamaSession) -> None:
    make().read("hello there")
    later = make(look=lambda: at(datetime.now(timezone.utc) + timedelta(minutes=5)))
    assert rested(later, llm) == []


def test_an_exchange_without_a_row_is_not_remembered(
    make: Make, llm: LlamaSession, path: Path
) -> None:
    with Journal(path) as other, BufferedJournal(path, busy_s=0.05) as journal:
        assistant = make(journal=journal)
        assistant.read("hello there")
        with other.writing("hold the disk"):
            assistant.read("hello you")
            assert rested(assistant, llm) == [("hello there", "Yes.")]
        assert assistant.read("the inn").reply == "Yes."
        assert rested(assistant, llm)[-1] == ("the inn", "Yes.")


def test_a_model_for_single_exchanges_is_reminded_of_nothing(make: Make, tmp_path: Path) -> None:
    path = toys.write(tmp_path / "yes.gguf", toys.chained(*b"Yes.", toys.IM_END))
    with LlamaSession(toys.settings(path, remember=0)) as session:
        assistant = make(llm=session, look=lambda: at(NOON))
        assistant.read("hello there")
        first = decoded(session, lambda: assistant.read("hello there"))
        assert decoded(session, lambda: assistant.read("hello there")) == first
        assert rested(assistant, session) == []


def test_the_wake_phrase_is_not_remembered(make: Make, llm: LlamaSession) -> None:
    dialogue = DialoguePolicy(TurnSettings.model_validate({"wake_phrase": "attune"}))
    assistant = make(encoder=Saying("a tune where is my hat"), dialogue=dialogue)
    assistant.hear(utterance())
    assert rested(assistant, llm) == [("where is my hat", "Yes.")]
