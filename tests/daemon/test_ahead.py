"""Replies begun in a pause, in a runtime that the daemon has opened itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.audio.resample import to_int16
from assistant.daemon.loop import Errand
from assistant.daemon.runtime import Runtime as Opened
from assistant.daemon.turn_taking import TALKING
from assistant.draft import Draft
from assistant.encode.end_of_request import EndOfRequest
from assistant.listen.segment import voiced
from assistant.values import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, SpeechFeatures, Utterance
from tests.cli.house import ANSWER, House
from tests.daemon.opening import opened
from tests.encode.sounds import examples


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House.build(tmp_path_factory.mktemp("runtime"))


def silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def frames(*parts: NDArray[np.float32]) -> list[AudioFrame]:
    whole = to_int16(np.concatenate(parts))
    return [
        AudioFrame(whole[at : at + FRAME_SAMPLES].copy(), at / SAMPLE_RATE)
        for at in range(0, len(whole) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
    ]


@pytest.fixture(scope="module")
def request_() -> list[AudioFrame]:
    """One request with silence around it."""
    return frames(silence(0.6), examples()[4], silence(2.5))


@pytest.fixture
def errands() -> list[Errand]:
    """What the thread that answers is to do."""
    return []


@pytest.fixture
def runtime(models: House, tmp_path: Path, errands: list[Errand]) -> Iterator[Opened]:
    """It answers whatever it hears, as sure as it may be."""
    with opened(models, tmp_path, errands.append, encode__early="on", turn__ask_back=0) as runtime:
        yield runtime


def listening(runtime: Opened, heard: Iterable[AudioFrame]) -> None:
    runtime.listener.microphone = heard


def test_the_reply_is_begun_in_the_pause_before_the_end(
    runtime: Opened, errands: list[Errand], request_: list[AudioFrame], tmp_path: Path
) -> None:
    listening(runtime, request_)
    (utterance,) = runtime.listener.utterances()
    assert errands
    assert runtime.assistant._speculation is None  # it is not the listener who does it
    errands[-1]()
    ahead = runtime.assistant._speculation
    assert ahead is not None
    assert isinstance(ahead.reply, Draft)
    assert "".join(ahead.reply.early) == ANSWER
    assert not (tmp_path / "replies").exists()
    assert runtime.assistant.journal.count() == 0
    turn = runtime.assistant.hear(utterance)
    assert turn.reply == ANSWER
    assert turn.hypothesis == ahead.reading.features.transcript.text
    assert turn.timings is not None
    assert turn.timings.prefill is None


def test_the_errand_of_a_pause_is_there_before_the_end_is_sure(
    models: House, tmp_path: Path, request_: list[AudioFrame]
) -> None:
    ahead: list[bool] = []
    with opened(
        models, tmp_path, lambda errand: errand(), encode__early="on", turn__ask_back=0
    ) as runtime:

        def watched() -> Iterator[AudioFrame]:
            for frame in request_:
                ahead.append(runtime.assistant._speculation is not None)
                yield frame

        listening(runtime, watched())
        utterance = next(runtime.listener.utterances())
        assert ahead[-1]
        ready_s = sum(ahead) * FRAME_SAMPLES / SAMPLE_RATE
        assert ready_s == pytest.approx(utterance.endpoint_ms / 1000 - 0.2, abs=0.05)
        assert runtime.assistant.hear(utterance).reply == ANSWER


def test_without_haste_nothing_is_begun(
    models: House, tmp_path: Path, errands: list[Errand], request_: list[AudioFrame]
) -> None:
    with opened(models, tmp_path, errands.append, encode__early="off", turn__ask_back=0) as runtime:
        listening(runtime, request_)
        (utterance,) = runtime.listener.utterances()
        assert runtime.listener.speculator is None
        assert errands == []
        turn = runtime.assistant.hear(utterance)
        assert turn.reply == ANSWER
        assert turn.timings is not None
        assert turn.timings.prefill is not None


def test_who_goes_on_takes_back_what_was_begun(
    models: House, tmp_path: Path, errands: list[Errand]
) -> None:
    wished = {"encode__early": "on", "turn__ask_back": 0, "listen__silence_ms": 1_500}
    ran: list[bool] = []
    with opened(models, tmp_path, errands.append, **wished) as runtime:

        def goes_on() -> Iterator[AudioFrame]:
            yield from frames(silence(0.6), examples()[4], silence(0.5))
            for frame in frames(examples()[3], silence(2.5)):
                speculator = runtime.listener.speculator
                assert speculator is not None
                if speculator._voiced >= TALKING and errands and not ran:
                    errands[-1]()  # the thread that answers comes to it only now
                    ran.append(runtime.assistant._speculation is not None)
                yield frame

        listening(runtime, goes_on())
        (utterance,) = runtime.listener.utterances()
        assert ran == [False]
        assert len(errands) >= 2
        errands[0]()  # of a pause that is over
        assert runtime.assistant._speculation is None
        errands[-1]()
        assert runtime.assistant._speculation is not None
        assert runtime.assistant.hear(utterance).reply == ANSWER
    assert utterance.seconds > (len(examples()[4]) + len(examples()[3])) / SAMPLE_RATE


def test_while_a_later_pause_is_looked_into_nothing_is_begun_of_an_earlier_one(
    models: House, tmp_path: Path, errands: list[Errand]
) -> None:
    wished = {"encode__early": "on", "turn__ask_back": 0, "listen__silence_ms": 1_500}
    ran: list[bool] = []
    with opened(models, tmp_path, errands.append, **wished) as runtime:
        encode = runtime.assistant.encoder.encode

        class Slow:
            def encode(self, utterance: Utterance) -> SpeechFeatures:
                if errands:
                    errands[0]()
                    ran.append(runtime.assistant._speculation is not None)
                return encode(utterance)

        runtime.listener.ends = EndOfRequest(Slow(), None)
        listening(
            runtime,
            frames(silence(0.6), examples()[4], silence(0.3), examples()[3], silence(2.5)),
        )
        assert len(list(runtime.listener.utterances())) == 1
    assert ran
    assert not any(ran)


def test_what_fails_in_a_pause_is_told_by_the_turn(
    runtime: Opened, errands: list[Errand], request_: list[AudioFrame]
) -> None:
    listening(runtime, request_)
    (utterance,) = runtime.listener.utterances()
    runtime.assistant.route = "bridge"  # and there is none
    errands[-1]()
    assert runtime.assistant._speculation is None
    runtime.assistant.route = "transcript"
    assert runtime.assistant.hear(utterance).reply == ANSWER


def test_voice_is_counted_and_told_to_who_encodes(
    runtime: Opened, request_: list[AudioFrame]
) -> None:
    detector = voiced(runtime.settings.listen.vad_mode)
    counted = sum(map(detector, request_)) * FRAME_SAMPLES / SAMPLE_RATE
    listening(runtime, request_)
    utterance = next(runtime.listener.utterances())
    assert utterance.voiced_s == pytest.approx(counted, abs=0.1)  # but for a click before it
    assert 0.5 < counted < utterance.seconds
    assert runtime.listener.ends is not None
    last = runtime.listener.ends._last
    assert last is not None
    np.testing.assert_array_equal(last[0].samples, utterance.samples)
    assert last[0].voiced_s == pytest.approx(utterance.voiced_s)
