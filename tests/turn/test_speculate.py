"""Replies that are begun in a pause, for the case that nothing more is said."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from assistant.bridge.connect import Bridge
from assistant.config import TurnSettings
from assistant.dialogue import STOPPED, WAITING, DialoguePolicy
from assistant.errors import EncoderError, GenerationError, SpeechError
from assistant.generate.llama import LlamaSession
from assistant.generate.stream import GenerationStats, ReplyStream
from assistant.journal.store import Journal
from assistant.journal.turn import Turn
from assistant.speak.speech import Speech
from assistant.speak.voice import Aloud, Mute
from assistant.turn import Assistant
from assistant.values import Route, SoftPrompt, SpeechFeatures, StopReason, Transcript, Utterance
from tests.encode import tiny
from tests.generate import toys
from tests.journal.exchanges import utterance
from tests.turn.rooms import LETTER_H, Encoded, Make, Saying, at, bridge_to

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
TALK = b"Yes! No."
"""Two sentences in which no sign comes twice."""


def always() -> bool:
    return True


def features(text: str, confidence: float = 1.0) -> SpeechFeatures:
    frames = np.zeros((4, tiny.HIDDEN), np.float32)
    return SpeechFeatures(frames, 50.0, Transcript(text, confidence), "saying")


class Counting:
    """A session that counts what is asked of it, and fails where it is told to."""

    def __init__(self, llm: LlamaSession) -> None:
        self.llm = llm
        self.fingerprint = llm.fingerprint
        self.words = llm.words
        self.remembers = 0
        self.asked: list[str | SoftPrompt] = []
        self.expected: list[str] = []
        self.pieces = 0
        self.failures = 0

    def expect(self, context: str) -> None:
        self.expected.append(context)
        self.llm.expect(context)

    def reply(
        self, words: str | SoftPrompt, context: str, *, cancel: threading.Event
    ) -> ReplyStream:
        self.asked.append(words)
        if self.failures:
            self.failures -= 1
            raise GenerationError("The prompt is too long.")
        stream = self.llm.reply(words, context, cancel=cancel)

        def counted() -> Generator[str, None, GenerationStats]:
            for piece in stream:
                self.pieces += 1
                yield piece
            return stream.stats

        return ReplyStream(counted())


class Crossing:
    """A bridge that keeps what it was given."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self.crossed: list[SpeechFeatures] = []
        self.accepted, self.learned = bridge.accepted, bridge.learned

    def reads(self, features: SpeechFeatures) -> bool:
        return self._bridge.reads(features)

    def soft_prompt(self, features: SpeechFeatures) -> SoftPrompt:
        self.crossed.append(features)
        return self._bridge.soft_prompt(features)


@dataclass
class Speaking:
    """A synthesiser and a sink that keep what they are given."""

    made: list[str] = field(default_factory=list[str])
    played: list[Speech] = field(default_factory=list[Speech])
    begun: list[str] = field(default_factory=list[str])
    failing: bool = False
    tempo: float = 1.0
    language: str = "en"

    def synthesise(self, text: str) -> Speech:
        if self.failing:
            raise SpeechError("No voice today.")
        self.made.append(text)
        return Speech(np.full(160, len(self.made), np.int16), 16_000)

    def begin(self, name: str) -> None:
        self.begun.append(name)

    def play(self, speech: Speech) -> bool:
        self.played.append(speech)
        return True

    def stop(self) -> None:
        """Nothing lasts."""

    def end(self) -> None:
        """All has been heard."""


@dataclass
class Room:
    """An assistant whose ears say what they are told."""

    assistant: Assistant
    llm: Counting
    sound: Speaking
    path: Path
    heard: SpeechFeatures = field(default_factory=lambda: features("hello"))
    now: datetime = NOON

    def begin(self, still: Callable[[], bool] = always) -> None:
        """A pause in what is said."""
        self.assistant.speculate(self.heard, 0.0, still)

    def hear(self) -> Turn:
        """What is said has ended."""
        return self.assistant.hear(utterance())

    @property
    def ready(self) -> bool:
        return self.assistant._speculation is not None


MakeRoom = Callable[..., Room]


@pytest.fixture(scope="module")
def talker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaSession]:
    """It answers "Yes! No.", whatever it is asked."""
    path = tmp_path_factory.mktemp("llm") / "talk.gguf"
    toys.write(path, toys.chained(*TALK, toys.IM_END))
    with LlamaSession(toys.settings(path, max_tokens=20)) as session:
        yield session


@pytest.fixture
def room(make: Make, talker: LlamaSession, path: Path) -> MakeRoom:
    def opened(llm: LlamaSession = talker, **changes: object) -> Room:
        counting, sound = Counting(llm), Speaking()
        assistant = make(
            **{
                "encoder": Saying(),
                "llm": counting,
                "voice": Aloud(sound, sound),
                "ends": Encoded(lambda: room.heard),
                "look": lambda: at(room.now),
                **changes,
            }
        )
        room = Room(assistant, counting, sound, path)
        return room

    return opened


