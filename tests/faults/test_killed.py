"""The service is killed at any moment of a turn."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import pytest

from tests.faults.manager import Manager, ask, kept, managed
from tests.soak.ledger import Ledger
from tests.sound import SoundServer, synthesise

KILLS = 5
"""Per house; 20 houses make 100."""

LONGEST_S = 6.0
"""A question is said, heard, answered and spoken within that time."""


@pytest.mark.parametrize("seed", [0])
def test_a_killed_service_loses_at_most_the_turn_in_flight(
    seed: int, tmp_path: Path, sound_server: SoundServer
) -> None:
    live_through(seed, 1, tmp_path, sound_server)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 21))
def test_a_killed_service_loses_at_most_the_turn_in_flight_whenever(
    seed: int, tmp_path: Path, sound_server: SoundServer
) -> None:
    Ledger("killed_turns").settle(seed, lambda: live_through(seed, KILLS, tmp_path, sound_server))


def live_through(
    seed: int, kills: int, folder: Path, sound: SoundServer
) -> dict[str, dict[str, int]]:
    """Kill a service so many times, each time at a random moment after a question has begun."""
    rng = random.Random(seed)
    counts = {"kills": 0, "kept unanswered": 0, "kept answered": 0}
    with managed(folder / "house", sound.env, aloud=True) as manager:
        manager.microphone("listening")
        question = synthesise("what day is it today", manager.folder / "said.wav", tail_s=1.5)
        before = kept(manager)
        for _ in range(kills):
            killed_at_most(manager, question, sound, rng.uniform(0.5, LONGEST_S))
            counts["kills"] += 1
            manager.microphone("listening")
            after = kept(manager)
            assert before.items() <= after.items()  # nothing that was there is gone
            exchange = ask(manager, sound)
            assert exchange["reply"], manager.story()
            before = kept(manager)
            for number in after.keys() - {exchange["id"]}:
                counts["kept answered" if after[number] else "kept unanswered"] += 1
        assert len(manager.statuses) == kills
    return {"counts": counts}


def killed_at_most(manager: Manager, question: Path, sound: SoundServer, after_s: float) -> None:
    """Kill the service so long after a question has begun, and wait for its successor."""
    speaking = threading.Thread(target=sound.say, args=(question,))
    speaking.start()
    time.sleep(after_s)
    began = time.monotonic()
    manager.kill()
    speaking.join()
    manager.until(lambda: manager.notified("READY=1", since=began), "ready again")
