"""Speech from Home Assistant is heard as at the microphone, and its end, too."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import numpy as np
import pytest
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, async_write_event, read_event

from assistant.audio.resample import resample, to_float32, to_int16
from assistant.control.messages import MOST_EXPECTED
from assistant.journal.store import Journal
from assistant.spoken import said_words
from assistant.values import SAMPLE_RATE
from tests.control.knowing import Knowing
from tests.control.sockets import serving
from tests.daemon.served import RUN, Manager
from tests.sound import silent_environment
from tests.wyoming.kept import Kept
from tests.wyoming.living import Living, living
from tests.wyoming.peers import (
    Peer,
    all_transcribed,
    examples,
    pcm,
    pieces,
    silence,
    transcribed,
)
from tests.wyoming.served import serving_wyoming

QUESTION = examples()[1]


@pytest.mark.parametrize("path", examples(), ids=lambda path: path.stem)
def test_a_transcript_is_that_of_the_daemon_s_own_turn(
    path: Path, port: int, daemon: Living
) -> None:
    turn = daemon.client.hear(str(path), aloud=False)
    assert asyncio.run(transcribed(port, pcm(path))) == turn["transcript"]


def test_nothing_of_it_is_kept(port: int, daemon: Living) -> None:
    with Journal(daemon.journal) as journal:
        before = journal.count()
    assert asyncio.run(transcribed(port, pcm(QUESTION)))
    with Journal(daemon.journal) as journal:
        assert journal.count() == before


def test_ten_are_heard_at_once(port: int) -> None:
    sounds = [pcm(path) for path in (*examples(), *examples()[:2])]
    alone = [asyncio.run(transcribed(port, sound)) for sound in sounds[:8]]
    assert asyncio.run(all_transcribed(port, sounds)) == [*alone, *alone[:2]]


def test_speech_in_pieces_of_one_byte_is_heard(port: int) -> None:
    sound = pcm(QUESTION)
    written = Kept()
    start = AudioStart(SAMPLE_RATE, 2, 1).event()

    async def write() -> None:
        for event in (Transcribe(language="en").event(), start, *pieces(sound)):
            await async_write_event(event, written)  # pyright: ignore[reportArgumentType]
        await async_write_event(Event("audio-stop"), written)  # pyright: ignore[reportArgumentType]

    asyncio.run(write())
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in range(len(written.data)):
            connection.sendall(written.data[place : place + 1])
        with connection.makefile("rb") as answers:
            event = read_event(answers)
    assert event is not None
    assert said_words(Transcript.from_event(event).text) == "what time is it please"


def test_the_end_is_heard_before_the_sound_stops(port: int) -> None:
    """With its own patience, not that of who sends: nothing says that the sound has stopped."""

    async def speak() -> str:
        async with Peer(port) as peer:
            await peer.send(Transcribe(language="en"), AudioStart(SAMPLE_RATE, 2, 1))
            await peer.send(*pieces(pcm(QUESTION) + silence(3.0)))
            return (await peer.get(Transcript)).text

    assert said_words(asyncio.run(speak())) == "what time is it please"


def test_what_follows_the_end_is_another_request(port: int) -> None:
    async def speak() -> tuple[str, str]:
        async with Peer(port) as peer:
            first = await peer.transcribe(pcm(QUESTION) + silence(3.0) + pcm(examples()[0]))
            return first, await peer.transcribe(pcm(examples()[0]))

    first, second = asyncio.run(speak())
    assert said_words(first) == "what time is it please"
    assert said_words(second).startswith("good morning")


def test_where_nobody_speaks_the_transcript_is_empty(port: int) -> None:
    assert asyncio.run(transcribed(port, silence(1.0))) == ""
    assert asyncio.run(transcribed(port, b"")) == ""


@pytest.mark.parametrize(
    ("rate", "width", "channels"),
    [(44_100, 2, 2), (48_000, 4, 1), (8_000, 2, 1), (22_050, 3, 1)],
)
def test_sound_in_another_format_is_understood(
    rate: int, width: int, channels: int, port: int
) -> None:
    samples = resample(to_float32(np.frombuffer(pcm(QUESTION), "<i2")), SAMPLE_RATE, rate)
    whole = (to_int16(samples).astype("<i4") << 16).view(np.uint8).reshape(-1, 4)
    sound = np.repeat(whole[:, None, 4 - width :], channels, axis=1).tobytes()
    heard = asyncio.run(transcribed(port, sound, rate=rate, width=width, channels=channels))
    assert said_words(heard) == "what time is it please"


def test_names_that_are_expected_are_understood_this_once(port: int, daemon: Living) -> None:
    said = {
        name: daemon.client.synthesise(text)
        for name, text in (
            ("Siobhan", "Remind me to call Siobhan."),
            ("Kallax", "The Kallax lamp."),
        )
    }
    wanted = Transcribe(transcript_names=["Siobhan"], transcript_terms=["Kallax"])

    async def speak(*wants: Transcribe | None) -> list[bool]:
        async with Peer(port) as peer:
            return [
                name in await peer.transcribe(each.pcm, want, rate=each.rate)
                for want in wants
                for name, each in said.items()
            ]

    assert asyncio.run(speak(None, wanted, None)) == [False, False, True, True, False, False]


def test_of_too_many_names_those_that_matter_most_are_passed_on(tmp_path: Path) -> None:
    names = [f"name {number}" for number in range(MOST_EXPECTED - 1)]
    daemon = Knowing()

    async def speak(*wanted: Transcribe) -> None:
        async with Peer(port) as peer:
            for each in wanted:
                assert await peer.transcribe(silence(0.1), each) == "hello"
            await peer.send(AudioStart(SAMPLE_RATE, 2, 1), *pieces(silence(0.1)), AudioStop())
            await peer.get(Transcript)  # of what nobody announced

    with (
        serving(tmp_path / "control.sock", daemon),
        serving_wyoming(tmp_path / "control.sock", tmp_path / "wyoming") as port,
    ):
        asyncio.run(
            speak(
                Transcribe(
                    transcript_names=[*names, "x" * 41, "<|nospeech|>", "two\nlines"],
                    transcript_terms=["term", "another"],
                ),
                Transcribe(transcript_names=names * 10, transcript_terms=["term"]),
            )
        )
    told = [each[4] for each in daemon.done if each[0] == "dictate" and each[4:]]
    assert told == [["term", *names], [*names, names[0]]]


def test_while_the_daemon_is_away_one_sentence_says_so(nowhere: Path, tmp_path: Path) -> None:
    async def speak(port: int) -> str:
        async with Peer(port) as peer:
            await peer.send(AudioStart(SAMPLE_RATE, 2, 1), *pieces(pcm(QUESTION)))
            error = await peer.get(Error)
            await peer.send(AudioStop())
            assert await peer.read_event() is None
            return error.text

    with serving_wyoming(nowhere, tmp_path / "wyoming") as port:
        assert asyncio.run(speak(port)).startswith("Attune is not running")


def test_with_consent_it_is_kept_to_learn_from(tmp_path: Path) -> None:
    manager = Manager(tmp_path / "notify")
    silent = silent_environment(tmp_path / "silent")
    try:
        with (
            living(tmp_path, manager, silent, RUN, ATTUNE_WYOMING__KEEP="true") as daemon,
            serving_wyoming(daemon.client.path, tmp_path / "wyoming") as port,
        ):
            heard = asyncio.run(transcribed(port, pcm(QUESTION)))
            daemon.client.ask("what day is it", aloud=False)  # after that it is on the disk
    finally:
        manager.close()
    with Journal(tmp_path / "journal.db") as journal:
        _asked, turn = journal.turns()
        assert (turn.source, turn.consent, turn.has_audio) == ("wyoming", True, True)
        assert turn.understood == heard
        assert (turn.taught, turn.reply) == (None, None)
        assert turn.error is not None
        assert turn.encoder is not None
        assert journal.features(turn.id, turn.encoder) is not None
