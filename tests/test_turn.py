from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.connect import Bridge
from assistant.config import BridgeSettings, EncodeSettings, SpeakSettings
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.errors import BridgeError, EncoderError, SpeechError
from assistant.generate.llama import LlamaSession
from assistant.journal.store import Journal
from assistant.nets.projectors import ProjectorConfig
from assistant.speak.espeak import Espeak, Speech
from assistant.turn import NO_WORDS, Aloud, Assistant, Mute, RouteSetting, choose_route
from assistant.values import Route, SoftPrompt, SpeechFeatures, StopReason, Transcript, Utterance
from tests.encode import tiny
from tests.generate import toys
from tests.journal.exchanges import utterance

YES = tuple(b"Yes.")
LETTER_H = ord("h")
HEARD = Transcript("heard", 0.5)
BRIDGE = BridgeSettings.model_validate({"min_confidence": 0.6, "margin": 0.05})


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Wav2Vec2Encoder:
    """It reads the letter e, whatever is said."""
    folder = tiny.write(tmp_path_factory.mktemp("encoder"), says="E")
    return Wav2Vec2Encoder(EncodeSettings.model_validate({"path": folder}))


@pytest.fixture(scope="module")
def llm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaSession]:
    """It answers "Yes.", whatever it is asked."""
    path = tmp_path_factory.mktemp("llm") / "yes.gguf"
    toys.write(path, toys.chained(*YES, toys.IM_END))
    with LlamaSession(toys.settings(path)) as session:
        yield session


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaSession]:
    """It answers "ababab" for as long as it may."""
    path = tmp_path_factory.mktemp("llm") / "endless.gguf"
    toys.write(path, toys.chained(*b"aba"))
    with LlamaSession(toys.settings(path, max_tokens=400)) as session:
        yield session


Make = Callable[..., Assistant]


@pytest.fixture
def make(encoder: Wav2Vec2Encoder, llm: LlamaSession, journal: Journal) -> Make:
    def make(**changes: object) -> Assistant:
        rooms = {
            "encoder": encoder,
            "bridge": None,
            "llm": llm,
            "journal": journal,
            "voice": Mute(),
            "bridge_settings": BridgeSettings.model_validate({}),
            "generate_settings": toys.settings(Path("yes.gguf")),
        }
        return Assistant(**rooms | changes)  # pyright: ignore[reportArgumentType]

    return make


def bridge_to(
    token: int | None, encoder: Wav2Vec2Encoder, llm: LlamaSession, *, accepted: bool = False
) -> Bridge:
    """A bridge that hears two of this token in whatever is said, or nothing."""
    sizes = ProjectorConfig(
        kind="linear", encoder_dim=tiny.HIDDEN, llm_dim=llm.gguf.embedding_length, slots=2
    )
    row = torch.as_tensor(llm.gguf.rows([toys.EOS if token is None else token])[0])
    checkpoint = Checkpoint(
        config=sizes,
        encoder=encoder.fingerprint,
        table=llm.gguf.embedding_fingerprint,
        token_ids=np.arange(toys.N_VOCAB),
        pad=toys.EOS,
        weights={"body.weight": torch.zeros(len(row), tiny.HIDDEN), "body.bias": row},
        accepted=accepted,
    )
    return Bridge(checkpoint, llm.vocabulary)


