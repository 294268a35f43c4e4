"""At a microphone and a loudspeaker: Home Assistant is asked, told to stop, and heard."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from assistant.dialogue import STOPPED
from assistant.listen.recordings import load
from tests.daemon.served import RUN, Manager
from tests.sound import SoundServer, synthesise
from tests.waiting import until
from tests.web.served import free_port
from tests.wyoming.house import House, saying
from tests.wyoming.living import Living, living
from tests.wyoming.served import serving_wyoming

TOO_LATE_S = 25.0
"""Less than the daemon waits."""


@pytest.fixture
def daemon(tmp_path: Path, sound_server: SoundServer) -> Iterator[Living]:
    manager = Manager(tmp_path / "notify")
    settings = {
        "ATTUNE_WYOMING__SATELLITE": "true",
        "ATTUNE_SPEAK__WAV_DIR": None,
        "ATTUNE_TURN__ASK_BACK": "0",  # on a busy machine this sound is not always clear
    }
    try:
        with living(tmp_path, manager, sound_server.env, RUN, **settings) as daemon:
            yield daemon
    finally:
        manager.close()


def test_it_is_heard_told_to_stop_and_asked_again(
    daemon: Living, sound_server: SoundServer, tmp_path: Path
) -> None:
    port, folder = free_port(), tmp_path / "sounds"
    folder.mkdir()
    question = synthesise("What time is it?", folder / "question.wav", lead_s=0.5, tail_s=1.5)
    stop = synthesise("Stop.", folder / "stop.wav", lead_s=0.5, tail_s=1.5)

    def listens() -> bool:
        microphone = daemon.client.status().microphone
        return microphone is not None and microphone.state == "listening"

    async def talk() -> None:
        asked = asyncio.Event()

        async def answer(_sound: bytes) -> str:
            asked.set()
            await asyncio.sleep(TOO_LATE_S)
            return "Too late."

        async with House(port, answer) as house:
            await asyncio.to_thread(until, listens)
            await asyncio.to_thread(sound_server.say, question)
            await house.until(asked.is_set)
            await asyncio.to_thread(sound_server.say, stop)
            await asyncio.to_thread(until, lambda: len(daemon.client.log()) == 2)
            await asyncio.to_thread(until, lambda: daemon.client.log()[0]["error"])
            house.answer = saying("It is warm in the garden.")
            await asyncio.to_thread(sound_server.say, question)
            await house.until(lambda: house.played == 1)

    with (
        serving_wyoming(daemon.client.path, folder, satellite=True, satellite_port=port),
        sound_server.record(folder / "heard.wav"),
    ):
        asyncio.run(talk())
    last, stopped, first = daemon.client.log()
    assert (first["reply"] or "").startswith("Your home did not answer in time")
    assert stopped["error"] == STOPPED
    assert last["reply"] == "It is warm in the garden."
    assert np.abs(load(folder / "heard.wav")).max() > 0.05
    assert all(each["has_audio"] and each["consent"] for each in (first, last))
