"""Texts from Home Assistant are read aloud by Attune's voice, elsewhere."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from wyoming.audio import AudioStart
from wyoming.error import Error
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeTextFormat

from assistant.config import SpeakSettings
from assistant.speak.espeak import SPEECH_RATE, Espeak
from assistant.speak.synthesiser import Normalising
from tests.wyoming.living import Living
from tests.wyoming.peers import Peer, Spoken

SENTENCES = ("It costs $105.", "Take **two** pills at 8 p.m.")
TEXT = " ".join(SENTENCES)
ORDER = ["audio-start", "audio-chunk", "audio-stop"]


def spoken(port: int, *written: str, streaming: bool = False) -> Spoken:
    async def speak() -> Spoken:
        async with Peer(port) as peer:
            if streaming:
                return await peer.synthesize_streaming(written)
            return await peer.synthesize("".join(written))

    return asyncio.run(speak())


@pytest.fixture(scope="module")
def expected() -> bytes:
    """Each sentence as Attune says it in the room."""
    voice = Normalising(Espeak(SpeakSettings.model_validate({})))
    found = [voice.synthesise(sentence).samples for sentence in SENTENCES]
    return np.concatenate(found).astype("<i2").tobytes()


def test_a_text_sounds_as_in_the_room(port: int, daemon: Living, expected: bytes) -> None:
    whole = spoken(port, TEXT)
    assert (whole.rate, whole.order) == (SPEECH_RATE, ORDER)
    assert whole.sound == expected
    assert not list(daemon.journal.parent.glob("said/*"))  # nothing was heard there


@pytest.mark.parametrize(
    "written", [(TEXT,), tuple(TEXT), ("It cos", "ts $105. Take **tw", TEXT[24:])]
)
def test_a_text_may_come_piece_by_piece(
    written: tuple[str, ...], port: int, expected: bytes
) -> None:
    whole = spoken(port, *written, streaming=True)
    assert whole.order == [*ORDER, "synthesize-stopped"]
    assert whole.sound == expected


def test_a_sentence_sounds_before_the_next_is_written(port: int) -> None:
    async def speak() -> None:
        async with Peer(port) as peer:
            await peer.send(SynthesizeStart(), SynthesizeChunk("Good morning. How a"))
            await peer.get(AudioStart)

    asyncio.run(speak())


@pytest.mark.parametrize("streaming", [False, True])
def test_a_text_without_words_is_silence(port: int, *, streaming: bool) -> None:
    whole = spoken(port, "...", streaming=streaming)
    assert whole.sound == b""
    assert whole.order[:2] == ["audio-start", "audio-stop"]


def test_markup_for_voices_is_refused(port: int) -> None:
    async def speak() -> Error:
        async with Peer(port) as peer:
            ssml = SynthesizeTextFormat.SSML
            await peer.send(Synthesize("<speak>Hello</speak>", text_format=ssml))
            return await peer.get(Error)

    assert "plain text" in asyncio.run(speak()).text


def test_it_speaks_as_slowly_as_in_the_room(port: int, daemon: Living, expected: bytes) -> None:
    daemon.client.ask("speak slower", aloud=False)
    try:
        assert len(spoken(port, TEXT).sound) > len(expected) * 1.05
    finally:
        daemon.client.ask("speak faster", aloud=False)
