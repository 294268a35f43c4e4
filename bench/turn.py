"""Where the time of a turn goes, and what the cached instruction saves.

Speaks a few requests with espeak-ng, answers each several times on the configured models, and
prints the median of every stage. Then it asks the same with the instruction decoded anew each
turn, in the same run and in turn with the other, and prints the ratio of the prefill times.

    make bench                     # or: .venv/bin/python bench/turn.py --rounds 10
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

from assistant import composition
from assistant.audio.resample import resample, to_float32
from assistant.config import SpeakSettings, load
from assistant.generate.context import ContextLine
from assistant.generate.words import as_words
from assistant.speak.espeak import Espeak
from assistant.speak.playback import WavSink
from assistant.speak.synthesiser import open_voice
from assistant.speak.voice import Aloud
from assistant.turn import Assistant
from assistant.values import SAMPLE_RATE, EndReason, Utterance

REQUESTS = (
    "what time is it please",
    "i planted some tomatoes in the garden",
    "my daughter is coming to visit me",
)


def spoken() -> list[Utterance]:
    """The requests as recordings."""
    espeak = Espeak(SpeakSettings.model_validate({}))
    found: list[Utterance] = []
    for text in REQUESTS:
        speech = espeak.synthesise(text)
        samples = resample(to_float32(speech.samples), speech.sample_rate, SAMPLE_RATE)
        now = datetime.now(timezone.utc)
        found.append(Utterance(samples, now, EndReason.STOP, source="bench"))
    return found


def stages(assistant: Assistant, utterances: list[Utterance], rounds: int) -> dict[str, float]:
    """Median milliseconds per stage."""
    times: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for utterance in utterances:
            timings = assistant.hear(utterance).timings
            if number == 0 or timings is None:  # the first round warms up
                continue
            for name in ("encode", "bridge", "prefill", "first_token", "first_audio", "total"):
                value = getattr(timings, name)
                if value is not None:
                    times.setdefault(name, []).append(value)
    return {name: statistics.median(values) for name, values in times.items()}


def prefills(assistant: Assistant, instruction: str, rounds: int) -> tuple[float, float, int, int]:
    """Median prefill in ms with the instruction cached and decoded anew, and tokens decoded."""
    context = ContextLine(datetime.now(timezone.utc), "Anna").line()
    words = as_words(REQUESTS[1])
    cached: list[float] = []
    anew: list[float] = []
    n_cached = n_anew = 0
    for number in range(rounds + 1):
        stream = assistant.llm.reply(words, context, cancel=threading.Event())
        for _ in stream:
            pass
        assistant.llm.set_instruction("Answer.")  # so that the real one has to be decoded again
        began = time.monotonic()
        assistant.llm.set_instruction(instruction)
        decoded = (time.monotonic() - began) * 1_000
        if number:
            cached.append(stream.stats.prefill_ms)
            anew.append(stream.stats.prefill_ms + decoded)
        n_cached = stream.stats.prompt_tokens_decoded
        n_anew = n_cached + stream.stats.reused_prefix_tokens
    return statistics.median(cached), statistics.median(anew), n_cached, n_anew


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        flags = {"journal.path": Path(folder) / "journal.db"}
        settings = load(flags).settings
        synthesiser = open_voice(settings.speak, settings.models.folder)
        voice = Aloud(synthesiser, WavSink(Path(folder)))
        with composition.assistant(settings, voice, print) as assistant:
            medians = stages(assistant, spoken(), arguments.rounds)
            cached, anew, n_cached, n_anew = prefills(
                assistant, settings.generate.instruction, arguments.rounds
            )
    print(f"{'stage':<14}{'median ms':>10}")
    for name, value in medians.items():
        print(f"{name:<14}{value:>10.1f}")
    print(f"\n{'prefill':<14}{'tokens':>10}{'median ms':>12}")
    print(f"{'cached':<14}{n_cached:>10}{cached:>12.1f}")
    print(f"{'whole prompt':<14}{n_anew:>10}{anew:>12.1f}")
    print(f"ratio whole/cached: {anew / cached:.2f}")
    print(
        json.dumps(
            {
                "bench": "turn",
                "median_ms": {name: round(value, 1) for name, value in medians.items()},
                "prefill_cached_ms": round(cached, 1),
                "prefill_whole_ms": round(anew, 1),
                "prefill_ratio": round(anew / cached, 2),
                "prefill_cached_tokens": n_cached,
                "prefill_whole_tokens": n_anew,
            }
        )
    )


if __name__ == "__main__":
    main()