def told(turn: Turn) -> tuple[object, ...]:
    """What a turn says, without ids and times."""
    return (
        turn.hypothesis,
        turn.heard,
        turn.bridge,
        turn.bridge_confidence,
        turn.route,
        turn.reply,
        turn.stop_reason,
        turn.error,
        turn.llm,
    )


def test_a_reply_that_was_begun_is_taken_up(room: MakeRoom) -> None:
    plain = room()
    wanted = plain.hear()
    ahead = room()
    ahead.begin()
    assert ahead.ready
    assert len("Yes!") < ahead.llm.pieces < plain.llm.pieces
    turn = ahead.hear()
    assert told(turn) == told(wanted)
    assert (turn.reply, turn.stop_reason) == ("Yes! No.", StopReason.END_OF_TURN)
    assert ahead.llm.asked == plain.llm.asked == [" hello"]
    assert ahead.llm.pieces == plain.llm.pieces
    assert not ahead.ready


def test_what_was_begun_costs_nothing_at_the_end(room: MakeRoom) -> None:
    slow = room().hear().timings
    ahead = room()
    ahead.begin()
    quick = ahead.hear().timings
    assert slow is not None
    assert quick is not None
    assert slow.prefill is not None
    assert quick.prefill is None
    assert quick.first_token is not None
    assert quick.encode is not None
    assert quick.first_audio is not None
    assert quick.total is not None
    assert quick.encode <= quick.first_token <= quick.first_audio <= quick.total


def test_the_first_sentence_sounds_as_it_was_made_in_the_pause(room: MakeRoom) -> None:
    ahead = room()
    ahead.begin()
    assert ahead.sound.made == ["Yes!"]
    ahead.hear()
    assert ahead.sound.made == ["Yes!", "No."]
    assert [int(speech.samples[0]) for speech in ahead.sound.played] == [1, 2]


def test_nothing_sounds_and_nothing_is_written_down_before_the_end(room: MakeRoom) -> None:
    ahead = room()
    for _ in range(3):
        ahead.begin()
    assert ahead.sound.played == ahead.sound.begun == []
    with Journal(ahead.path) as journal:
        assert journal.count() == 0
    ahead.hear()
    with Journal(ahead.path) as journal:
        assert journal.count() == 1


def test_a_reply_of_one_sentence_is_ready_as_a_whole(room: MakeRoom, llm: LlamaSession) -> None:
    ahead = room(llm)
    ahead.begin()
    assert ahead.sound.made == ["Yes."]
    turn = ahead.hear()
    assert (turn.reply, turn.stop_reason) == ("Yes.", StopReason.END_OF_TURN)
    assert ahead.sound.made == ["Yes."]


def test_a_long_sentence_is_begun_as_far_as_it_is_said_at_once(
    room: MakeRoom, rambling: LlamaSession
) -> None:
    plain, ahead = room(rambling), room(rambling)
    ahead.begin()
    assert 200 < ahead.llm.pieces < 260
    turn = ahead.hear()
    assert told(turn) == told(plain.hear())
    assert turn.stop_reason is StopReason.MAX_TOKENS


def test_on_the_bridge_route_the_soft_prompt_is_made_once(room: MakeRoom) -> None:
    def bridged() -> tuple[Room, list[SpeechFeatures]]:
        bare = room()
        bridge = Crossing(bridge_to(LETTER_H, bare.assistant.encoder, bare.llm.llm))  # pyright: ignore[reportArgumentType]
        return room(bridge=bridge, route="bridge"), bridge.crossed

    plain, _ = bridged()
    wanted = plain.hear()
    ahead, crossed = bridged()
    ahead.begin()
    turn = ahead.hear()
    assert told(turn) == told(wanted)
    assert (turn.route, turn.heard, turn.reply) == (Route.BRIDGE, "hh", "Yes! No.")
    assert crossed == [ahead.heard]
    (prompt,) = ahead.llm.asked
    assert isinstance(prompt, SoftPrompt)
    assert turn.timings is not None
    assert turn.timings.prefill is None
    assert turn.timings.bridge is None


def test_a_bridge_that_came_meanwhile_reads_what_was_said(room: MakeRoom) -> None:
    ahead = room(route="auto")
    ahead.begin()
    bridge = bridge_to(LETTER_H, ahead.assistant.encoder, ahead.llm.llm)  # pyright: ignore[reportArgumentType]
    ahead.assistant.bridge, ahead.assistant.route = bridge, "bridge"
    turn = ahead.hear()
    assert (turn.heard, turn.bridge, turn.reply) == ("hh", bridge.version, "Yes! No.")