class Saying(Wav2Vec2Encoder):
    """An encoder that knows beforehand what is said."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.fingerprint = "saying"

    def encode(self, utterance: Utterance) -> SpeechFeatures:
        del utterance
        frames = np.zeros((4, tiny.HIDDEN), np.float32)
        return SpeechFeatures(frames, 50.0, Transcript(self.text, 0.5), self.fingerprint)


class Failing(Saying):
    """An encoder that looks around and fails."""

    def __init__(self, error: Exception, look: Callable[[], None]) -> None:
        super().__init__("")
        self.error = error
        self.look = look

    def encode(self, utterance: Utterance) -> SpeechFeatures:
        del utterance
        self.look()
        raise self.error


def prompt(confidence: float, n_tokens: int = 2) -> SoftPrompt:
    return SoftPrompt(np.zeros((n_tokens, 4), np.float32), "bridge-1", confidence, "heard")


@pytest.mark.parametrize(
    ("setting", "made", "accepted", "route"),
    [
        ("auto", None, False, Route.TRANSCRIPT),
        ("auto", prompt(0.9), False, Route.TRANSCRIPT),
        ("auto", prompt(0.9), True, Route.BRIDGE),
        ("auto", prompt(0.6), True, Route.BRIDGE),
        ("auto", prompt(0.59), True, Route.TRANSCRIPT),
        ("auto", prompt(0.9, n_tokens=0), True, Route.TRANSCRIPT),
        ("auto", prompt(float("nan")), True, Route.TRANSCRIPT),
        ("bridge", prompt(0.0), False, Route.BRIDGE),
        ("transcript", prompt(1.0), True, Route.TRANSCRIPT),
        ("transcript", None, False, Route.TRANSCRIPT),
    ],
)
def test_the_route_is_the_users_wish_or_what_is_safe(
    setting: RouteSetting, made: SoftPrompt | None, *, accepted: bool, route: Route
) -> None:
    assert choose_route(setting, made, HEARD, accepted=accepted, settings=BRIDGE) is route


@pytest.mark.parametrize(
    ("transcript", "bridge", "route"),
    [
        (0.80, 0.86, Route.BRIDGE),
        (0.80, 0.84, Route.TRANSCRIPT),
        (0.99, 0.99, Route.TRANSCRIPT),
        (0.99, 1.0, Route.BRIDGE),
    ],
)
def test_the_bridge_must_be_surer_than_the_transcript(
    transcript: float, bridge: float, route: Route
) -> None:
    heard = Transcript("heard", transcript)
    assert choose_route("auto", prompt(bridge), heard, accepted=True, settings=BRIDGE) is route


@pytest.mark.parametrize(
    ("said", "learned", "route"),
    [
        ("heard", False, Route.BRIDGE),
        ("hear", False, Route.BRIDGE),
        ("heard that", False, Route.TRANSCRIPT),  # 0.9, but of half of what was said
        ("heard that", True, Route.BRIDGE),  # what knows this voice need not fear the transcript
    ],
)
def test_a_bridge_that_leaves_out_half_is_half_as_sure(
    said: str, *, learned: bool, route: Route
) -> None:
    heard = Transcript(said, 0.4)
    chosen = choose_route(
        "auto", prompt(0.9), heard, accepted=True, learned=learned, settings=BRIDGE
    )
    assert chosen is route


def test_the_bridge_route_needs_a_bridge() -> None:
    with pytest.raises(BridgeError, match=r"set bridge\.path, or use another route"):
        choose_route("bridge", None, HEARD, accepted=False, settings=BRIDGE)


def test_an_utterance_is_answered_by_its_transcript(make: Make, path: Path) -> None:
    turn = make().hear(utterance())
    assert (turn.hypothesis, turn.route, turn.reply) == ("e", Route.TRANSCRIPT, "Yes.")
    assert turn.stop_reason is StopReason.END_OF_TURN
    assert turn.bridge is turn.heard is turn.error is None
    assert turn.has_audio
    with Journal(path) as second:
        assert second.turn(turn.id) == turn


def test_the_bridge_route_can_be_forced(
    make: Make, encoder: Wav2Vec2Encoder, llm: LlamaSession
) -> None:
    bridge = bridge_to(LETTER_H, encoder, llm)
    turn = make(bridge=bridge, route="bridge").hear(utterance())
    assert (turn.heard, turn.route, turn.reply) == ("hh", Route.BRIDGE, "Yes.")
    assert turn.bridge == bridge.version
    assert turn.bridge_confidence == pytest.approx(1.0)
    assert turn.timings is not None
    assert turn.timings.bridge is not None


def test_an_accepted_bridge_takes_the_turn_and_another_one_watches(
    make: Make, encoder: Wav2Vec2Encoder, llm: LlamaSession
) -> None:
    taking = make(bridge=bridge_to(LETTER_H, encoder, llm, accepted=True)).hear(utterance())
    watching = make(bridge=bridge_to(LETTER_H, encoder, llm)).hear(utterance())
    assert (taking.route, taking.heard) == (Route.BRIDGE, "hh")
    assert (watching.route, watching.heard) == (Route.TRANSCRIPT, "hh")


def test_the_transcript_route_leaves_the_bridge_out(
    make: Make, encoder: Wav2Vec2Encoder, llm: LlamaSession
) -> None:
    turn = make(bridge=bridge_to(LETTER_H, encoder, llm), route="transcript").hear(utterance())
    assert turn.bridge is None
    assert turn.timings is not None
    assert turn.timings.bridge is None


@pytest.mark.parametrize(
    ("text", "token", "route", "answered"),
    [
        ("", None, "auto", False),
        ("", LETTER_H, "auto", False),  # this bridge is not to be trusted
        ("", LETTER_H, "bridge", True),
        ("e", None, "bridge", False),  # the transcript was not wished for
        ("e", None, "auto", True),
    ],
)
def test_no_words_get_no_reply(
    text: str,
    token: int | None,
    route: RouteSetting,
    make: Make,
    llm: LlamaSession,
    *,
    answered: bool,
) -> None:
    saying = Saying(text)
    turn = make(encoder=saying, bridge=bridge_to(token, saying, llm), route=route).hear(utterance())
    assert (turn.reply, turn.error) == (("Yes.", None) if answered else (None, NO_WORDS))
    assert turn.has_audio


def test_what_was_heard_is_on_disk_before_it_is_encoded(make: Make, path: Path) -> None:
    seen: list[tuple[bool, str | None]] = []

    def look() -> None:
        with Journal(path) as second:
            (turn,) = second.turns()
            seen.append((turn.has_audio, turn.error))
            np.testing.assert_allclose(second.audio(turn.id), utterance().samples, atol=1 / 32_768)

    failing = Failing(EncoderError("No ears today."), look)
    with pytest.raises(EncoderError, match="No ears today"):
        make(encoder=failing).hear(utterance())
    assert seen == [(True, None)]
    with Journal(path) as second:
        (turn,) = second.turns()
        assert (turn.error, turn.reply, turn.hypothesis) == ("No ears today.", None, None)


def test_a_fault_of_the_program_goes_on_too(make: Make, path: Path) -> None:
    failing = Failing(ZeroDivisionError("oh"), lambda: None)
    with pytest.raises(ZeroDivisionError):
        make(encoder=failing).hear(utterance())
    with Journal(path) as second:
        assert second.count() == 1


def test_what_was_understood_is_on_disk_before_it_is_answered(make: Make, path: Path) -> None:
    class Hoarse(Mute):
        def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
            super().say(pieces, name, on_first_audio)
            with Journal(path) as second:
                (turn,) = second.turns()
                assert (turn.hypothesis, turn.route, turn.reply) == ("e", Route.TRANSCRIPT, None)
            raise SpeechError("No voice today.")

    with pytest.raises(SpeechError):
        make(voice=Hoarse()).hear(utterance())
    with Journal(path) as second:
        (turn,) = second.turns()
        assert turn.error == "No voice today."


def test_typed_text_is_answered(make: Make) -> None:
    turn = make().read("what time is it")
    assert (turn.hypothesis, turn.reply, turn.source) == ("what time is it", "Yes.", "text")
    assert turn.route is Route.TRANSCRIPT
    assert not turn.has_audio
    assert turn.timings is not None
    assert turn.timings.encode is turn.timings.endpoint is None


@dataclass
class Interrupted(Mute):
    """A voice that is interrupted after three pieces."""

    interrupt: Callable[[], None] = lambda: None
    stops: int = 0

    def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
        del name, on_first_audio
        for count, _ in enumerate(pieces, start=1):
            if count == 3:
                self.interrupt()

    def stop(self) -> None:
        self.stops += 1


def test_a_reply_can_be_broken_off(make: Make, endless: LlamaSession) -> None:
    voice = Interrupted()
    assistant = make(llm=endless, voice=voice)
    voice.interrupt = assistant.cancel
    turn = assistant.hear(utterance())
    assert (turn.reply, turn.stop_reason) == ("aba", StopReason.CANCELLED)
    assert voice.stops == 1
    later = assistant.hear(utterance())
    assert (later.reply, later.stop_reason) == ("", StopReason.CANCELLED)
    assert later.has_audio


def test_what_a_silenced_voice_leaves_is_in_the_journal(make: Make) -> None:
    class Silenced(Mute):
        def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
            del name, on_first_audio
            next(pieces)

    turn = make(voice=Silenced()).hear(utterance())
    assert (turn.reply, turn.stop_reason) == ("Yes.", StopReason.END_OF_TURN)


@dataclass
class Sound:
    """A sink that keeps what happens, the microphone's deafness included."""

    events: list[str] = field(default_factory=list)

    @contextmanager
    def deaf(self) -> Generator[None, None, None]:
        self.events.append("deaf")
        try:
            yield
        finally:
            self.events.append("hearing")

    def begin(self, name: str) -> None:
        self.events.append(name)

    def play(self, speech: Speech) -> bool:
        self.events.append("sound" if np.abs(speech.samples).max() > 1_000 else "silence")
        return True

    def stop(self) -> None:
        self.events.append("stop")

    def end(self) -> None:
        self.events.append("end")


