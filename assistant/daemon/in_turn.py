"""What clients ask of the answering thread; it comes to it between two turns."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TypeAlias, TypeVar

from assistant.control.declaring import RefusalError
from assistant.control.messages import Record
from assistant.daemon.loop import Errand
from assistant.daemon.runtime import Runtime
from assistant.dialogue import DialoguePolicy
from assistant.errors import AttuneError, AudioFileError, DeviceError, EncoderError
from assistant.journal.turn import Turn
from assistant.listen.recordings import load
from assistant.values import EndReason, Utterance

ANSWER_S = 60.0
"""Longest wait for the answer."""

LONGEST_S = 60.0
"""Longest recording that is transcribed between two turns."""

T = TypeVar("T")

Work: TypeAlias = Callable[[Runtime, Callable[[T], None]], None]
"""Does something with the runtime, and calls its second argument with the answer, once or more:
the client gets the first, and need not wait for what follows it."""


def in_turn(put: Callable[[Errand], object], there: Callable[[], Runtime], work: Work[T]) -> T:
    """Have the answering thread do some work, and return its first answer.

    Args:
        put: has something done by the answering thread.
        there: the current runtime; another one may have been closed meanwhile.
        work: what to do.

    Raises:
        RefusalError: if it fails before it answers, or does not come to it in time.
    """
    answered: Future[T] = Future()

    def answer(result: T) -> None:
        if not answered.done():
            answered.set_result(result)

    def errand() -> None:
        if answered.set_running_or_notify_cancel():
            try:
                work(there(), answer)
            except (AttuneError, RefusalError) as error:
                if not answered.done():
                    answered.set_exception(RefusalError(str(error)))

    put(errand)
    try:
        return answered.result(ANSWER_S)
    except LateError:
        answered.cancel()
        raise RefusalError(
            f"Attune has not answered within {ANSWER_S:g} s. Try again in a moment."
        ) from None


def question(path: Path, *, aloud: bool, answered: Callable[[Turn], None]) -> Work[Record]:
    """Answers a question in a recording, whose asker cannot reply; raises as ``transcription``.

    Args:
        path: the recording.
        aloud: whether the answer is heard, too.
        answered: is given the exchange before the client is.
    """
    utterance = _recording(path)

    def answer(runtime: Runtime, done: Callable[[Record], None]) -> None:
        assistant = runtime.assistant
        conversation = assistant.dialogue
        assistant.dialogue = DialoguePolicy(runtime.settings.turn.of_one_question())
        try:
            turn = assistant.hear(utterance, aloud=aloud)
        finally:
            assistant.dialogue = conversation
        answered(turn)
        done(turn.record())

    return answer


def transcription(path: Path) -> Work[Record]:
    """What the speech encoder alone recognises in a recording, with its length in seconds.

    Raises:
        AudioFileError: if it cannot be read, or everybody would have to wait for it for too long.
    """
    utterance = _recording(path)

    def transcribe(runtime: Runtime, answered: Callable[[Record], None]) -> None:
        encoder = runtime.assistant.encoder
        features = encoder.encode(utterance)
        if features.encoder != encoder.fingerprint:
            raise EncoderError(
                "The speech encoder that Attune uses hears with what it has learned. Open another "
                "one for this."
            )
        answered({"seconds": utterance.seconds, **asdict(features.transcript)})

    return transcribe


def _recording(path: Path) -> Utterance:
    utterance = Utterance(load(path), datetime.now().astimezone(), EndReason.STOP, source=str(path))
    if utterance.seconds > LONGEST_S:
        raise AudioFileError(
            f"The recording {path} is longer than {LONGEST_S:g} s. Cut it into shorter ones."
        )
    return utterance


def announcement(text: str) -> Work[None]:
    """Speaks a text, which is done as soon as it sounds.

    The work raises ``DeviceError`` if there is no loudspeaker.
    """

    def say(runtime: Runtime, begun: Callable[[None], None]) -> None:
        loudspeaker = runtime.loudspeaker

        def sounds() -> None:
            if loudspeaker.speaking:
                begun(None)

        runtime.assistant.voice.say(iter((text,)), "say", sounds)
        if loudspeaker.why is not None:
            raise DeviceError(loudspeaker.why)
        begun(None)  # there was nothing to be said

    return say
