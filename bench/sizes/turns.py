"""Whole turns in the daemon's own house, without microphone and loudspeaker.

Run as ``python -m bench.sizes.turns`` with settings and the number of rounds as JSON on standard
input; prints one JSON object.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from assistant.bridge.connect import Bridge
from assistant.bridge.kinds.letters import untrained
from assistant.config import Settings, load
from assistant.daemon.runtime import Runtime, opened
from assistant.journal.turn import Turn
from assistant.personalise.data.features import source_of
from assistant.speak.voice import Mute
from assistant.turn import Assistant
from assistant.values import StopReason, Utterance
from bench.sizes.memory import own
from bench.sizes.speech import SENTENCES, spoken

STAGES = ("encode", "bridge", "prefill", "first_token", "total")


@contextmanager
def house(flags: dict[str, Any]) -> Generator[Runtime]:
    """An open house with a journal of its own and an untrained bridge of the default kind.

    Raises:
        AttuneError: if a room cannot be opened.
    """
    with TemporaryDirectory() as folder:
        places: dict[str, Any] = {
            "journal.path": Path(folder) / "journal.db",
            "speak.wav_dir": Path(folder) / "replies",
            "bridge.path": "",
            "turn.ask_back": 0.0,  # random weights are sure of nothing
            "turn.learned_ask_back": 0.0,
        }
        settings = load({**places, **flags}, environ={}, files=()).settings
        with opened(
            settings,
            _say,
            beat=lambda: None,
            publish=lambda _: None,
            errand=lambda _: None,
        ) as found:
            encoder, llm = found.assistant.encoder, found.assistant.llm
            accepted = replace(untrained(source_of(encoder)), accepted=True)
            found.assistant.bridge = Bridge(accepted, llm.vocabulary, encoder.spelling)
            yield found


def heard(assistant: Assistant, utterance: Utterance, text: str) -> Turn:
    """A turn that understood what was said.

    Raises:
        RuntimeError: if it understood something else, or said nothing.
    """
    assistant.expect()  # as the daemon does it while somebody speaks
    turn = assistant.hear(utterance)
    if turn.error is not None or turn.timings is None:
        raise RuntimeError(f"the turn broke off: {turn.error}")
    if turn.understood != text:
        raise RuntimeError(f"{text!r} was understood as {turn.understood!r}")
    return turn


def measure(flags: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Medians of every stage in ms for both routes, and the process's memory in MB."""
    times: dict[str, dict[str, list[float]]] = {"transcript": {}, "bridge": {}}
    rates: list[float] = []
    utterances = list(zip(spoken(), SENTENCES, strict=True))
    with house(flags) as found:
        assistant = found.assistant
        for utterance, text in utterances:  # warms up, and speaks
            heard(assistant, utterance, text)
        assistant.voice = Mute()
        for utterance, text in utterances * rounds:
            assistant.route = "transcript"
            turns = [heard(assistant, utterance, text)]
            assistant.route = "bridge"
            turns.append(heard(assistant, utterance, text))
            for turn, of_route in zip(turns, times.values(), strict=True):
                _note(turn, of_route)
                if (rate := _rate(turn, found.settings)) is not None:
                    rates.append(rate)
        used = own()
    return {
        "median_ms": {
            route: {name: round(statistics.median(values), 1) for name, values in stages.items()}
            for route, stages in times.items()
        },
        "tokens_per_s": round(statistics.median(rates), 2),
        "peak_mb": round(used.peak, 1),
        "anonymous_mb": round(used.anonymous, 1),
    }


def _note(turn: Turn, times: dict[str, list[float]]) -> None:
    for name in STAGES:
        value = getattr(turn.timings, name)
        if value is not None:
            times.setdefault(name, []).append(value)


def _rate(turn: Turn, settings: Settings) -> float | None:
    """Tokens per second after the first one, of a reply that was cut at the limit."""
    timings, tokens = turn.timings, settings.generate.max_tokens
    if turn.stop_reason is not StopReason.MAX_TOKENS or timings is None or tokens < 2:
        return None
    if timings.total is None or timings.first_token is None:
        return None
    return (tokens - 1) / (timings.total - timings.first_token) * 1_000


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    print(json.dumps(measure(**json.load(sys.stdin))))