def test_the_microphone_is_deaf_while_the_reply_sounds(make: Make) -> None:
    sound = Sound()
    aloud = Aloud(Espeak(SpeakSettings.model_validate({})), sound, sound.deaf)
    turn = make(voice=aloud).hear(utterance())
    assert sound.events == ["deaf", f"turn-{turn.id:06d}", "sound", "end", "hearing"]
    timings = turn.timings
    assert timings is not None
    assert timings.endpoint == utterance().endpoint_ms
    assert timings.encode is not None
    assert timings.prefill is not None
    assert timings.first_token is not None
    assert timings.first_audio is not None
    assert timings.total is not None
    assert 0 < timings.encode < timings.first_token < timings.first_audio < timings.total
    assert 0 < timings.prefill < timings.first_token - timings.encode
    aloud.stop()
    assert sound.events[-1] == "stop"


def test_the_microphone_hears_again_after_a_failure(make: Make) -> None:
    class Broken(Sound):
        def play(self, speech: Speech) -> bool:
            del speech
            raise SpeechError("The loudspeaker is gone.")

    sound = Broken()
    aloud = Aloud(Espeak(SpeakSettings.model_validate({})), sound, sound.deaf)
    assistant = make(voice=aloud)
    with pytest.raises(SpeechError):
        assistant.read("hello")
    assert sound.events[-1] == "hearing"
    (turn,) = assistant.journal.turns()
    assert (turn.reply, turn.error) == ("Yes.", "The loudspeaker is gone.")


def test_the_database_is_whole_after_all_of_this(make: Make, path: Path) -> None:
    make().hear(utterance())
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
