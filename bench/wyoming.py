"""How soon Home Assistant has what was said, through Attune's door and without it.

Recordings are sent at the pace of speech, as a satellite sends them: once up to their last sound
and the word that it stops, and once with silence behind them, where Attune hears the end by itself.
Beside each, the same recording is encoded in this process with the same model, from a whole in
memory: that is the least that a server without pauses could take after the last piece. With
``--other`` a Wyoming server that is already running, such as wyoming-faster-whisper with the same
model, is sent the same between them.

    python -m bench.wyoming [--encoder FOLDER] [--other PORT]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient

from assistant.audio.resample import to_int16
from assistant.config import EncodeSettings, starter_dir
from assistant.encode.encoder import open_encoder
from assistant.listen.recordings import load
from assistant.spoken import said_words
from assistant.values import SAMPLE_RATE, EndReason, Utterance
from bench.beside import running

CHUNK = 512
"""Samples in a piece: 32 ms."""

SILENCE_S = 4.0
"""At most so long Attune waits for more."""


def main() -> int:
    """Measure, and print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--encoder", type=Path, default=starter_dir() / "whisper")
    parser.add_argument("--other", type=int, metavar="PORT", help="of a server to compare with")
    parser.add_argument("--times", type=int, default=3, help="each recording (default: 3)")
    arguments = parser.parse_args()
    encoder = open_encoder(EncodeSettings.model_validate({"path": arguments.encoder}))
    found: dict[str, list[float]] = {"encode": [], "attune": [], "by itself": [], "other": []}
    same = count = 0
    with (
        TemporaryDirectory() as folder,
        running("wyoming", Path(folder), ATTUNE_ENCODE__PATH=str(arguments.encoder)) as beside,
    ):
        port = beside.port
        for number in range(arguments.times + 1):
            for path in sorted((starter_dir() / "examples").glob("*.flac")):
                samples = _trimmed(load(path))
                began = time.perf_counter()
                whole = Utterance(samples, datetime.now(timezone.utc), EndReason.STOP)
                text = encoder.encode(whole).transcript.text
                took = 1_000 * (time.perf_counter() - began)
                sound = to_int16(samples).tobytes()
                times = {"encode": took}
                heard, times["attune"] = asyncio.run(_said(port, sound))
                silence = bytes(round(SILENCE_S * SAMPLE_RATE) * 2)
                _, times["by itself"] = asyncio.run(_said(port, sound, silence))
                if arguments.other is not None:
                    _, times["other"] = asyncio.run(_said(arguments.other, sound))
                if number:  # the first time warms everything up
                    for name, each in times.items():
                        found[name].append(each)
                    same += said_words(heard) == said_words(text)
                    count += 1
    medians = {name: statistics.median(times) for name, times in found.items() if times}
    for name, what in (
        ("encode", "encoded in this process"),
        ("attune", "Attune, after the last sound and audio-stop"),
        ("by itself", "Attune, after the last sound, with nothing but silence behind it"),
        ("other", "the other server, after the last sound and audio-stop"),
    ):
        if name in medians:
            print(f"{what:<66} {medians[name]:7.0f} ms, worst {max(found[name]):7.0f} ms")
    print(f"the same words as that encoding: {same} of {count}")
    figures = {name.replace(" ", "_") + "_ms": round(ms, 1) for name, ms in medians.items()}
    ratio = round(medians["attune"] / medians["encode"], 3)
    print(json.dumps({"bench": "wyoming", **figures, "ratio": ratio, "same": same, "of": count}))
    return 0


def _trimmed(samples: np.ndarray) -> np.ndarray:
    """Without the silence behind the last word, so that the last sound is speech."""
    loud = np.flatnonzero(np.abs(samples) > 0.1 * np.abs(samples).max())
    return samples[: loud[-1] + SAMPLE_RATE // 10].copy()


async def _said(port: int, sound: bytes, silence: bytes | None = None) -> tuple[str, float]:
    """What is told of some speech, and how many ms after its last piece."""
    async with AsyncTcpClient("127.0.0.1", port, read_timeout=60) as peer:
        await peer.write_event(Transcribe(language="en").event())
        await peer.write_event(AudioStart(SAMPLE_RATE, 2, 1).event())
        answer = asyncio.create_task(_transcript(peer))
        last = await _speak(peer, sound, answer)
        if silence is None:
            await peer.write_event(AudioStop().event())
        else:
            await _speak(peer, silence, answer)
        text, at = await answer
        return text, 1_000 * (at - last)


async def _speak(peer: AsyncTcpClient, sound: bytes, answer: asyncio.Task[object]) -> float:
    """Send sound at the pace of speech, until it is answered; returns when the last was sent."""
    began = time.perf_counter()
    for place, start in enumerate(range(0, len(sound), 2 * CHUNK), 1):
        if answer.done():
            break
        piece = sound[start : start + 2 * CHUNK]
        due = began + place * CHUNK / SAMPLE_RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await peer.write_event(AudioChunk(SAMPLE_RATE, 2, 1, piece).event())
    return time.perf_counter()


async def _transcript(peer: AsyncTcpClient) -> tuple[str, float]:
    while (event := await peer.read_event()) is not None:
        if Transcript.is_type(event.type):
            return Transcript.from_event(event).text, time.perf_counter()
    raise ConnectionError("the server hung up")


if __name__ == "__main__":
    sys.exit(main())
