"""What a peer sends to Home Assistant's doors: that of speech, and that of the satellite."""

from __future__ import annotations

import asyncio
import json
from io import BytesIO
from typing import cast

from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Eventable, read_event, write_event
from wyoming.info import Describe
from wyoming.ping import Ping
from wyoming.satellite import PauseSatellite, RunSatellite
from wyoming.timer import TimerCancelled, TimerFinished, TimerStarted, TimerUpdated
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop

from assistant.config import Settings
from assistant.control.client import Client
from assistant.wyoming.asking import Daemon
from assistant.wyoming.handler import Handler
from assistant.wyoming.info import Description, SatelliteDescription
from assistant.wyoming.satellite import Satellite
from assistant.wyoming.satellite_handler import SatelliteHandler
from tests.control.knowing import Knowing
from tests.wyoming.kept import Kept

SETTINGS = Settings.model_validate({})


def _sent(*events: Eventable) -> bytes:
    data = BytesIO()
    for each in events:
        write_event(each.event(), data)
    return data.getvalue()


SEEDS = [
    _sent(Describe(), Ping("hello")),
    _sent(Transcribe(), AudioStart(8_000, 3, 2), AudioChunk(8_000, 3, 2, bytes(99)), AudioStop()),
    _sent(Transcribe(transcript_names=["Siobhan", "<|en|>"]), AudioStart(8_000, 3, 2)),
    _sent(Synthesize("Hello there. And you?")),
    _sent(SynthesizeStart(), SynthesizeChunk("Hello. A"), SynthesizeChunk("h."), SynthesizeStop()),
    _sent(Transcript("what time is it", {"conversation_id": "x"}, "en")),
    _sent(RunSatellite(), Describe(), Synthesize("It is warm."), Error("No.", "intent-failed")),
    _sent(RunSatellite(), AudioStart(8_000, 3, 2), AudioChunk(8_000, 3, 2, bytes(99)), AudioStop()),
    _sent(
        RunSatellite(),
        TimerStarted("x", 60, "egg"),
        TimerUpdated("x", is_active=False, total_seconds=9),
    ),
    _sent(TimerCancelled("x"), TimerFinished("x"), PauseSatellite()),
    json.dumps({"type": "transcript", "data": {"text": "what time is it"}}).encode() + b"\n",
]


def read(data: bytes) -> None:
    for is_satellite in (False, True):
        answered = asyncio.run(_answered(data, is_satellite=is_satellite))
        assert b"Its log says" not in answered
        told = BytesIO(answered)
        while told.tell() < len(answered):
            assert read_event(told) is not None


async def _answered(data: bytes, *, is_satellite: bool) -> bytes:
    reader, writer = asyncio.StreamReader(), Kept()
    reader.feed_data(data)
    reader.feed_eof()
    daemon = Daemon(cast("Client", Knowing()))
    peer = reader, cast("asyncio.StreamWriter", writer)
    if is_satellite:
        description, satellite = SatelliteDescription(), Satellite(daemon)
        handler = SatelliteHandler(*peer, daemon, description, lambda: None, satellite)
    else:
        handler = Handler(*peer, daemon, Description(daemon, SETTINGS), lambda: None)
    await handler.run()
    return writer.data
