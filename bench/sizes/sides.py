"""Attune, and what a user would pick instead, each in a process of its own.

Run as ``python -m bench.sizes.sides SIDE`` with settings as a line of JSON on standard input.
Every further line asks for a turn, and is answered with a line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
from llama_cpp import Llama
from numpy.typing import NDArray

from assistant.config import INSTRUCTION, GenerateSettings
from assistant.generate.context import Context
from assistant.generate.words import as_words
from assistant.turn import Mute
from bench.sizes.memory import own
from bench.sizes.speech import SENTENCES, spoken
from bench.sizes.turns import heard, house
from bench.sizes.whisper import package

EMITTED = 12
"""Tokens that Whisper writes for each utterance: about as many as there are words in it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One turn."""

    number: int  # decides about what is said, and when
    anew: bool = False  # with nothing left of the turn before

    @property
    def sentence(self) -> int:
        """Which of the sentences is said."""
        return self.number % len(SENTENCES)

    @property
    def moment(self) -> datetime:
        """Some minutes after the turn before, so that the context line is another one."""
        start = datetime(2026, 3, 5, 8, 2, tzinfo=timezone.utc)
        return start + timedelta(minutes=7 * self.number)


Times = dict[str, float]
"""ms for hearing, for answering, and from the end of speech to the first token."""

Side = Callable[[Asked], Times]
Transcribe = Callable[[NDArray[np.float32]], int]
"""Takes mono 16 kHz samples in [-1, 1], shape (n_samples,); gives the number of tokens."""


@contextmanager
def attune(flags: dict[str, Any]) -> Generator[Side]:
    """The daemon's own turn on the transcript route.

    Args:
        flags: settings.
    """
    utterances = spoken()
    with house({**flags, "route": "transcript"}) as found:
        assistant = found.assistant
        assistant.voice = Mute()

        def turn(asked: Asked) -> Times:
            assistant.now = lambda: asked.moment
            at = asked.sentence
            timings = heard(assistant, utterances[at], SENTENCES[at]).timings
            if timings is None or timings.encode is None or timings.first_token is None:
                raise RuntimeError("the turn wrote nothing")
            first = timings.first_token
            return {"hear": timings.encode, "answer": first - timings.encode, "first_token": first}

        yield turn


@contextmanager
def usual(settings: GenerateSettings, transcribe: Transcribe) -> Generator[Side]:
    """A transcriber, then llama-cpp-python's chat completion with the cache that it has by itself.

    Random weights transcribe nonsense, so what was said is what is answered.

    Args:
        settings: as Attune's.
        transcribe: as ``whisper``.
    """
    utterances = spoken()
    with closing(
        Llama(
            str(settings.path),
            n_ctx=settings.n_ctx,
            n_batch=settings.n_batch,
            n_threads=settings.threads,
            n_threads_batch=settings.threads,
            verbose=False,
        )
    ) as llama:

        def turn(asked: Asked) -> Times:
            if asked.anew:
                llama.reset()
            began = time.monotonic()
            if transcribe(utterances[asked.sentence].samples) != EMITTED:
                raise RuntimeError(f"the transcript has not {EMITTED} tokens")
            hear = _ms_since(began)
            first: float | None = None
            line, words = Context(asked.moment).line(), as_words(SENTENCES[asked.sentence])
            stream: Any = llama.create_chat_completion(
                [
                    {"role": "system", "content": INSTRUCTION},
                    {"role": "user", "content": f"{line}\n{words}"},
                ],
                stream=True,
                max_tokens=settings.max_tokens,
                temperature=settings.temperature,
                top_k=settings.top_k,
            )
            for chunk in stream:
                if first is None and chunk["choices"][0]["delta"].get("content"):
                    first = _ms_since(began)
            if first is None:
                raise RuntimeError("the chat wrote nothing")
            return {"hear": hear, "answer": first - hear, "first_token": first}

        yield turn


def whisper(folder: str, threads: int) -> Transcribe:
    """faster-whisper on the CPU, greedy, without timestamps, cut at a fixed number of tokens.

    Raises:
        SystemExit: if it is not installed.
    """
    model = package("faster_whisper").WhisperModel(
        folder, device="cpu", compute_type="int8", cpu_threads=threads
    )

    # CTranslate2 stops at half of what it is told, the prompt of four tokens included.
    most = 2 * EMITTED - 4

    def transcribe(samples: NDArray[np.float32]) -> int:
        segments, _ = model.transcribe(
            samples,
            language="en",
            beam_size=1,
            temperature=0.0,
            without_timestamps=True,
            max_new_tokens=most,
        )
        return sum(len(segment.tokens) for segment in segments)

    return transcribe


def _serve(side: Side) -> None:
    """Answer every line."""
    for line in sys.stdin:
        answer = side(Asked(**json.loads(line)))
        print(json.dumps({**answer, "peak_mb": own().peak}), flush=True)


def _main() -> None:
    flags = json.loads(sys.stdin.readline())
    if sys.argv[1] == "attune":
        with attune(flags) as side:
            _serve(side)
    else:
        settings = GenerateSettings.model_validate(flags["generate"])
        with usual(settings, whisper(flags["whisper"], settings.threads)) as side:
            _serve(side)


def _ms_since(start: float) -> float:
    return (time.monotonic() - start) * 1_000


if __name__ == "__main__":
    _main()
