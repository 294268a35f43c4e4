"""Speech that other programs send in pieces: its end is decided as at the microphone."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace

import numpy as np

from assistant.audio.resample import to_float32
from assistant.daemon.runtime import Runtime
from assistant.encode.end_of_request import EndOfRequest
from assistant.errors import AudioFileError
from assistant.listen.framing import Framing
from assistant.listen.gain import AutomaticGain
from assistant.listen.pauses import Pauses
from assistant.listen.segment import segment, voiced
from assistant.values import FRAME_MS, SAMPLE_RATE, AudioFrame, Utterance

SOURCE = "wyoming"
"""Source of an utterance that another program sent."""

AT_ONCE = 16
"""Most that may be under way."""

LONGEST_S = 120.0
"""Longest speech, with the silence before it."""

IDLE_S = 10.0
"""Time without another piece after which nobody waits for what was said any longer."""

Pieces = queue.SimpleQueue[bytes | None]


class Dictation:
    """One stretch of speech, heard in a thread of its own, with the pauses that were learned.

    Nothing is learned from its pauses: whether one was taken for the end too early is not known.

    Args:
        runtime: whose settings, pauses and speech encoder are used.
        encoding: held while a pause is looked into; who cannot have it does without.
        idle_s: longest wait for another piece.
        expected: words that may well be said.
    """

    def __init__(
        self,
        runtime: Runtime,
        encoding: threading.Lock,
        idle_s: float = IDLE_S,
        expected: tuple[str, ...] = (),
    ) -> None:
        self._runtime = runtime
        self._expected = expected
        self._encoding = encoding
        self._idle_s = idle_s
        self._pieces: Pieces = queue.SimpleQueue()
        self._left = round(LONGEST_S * SAMPLE_RATE * 2)  # bytes
        self._count = 0
        self._at = time.monotonic()  # when the last piece came
        ends = runtime.assistant.ends
        self.ends: EndOfRequest | None = None if ends is None else ends.beside(expected)
        self._heard: Future[Utterance | None] = Future()
        self._thread = threading.Thread(target=self._hear, name="dictation", daemon=True)
        self._thread.start()

    @property
    def has_ended(self) -> bool:
        """Whether its end has been heard."""
        return self._heard.done()

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody has sent anything, or asked what was said, for too long."""
        return time.monotonic() - self._at > 2 * self._idle_s

    def take(self, sound: bytes, place: int) -> None:
        """Another piece: mono, 16 kHz, 16 bits, little-endian.

        Raises:
            AudioFileError: if a piece before it is missing, or it is no such sound.
        """
        if place != self._count or len(sound) % 2:
            raise AudioFileError("The speech did not come as a whole. Say it again.")
        self._count += 1
        self._at = time.monotonic()
        self._left -= len(sound)
        if self._left < 0:
            self.end()
        elif sound and not self.has_ended:
            self._pieces.put(sound)

    def end(self) -> None:
        """Nothing more comes."""
        self._pieces.put(None)

    def utterance(self, seconds: float) -> Utterance | None:
        """What was said, if anything; waits for its end.

        Raises:
            concurrent.futures.TimeoutError: if that is not heard in that time.
            AttuneError: if the speech encoder failed in a pause.
        """
        return self._heard.result(seconds)

    def _hear(self) -> None:
        try:
            heard = next(self._utterances(), None)
            self._heard.set_result(heard and replace(heard, expected=self._expected))
        except BaseException as error:  # noqa: BLE001 - raised again for whoever asks
            self._heard.set_exception(error)

    def _utterances(self) -> Iterator[Utterance]:
        listen = self._runtime.settings.listen
        pauses = Pauses(listen)
        pauses.load(self._runtime.listener.pauses.dump())
        ends = self.ends
        return segment(
            self._frames(raises=listen.gain == "auto"),
            voiced(listen.vad_mode),
            listen,
            pauses=pauses,
            complete=None if ends is None or not pauses.learning else self._complete,
            words=None if ends is None else ends.words,
            on_frame=self._noticed,
            source=SOURCE,
        )

    def _complete(self, samples: np.ndarray, voiced_s: float) -> float | None:
        """How likely the request is complete, if nobody else's pause is looked into."""
        if self.ends is None or not self._encoding.acquire(blocking=False):
            return None
        try:
            return self.ends(samples, voiced_s)
        finally:
            self._encoding.release()

    def _noticed(self, _frame: AudioFrame, is_voiced: bool) -> None:  # noqa: FBT001 - as segment calls
        if is_voiced:
            self._runtime.maintenance.speech(time.monotonic())

    def _frames(self, *, raises: bool) -> Iterator[AudioFrame]:
        framing, gain = Framing(), AutomaticGain() if raises else None
        count = 0
        for piece in iter(self._next, None):
            sound = to_float32(np.frombuffer(piece, "<i2").astype(np.int16))
            for samples in framing.push(sound if gain is None else gain.push(sound)):
                yield AudioFrame(samples, count * FRAME_MS / 1000)
                count += 1
        for samples in framing.flush():
            yield AudioFrame(samples, count * FRAME_MS / 1000)

    def _next(self) -> bytes | None:
        try:
            return self._pieces.get(timeout=self._idle_s)
        except queue.Empty:
            return None


class Dictations:
    """Those that are under way, by what their clients call them."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._encoding = threading.Lock()
        self._all: dict[str, Dictation] = {}

    def take(
        self,
        session: str,
        sound: bytes,
        place: int,
        runtime: Runtime,
        expected: tuple[str, ...] = (),
    ) -> bool:
        """A piece of speech, of which the first begins it; whether its end has been heard.

        What words are expected is told with the first.

        Raises:
            AudioFileError: as ``Dictation.take``, or if too many speak at once.
        """
        with self._guard:
            self._forget_abandoned()
            if place == 0 and session not in self._all:
                if len(self._all) >= AT_ONCE:
                    raise AudioFileError("Too many are speaking at once. Try again in a moment.")
                self._all[session] = Dictation(runtime, self._encoding, expected=expected)
            found = self._all.get(session)
        if found is None:
            raise AudioFileError("The speech did not come as a whole. Say it again.")
        found.take(sound, place)
        return found.has_ended

    def finish(self, session: str) -> Dictation | None:
        """No more of it comes; ``None`` if there is none."""
        with self._guard:
            found = self._all.pop(session, None)
        if found is not None:
            found.end()
        return found

    def clear(self) -> None:
        """The runtime is being closed."""
        with self._guard:
            every, self._all = self._all, {}
        for each in every.values():
            each.end()

    def _forget_abandoned(self) -> None:
        for session in [name for name, each in self._all.items() if each.is_abandoned]:
            self._all.pop(session).end()
