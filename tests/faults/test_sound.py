"""Sound that goes away and comes back, under a service that must not mind."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from assistant.daemon.watch import BEATS
from tests.faults.manager import WATCHDOG_S, Manager, ask, kept, managed
from tests.sound import EAR, MICROPHONE, MOUTH, SoundServer, synthesise


@pytest.fixture
def service(mortal_server: SoundServer, tmp_path: Path) -> Iterator[Manager]:
    with managed(tmp_path / "house", mortal_server.env, aloud=True) as manager:
        manager.microphone("listening")
        yield manager


def test_a_sound_server_that_is_restarted(service: Manager, mortal_server: SoundServer) -> None:
    first = ask(service, mortal_server)
    mortal_server.close()
    service.microphone("absent")
    mortal_server.start()
    service.microphone("listening")
    second = ask(service, mortal_server)
    assert (first["reply"] is not None, second["reply"] is not None) == (True, True)
    assert list(kept(service)) == [second["id"], first["id"]]
    assert service.statuses == []  # it was the same process all the time
    service.told("Attune keeps trying.")
    service.told("The microphone works again.")


@pytest.mark.parametrize("others", [True, False], ids=["another-remains", "none-remains"])
def test_a_microphone_that_is_unplugged(
    service: Manager, mortal_server: SoundServer, *, others: bool
) -> None:
    first = ask(service, mortal_server)
    if not others:  # a sound server would hand the stream over to whatever it has
        mortal_server.unload(EAR)
    mortal_server.unload(MICROPHONE)
    mortal_server.unload(MOUTH)
    if not others:
        service.microphone("absent")
        mortal_server.load(EAR)
        mortal_server.default(sink="ear")
    assert service.client.ask("what day is it", aloud=False)["reply"]  # the rest goes on
    mortal_server.load(MOUTH)
    mortal_server.load(MICROPHONE)
    mortal_server.default(source="mic")
    service.microphone("listening")
    second = ask(service, mortal_server)
    assert second["reply"]
    assert set(kept(service)) >= {first["id"], second["id"]}
    assert service.statuses == []


def test_a_loudspeaker_that_is_pulled_in_mid_reply(
    service: Manager, mortal_server: SoundServer
) -> None:
    question = synthesise("tell me a story please", service.folder / "story.wav", tail_s=1.5)
    threading.Thread(target=mortal_server.say, args=(question,)).start()
    service.until(lambda: service.client.status().speaking, "speaking")
    mortal_server.unload(EAR)
    exchange = service.answered()
    assert exchange["reply"]
    second = ask(service, mortal_server)  # without any loudspeaker
    assert second["reply"]
    mortal_server.load(EAR)
    mortal_server.default(sink="ear")
    answer = service.folder / "answer.wav"
    with mortal_server.record(answer):
        third = ask(service, mortal_server)
    assert third["reply"]
    assert set(kept(service)) >= {exchange["id"], second["id"], third["id"]}
    assert service.statuses == []


def test_a_microphone_that_falls_silent_is_told_to_systemd(
    service: Manager, mortal_server: SoundServer
) -> None:
    ask(service, mortal_server)
    ears = service.ears
    ears.suspend()
    service.microphone("absent")  # the process is given up, and another one started
    service.microphone("listening")
    alive = service.notified("WATCHDOG=1")
    gaps = [after - before for before, after in pairwise(alive)]
    assert max(gaps) > WATCHDOG_S / BEATS + 0.5  # not said to be well while no sound came
    assert not ears.is_running()
    assert ask(service, mortal_server)["reply"]


def test_a_service_that_is_frozen_is_not_said_to_be_well(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    with managed(tmp_path / "house", sound_server.env, watchdog_s=5) as service:
        service.microphone("listening")
        freeze(service, sound_server)


def freeze(service: Manager, sound: SoundServer) -> None:
    ask(service, sound)
    service.kill(signal.SIGSTOP)
    stopped_at = time.monotonic()
    service.until(lambda: service.statuses, "ended by its manager")
    assert service.notified("WATCHDOG=1", since=stopped_at + 0.5) == []
    assert service.statuses == [-signal.SIGABRT]
    service.microphone("listening")
    assert ask(service, sound)["reply"]