def test_what_was_said_in_the_end_is_answered(room: MakeRoom) -> None:
    ahead = room()
    ahead.begin()
    ahead.heard = features("hello there")
    turn = ahead.hear()
    assert (turn.hypothesis, turn.reply) == ("hello there", "Yes! No.")
    assert ahead.llm.asked == [" hello", " hello there"]
    assert turn.timings is not None
    assert turn.timings.prefill is not None


def test_the_last_pause_is_what_counts(room: MakeRoom) -> None:
    ahead = room()
    ahead.begin()
    ahead.heard = features("hello there")
    ahead.begin()
    turn = ahead.hear()
    assert (turn.hypothesis, turn.reply) == ("hello there", "Yes! No.")
    assert ahead.llm.asked == [" hello", " hello there"]
    assert turn.timings is not None
    assert turn.timings.prefill is None


def test_what_was_begun_a_minute_ago_is_begun_anew(room: MakeRoom) -> None:
    ahead = room()
    ahead.begin()
    ahead.now += timedelta(minutes=1)
    turn = ahead.hear()
    assert turn.reply == "Yes! No."
    assert ahead.llm.asked == [" hello", " hello"]
    assert turn.timings is not None
    assert turn.timings.prefill is not None


@pytest.mark.parametrize("silent", range(6))
def test_who_goes_on_ends_it(silent: int, room: MakeRoom) -> None:
    asked = 0

    def still() -> bool:
        nonlocal asked
        asked += 1
        return asked <= silent

    ahead = room()
    ahead.begin(still)
    assert not ahead.ready
    assert ahead.llm.pieces < len(TALK)
    assert ahead.sound.made in ([], ["Yes!"])
    turn = ahead.hear()
    assert turn.reply == "Yes! No."
    assert turn.timings is not None
    assert turn.timings.prefill is not None


def test_who_goes_on_at_once_costs_nothing(room: MakeRoom) -> None:
    ahead = room()
    ahead.begin(lambda: False)
    assert ahead.llm.asked == []


def test_an_interruption_ends_it_and_the_next_turn_is_answered(room: MakeRoom) -> None:
    ahead = room()
    asked = 0

    def still() -> bool:
        nonlocal asked
        asked += 1
        if asked == 3:
            ahead.assistant.interrupt()
        return True

    ahead.begin(still)
    assert not ahead.ready
    assert ahead.llm.pieces < len(TALK)
    turn = ahead.hear()
    assert (turn.reply, turn.stop_reason) == ("Yes! No.", StopReason.END_OF_TURN)


def test_what_is_ready_does_not_outlive_an_interruption(room: MakeRoom) -> None:
    ahead = room()
    ahead.begin()
    assert ahead.ready
    ahead.assistant.interrupt()
    turn = ahead.hear()
    assert (turn.reply, turn.stop_reason) == ("Yes! No.", StopReason.END_OF_TURN)
    assert ahead.llm.asked == [" hello", " hello"]


def test_at_the_end_nothing_that_is_ready_is_said(room: MakeRoom) -> None:
    ahead = room()
    ahead.begin()
    ahead.assistant.cancel()
    turn = ahead.hear()
    assert (turn.reply, turn.stop_reason) == ("", StopReason.CANCELLED)
    assert ahead.sound.played == []
    assert turn.has_audio
    ahead.begin()
    assert not ahead.ready
    assert len(ahead.llm.asked) == 2


@pytest.mark.parametrize(
    ("after", "outcome"),
    [(1, ("Yes!", StopReason.CANCELLED)), (2, ("Yes! No.", StopReason.END_OF_TURN))],
)
def test_a_reply_that_was_ready_can_be_broken_off(
    after: int, outcome: tuple[str, StopReason], room: MakeRoom
) -> None:
    class Interrupting(Mute):
        def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
            del name, on_first_audio
            for count, _ in enumerate(pieces, start=1):
                if count == after:
                    ahead.assistant.interrupt()

    ahead = room(voice=Interrupting())
    ahead.begin()
    turn = ahead.hear()
    assert (turn.reply, turn.stop_reason) == outcome


UNANSWERED = {
    "": None,
    "stop": STOPPED,
    "wait a moment": WAITING,
}


@pytest.mark.parametrize("text", UNANSWERED)
def test_what_gets_no_answer_is_not_begun(text: str, room: MakeRoom) -> None:
    ahead = room()
    ahead.heard = features(text)
    ahead.begin()
    assert not ahead.ready
    assert ahead.llm.asked == ahead.sound.made == []
    turn = ahead.hear()
    assert turn.reply is None
    assert turn.error is not None
    assert UNANSWERED[text] in (None, turn.error)


