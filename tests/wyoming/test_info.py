"""What Attune tells Home Assistant of itself is true, and there whatever the daemon does."""

from __future__ import annotations

import asyncio
import threading
from contextlib import ExitStack
from pathlib import Path

from wyoming.info import Info
from wyoming.ping import Ping, Pong

from assistant.control.declaring import RefusalError
from assistant.control.messages import Abilities
from tests.control.knowing import ABILITIES, Knowing
from tests.control.sockets import serving
from tests.wyoming.peers import Peer
from tests.wyoming.served import serving_wyoming


class Able(Knowing):
    """A daemon that may be busy, or loading its settings."""

    def __init__(self) -> None:
        super().__init__()
        self.may_tell = threading.Event()
        self.may_tell.set()
        self.is_loading = False

    def abilities(self) -> Abilities:
        if self.is_loading:
            raise RefusalError("Attune is loading its settings. Try again in a moment.")
        assert self.may_tell.wait(60)
        return ABILITIES


def told(port: int) -> Info:
    async def describe() -> Info:
        async with Peer(port) as peer:
            return await peer.describe()

    return asyncio.run(describe())


def test_all_of_it_is_told(port: int) -> None:
    info = told(port)
    (asr,), (tts,), (handle,) = info.asr, info.tts, info.handle
    assert info.satellite is None
    assert info.wake == info.intent == info.mic == info.snd == []
    assert not asr.requires_external_vad
    assert not asr.prefers_auto_gain_enabled
    assert not asr.prefers_noise_reduction_enabled
    assert not asr.supports_transcript_streaming
    assert tts.supports_synthesize_streaming
    assert handle.supports_handled_streaming
    assert [model.languages for model in asr.models] == [["en"]]
    assert [model.attribution.name for model in asr.models] == ["OpenAI"]
    assert [(voice.name, voice.languages) for voice in tts.voices] == [("en-us", ["en-US"])]
    assert [model.languages for model in handle.models] == [["en"]]
    for artifact in (asr, tts, handle, *asr.models, *tts.voices, *handle.models):
        assert artifact.installed
        assert artifact.attribution.name
        assert artifact.description


def test_it_is_told_while_the_daemon_is_busy_loading_or_away(tmp_path: Path) -> None:
    place, able = tmp_path / "run" / "control.sock", Able()
    with ExitStack() as owned:
        away = owned.enter_context(ExitStack())
        away.enter_context(serving(place, able))
        port = owned.enter_context(
            serving_wyoming(place, tmp_path / "wyoming", info__PROMPTLY_S=0.2)
        )
        known = told(port)
        assert known.asr[0].models[0].languages == ["de", "en"]
        assert known.tts[0].voices[0].attribution.name == "Piper"
        able.may_tell.clear()
        assert told(port) == known
        able.may_tell.set()
        able.is_loading = True
        assert told(port) == known
        away.close()
        assert told(port) == known


def test_before_the_daemon_has_ever_run_the_settings_are_told(
    nowhere: Path, tmp_path: Path
) -> None:
    with serving_wyoming(nowhere, tmp_path / "wyoming") as port:
        info = told(port)
    assert info.asr[0].models[0].languages == ["en"]
    assert info.tts[0].voices[0].languages == ["en-US"]


def test_it_shows_that_it_is_there(port: int) -> None:
    async def ping() -> str | None:
        async with Peer(port) as peer:
            await peer.send(Ping("are you there"))
            return (await peer.get(Pong)).text

    assert asyncio.run(ping()) == "are you there"
