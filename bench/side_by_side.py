"""Attune against what a user would pick instead: from the end of speech to the first token.

On one machine, with the same models' files and in one run, by turns. Human recordings are played
in at the pace of speech. Attune is the daemon's own listening and answering: it transcribes,
prefills and begins its reply in the silence before the end is sure. The other side is told the
same moment by the same endpointer, and then runs faster-whisper and llama-cpp-python's chat
completion, with the same instruction, context line and words; llama-cpp-python keeps by itself
what a prompt has in common with the one before it.

    python -m bench.side_by_side --data PATH --encoder WHISPER_FOLDER --llm GGUF
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from llama_cpp import Llama
from numpy.typing import NDArray

from assistant.audio.resample import to_int16
from assistant.config import INSTRUCTION, Settings, load
from assistant.daemon import loop
from assistant.daemon import runtime as daemon
from assistant.daemon.runtime import Runtime
from assistant.errors import AttuneError
from assistant.generate.context import ContextLine
from assistant.journal.turn import Turn
from assistant.speak.voice import Mute, Voice
from assistant.values import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, Utterance
from models.recipe.corpus import read, recordings

AIM = 0.25
"""Largest ratio of the times from the decision that speech has ended to the first token."""

AIM_MS = 100
"""Largest median of that time."""

QUIET_S = 2.5
"""Silence after each recording."""

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Times:
    """One turn, in ms."""

    silence: float  # from the last voiced frame to the decision
    first_token: float  # from the decision
    ready_ahead: bool  # whether the reply had been begun by then


class Listener:
    """What the daemon tells, and when."""

    def __init__(self) -> None:
        self.turns: list[tuple[Utterance, Turn]] = []
        self.answered = threading.Event()
        self._utterance: Utterance | None = None

    def begins(self, utterance: Utterance) -> None:
        """An utterance has ended."""
        self._utterance = utterance

    def turn(self, turn: Turn) -> None:
        """It has been answered."""
        if self._utterance is not None:
            self.turns.append((self._utterance, turn))
        self.answered.set()

    def failure(self, error: AttuneError) -> None:
        """A turn failed."""
        sys.stderr.write(f"{error}\n")
        self.answered.set()


def frames(clips: Sequence[Samples], listener: Listener) -> Iterator[AudioFrame]:
    """Recordings at the pace of speech, the next after the answer to the one before."""
    for samples in clips:
        listener.answered.clear()
        whole = to_int16(np.pad(samples, (SAMPLE_RATE // 2, round(QUIET_S * SAMPLE_RATE))))
        due = time.monotonic()
        for at in range(0, len(whole) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
            due += FRAME_SAMPLES / SAMPLE_RATE
            time.sleep(max(0.0, due - time.monotonic()))
            yield AudioFrame(whole[at : at + FRAME_SAMPLES].copy(), time.monotonic())
        listener.answered.wait(60)


def attune(
    settings: Settings, clips: Sequence[Samples], voice: Voice
) -> list[tuple[Utterance, Turn]]:
    """What the daemon makes of recordings."""
    listener, inbox = Listener(), loop.Inbox()
    with daemon.opened(
        settings, print, beat=lambda: None, publish=lambda _: None, errand=inbox.errand
    ) as runtime:
        runtime.assistant.voice = voice
        runtime.listener.microphone = frames(clips, listener)
        stopper = loop.Stopper()
        loop.run(
            runtime.assistant,
            runtime.listener.utterances(),
            stopper=stopper,
            reporter=listener,
            beside=_Beside(runtime),
            inbox=inbox,
            turn_taking=runtime.listener.turn_taking,
        )
    return listener.turns


@dataclass(frozen=True, slots=True)
class _Beside:
    """What the daemon does beside the conversation; nothing is learned here."""

    runtime: Runtime

    def idle(self) -> None:
        self.runtime.maintenance.idle()

    def turn_began(self) -> None:
        self.runtime.maintenance.turn_began()

    def turn_ended(self) -> None:
        self.runtime.maintenance.turn_ended()


def usual(settings: Settings, utterances: Sequence[Utterance]) -> list[float]:
    """Times in ms from the decision to the first token, with faster-whisper and a chat."""
    generate, found = settings.generate, list[float]()
    threads = settings.encode.threads
    model = WhisperModel(
        str(settings.encode.path), device="cpu", compute_type="int8", cpu_threads=threads
    )
    with ExitStack() as owned:
        llama = owned.enter_context(
            closing(
                Llama(
                    str(generate.path),
                    n_ctx=generate.n_ctx,
                    n_batch=generate.tuned.n_batch,
                    n_threads=generate.threads or None,
                    verbose=False,
                )
            )
        )
        for utterance in (utterances[0], *utterances):  # the first warms up
            found.append(_usual_turn(model, llama, settings, utterance))
    return found[1:]


def _usual_turn(model: Any, llama: Any, settings: Settings, utterance: Utterance) -> float:
    began = time.monotonic()
    segments, _ = model.transcribe(utterance.samples, language="en", without_timestamps=True)
    text = " ".join(segment.text.strip() for segment in segments)
    line = ContextLine(datetime.now().astimezone()).line()
    stream: Any = llama.create_chat_completion(
        [
            {"role": "system", "content": INSTRUCTION},
            {"role": "user", "content": f"{line}\n {text}"},
        ],
        stream=True,
        max_tokens=settings.generate.max_tokens,
        temperature=settings.generate.temperature,
        top_k=settings.generate.tuned.top_k,
    )
    first = next(
        (_ms(began) for chunk in stream if chunk["choices"][0]["delta"].get("content")), _ms(began)
    )
    for _ in stream:  # to its end, as a turn goes
        pass
    return first


def _ms(began: float) -> float:
    return (time.monotonic() - began) * 1_000


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of public recordings")
    parser.add_argument("--encoder", type=Path, help="a Whisper folder of CTranslate2")
    parser.add_argument("--llm", type=Path, help="a GGUF")
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all cores")
    arguments = parser.parse_args()
    clips = [c for c in recordings(arguments.data, held_out_part=True) if c.speaker == "kathleen"]
    clips = clips[:: max(1, len(clips) // (arguments.turns + 1))][: arguments.turns + 1]
    with TemporaryDirectory() as folder:
        flags: dict[str, Any] = {
            "journal.path": Path(folder) / "journal.db",
            "speak.wav_dir": Path(folder) / "replies",
            "encode.path": arguments.encoder,
            "encode.threads": arguments.threads,
            "encode.early": "on",
            "generate.path": arguments.llm,
            "generate.threads": arguments.threads,
            "generate.max_tokens": 24,
            "turn.ask_back": 0.0,
            "personalise.enabled": False,
            "route": "transcript",
        }
        settings = load(flags, environ={}, files=()).settings
        turns = attune(settings, [read(clip) for clip in clips], Mute())[1:]
    if not turns:
        raise SystemExit("No recording was heard.")
    ours = [
        Times(turn.timings.endpoint or 0.0, turn.timings.first_token, turn.timings.prefill is None)
        for _, turn in turns
        if turn.timings is not None and turn.timings.first_token is not None
    ]
    theirs = usual(settings, [utterance for utterance, _ in turns])
    report(ours, theirs, arguments.encoder, arguments.llm)


def report(
    ours: Sequence[Times], theirs: Sequence[float], encoder: Path | None, llm: Path | None
) -> None:
    """Print the table and the line of JSON."""
    median: Callable[[Sequence[float]], float] = statistics.median
    silence = median([each.silence for each in ours])
    first, other = median([each.first_token for each in ours]), median(theirs)
    print(f"{'median ms':<26}{'silence':>9}{'then first token':>18}{'from the last word':>20}")
    for name, after in (("Attune", first), ("faster-whisper + chat", other)):
        print(f"{name:<26}{silence:>9.0f}{after:>18.0f}{silence + after:>20.0f}")
    ahead = sum(each.ready_ahead for each in ours)
    print(
        f"ratio after the decision: {first / other:.2f} (aim: at most {AIM}); from the last word, "
        f"with the same silence on both sides: {(silence + first) / (silence + other):.2f}; "
        f"begun ahead: {ahead} of {len(ours)}"
    )
    print(
        json.dumps(
            {
                "bench": "side_by_side",
                "encoder": encoder and encoder.name,
                "llm": llm and llm.name,
                "turns": [asdict(each) for each in ours],
                "others_ms": [round(each, 1) for each in theirs],
                "ratio": round(first / other, 3),
                "ratio_from_last_word": round((silence + first) / (silence + other), 3),
                "median_ms": round(first, 1),
                "met": first / other <= AIM and first <= AIM_MS,
            }
        )
    )


if __name__ == "__main__":
    main()