def test_what_is_asked_back_is_not_begun_and_asked_once(room: MakeRoom) -> None:
    ahead = room()
    ahead.heard = features("lobsters dance quietly", 0.1)
    for _ in range(3):
        ahead.begin()
    assert not ahead.ready
    assert ahead.llm.asked == []
    assert ahead.hear().stop_reason is StopReason.ASKED_BACK
    ahead.heard = features("yes")
    ahead.begin()  # which would teach, so that it waits for its end
    assert ahead.llm.asked == []
    with Journal(ahead.path) as journal:
        assert [turn.taught for turn in journal.turns()] == [None]
    answered = ahead.hear()
    assert (answered.reply, ahead.llm.asked) == ("Yes! No.", [" lobsters dance quietly"])


def test_what_is_not_meant_for_it_is_not_begun(room: MakeRoom) -> None:
    dialogue = DialoguePolicy(TurnSettings.model_validate({"wake_phrase": "attune"}))
    ahead = room(dialogue=dialogue)
    ahead.begin()
    assert ahead.llm.asked == []
    ahead.heard = features("attune hello")
    ahead.begin()
    assert ahead.llm.asked == [" hello"]
    assert ahead.hear().reply == "Yes! No."
    assert ahead.llm.asked == [" hello"]


def test_a_model_that_fails_in_the_pause_is_asked_again_at_the_end(room: MakeRoom) -> None:
    ahead = room()
    ahead.llm.failures = 1
    with pytest.raises(GenerationError):
        ahead.begin()
    assert not ahead.ready
    turn = ahead.hear()
    assert (turn.reply, turn.error) == ("Yes! No.", None)


def test_a_voice_that_fails_in_the_pause_is_asked_again_at_the_end(room: MakeRoom) -> None:
    ahead = room()
    ahead.sound.failing = True
    with pytest.raises(SpeechError):
        ahead.begin()
    assert not ahead.ready
    ahead.sound.failing = False
    assert ahead.hear().reply == "Yes! No."
    assert len(ahead.sound.played) == 2


def test_a_failure_leaves_nothing_of_an_earlier_pause(room: MakeRoom) -> None:
    ahead = room()
    ahead.begin()
    ahead.llm.failures = 1
    with pytest.raises(GenerationError):
        ahead.begin()
    assert not ahead.ready


def test_a_turn_that_fails_leaves_nothing_ready(room: MakeRoom) -> None:
    class Deaf(Saying):
        def encode(self, utterance: Utterance) -> SpeechFeatures:
            del utterance
            raise EncoderError("No ears today.")

    ahead = room(encoder=Deaf(), ends=Encoded(lambda: None))
    ahead.begin()
    with pytest.raises(EncoderError):
        ahead.hear()
    assert not ahead.ready


def test_what_is_typed_meanwhile_is_answered(room: MakeRoom) -> None:
    ahead = room()
    ahead.begin()
    typed = ahead.assistant.read("how nice my coat is")
    assert (typed.hypothesis, typed.reply) == ("how nice my coat is", "Yes! No.")
    assert ahead.llm.asked == [" hello", " how nice my coat is"]
    turn = ahead.hear()
    assert (turn.hypothesis, turn.reply) == ("hello", "Yes! No.")
    assert ahead.llm.asked == [" hello", " how nice my coat is", " hello"]


def test_what_is_typed_as_it_was_said_is_answered_once(room: MakeRoom) -> None:
    ahead = room()
    ahead.begin()
    silently = ahead.assistant.read("hello", aloud=False)
    assert silently.reply == "Yes! No."
    assert ahead.sound.played == []
    assert ahead.hear().reply == "Yes! No."


def test_speech_that_begins_leaves_ready_what_is_ready(room: MakeRoom) -> None:
    ahead = room()
    ahead.assistant.expect()
    assert len(ahead.llm.expected) == 1
    ahead.begin()
    ahead.assistant.expect()
    assert len(ahead.llm.expected) == 1
    assert ahead.ready
    assert ahead.hear().reply == "Yes! No."
    assert ahead.llm.asked == [" hello"]


def test_what_is_too_old_to_be_taken_up_keeps_nothing_from_being_expected(room: MakeRoom) -> None:
    ahead = room()
    ahead.begin()
    ahead.now += timedelta(minutes=5)
    ahead.assistant.expect()
    assert len(ahead.llm.expected) == 1
    assert not ahead.ready
    turn = ahead.hear()
    assert turn.reply == "Yes! No."


def test_after_a_turn_taken_up_the_next_one_is_as_ever(room: MakeRoom) -> None:
    ahead = room()
    ahead.begin()
    ahead.hear()
    ahead.heard = replace(ahead.heard, transcript=Transcript("and you", 1.0))
    turn = ahead.hear()
    assert (turn.hypothesis, turn.reply) == ("and you", "Yes! No.")
    assert ahead.llm.asked == [" hello", " and you"]
