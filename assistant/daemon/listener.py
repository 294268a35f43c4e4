"""Who hears: from the microphone's frames to utterances, in the thread that listens."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from assistant.config import ListenSettings
from assistant.daemon.loudspeaker import LoudspeakerSupervisor
from assistant.daemon.speculator import Speculator
from assistant.daemon.turn_taking import TurnTaking
from assistant.encode.end_of_request import EndOfRequest
from assistant.listen.echo import EchoCanceller
from assistant.listen.half_duplex import HalfDuplex
from assistant.listen.meter import Meter
from assistant.listen.pauses import Pauses
from assistant.listen.segment import segment, voiced
from assistant.values import SAMPLE_RATE, AudioFrame, Utterance

NOTICED = 3
"""Voiced frames within ``NOTICED_WITHIN`` that are taken for the beginning of speech."""

NOTICED_WITHIN = 4  # 80 ms: the trainer is to stand still 100 ms after the first of them

GAP_S = 0.2
"""Time without frames after which those before it say nothing about those after it."""


@dataclass(slots=True)
class TalkButton:
    """The talk button, and whether one is needed."""

    needed: bool
    wired: Callable[[], bool] | None = None  # whether the one at the board is pressed
    down: bool = False  # held by a client

    @property
    def open(self) -> bool:
        """Whether what is said now is meant for the assistant."""
        is_wired_down = self.wired is not None and self.wired()
        return self.down or not self.needed or is_wired_down


@dataclass(slots=True)
class Listener:
    """Hears utterances, and reacts to speech while it is still going on."""

    settings: ListenSettings
    microphone: Iterable[AudioFrame]
    loudspeaker: LoudspeakerSupervisor
    half_duplex: HalfDuplex
    button: TalkButton
    turn_taking: TurnTaking
    pauses: Pauses
    interrupt: Callable[[], None]  # breaks off the reply under way
    on_speech: Callable[[float], None]  # called as ``noticing`` does
    ends: EndOfRequest | None = None  # estimates whether what has been said is a whole request
    speculator: Speculator | None = None  # None: no reply is begun before the end is sure
    echo: EchoCanceller | None = None
    meter: Meter = field(default_factory=Meter)
    speech: bool = False  # whether there was voice in the last frame
    _spoken_over: bool = False  # whether the assistant spoke in it
    _over_reply: bool = False  # whether the utterance under way began over a reply

    def utterances(self) -> Iterator[Utterance]:
        """What is said from now on, until the microphone is stopped."""
        detect = noticing(voiced(self.settings.vad_mode), self.on_speech)

        def is_speech(frame: AudioFrame) -> bool:
            self._frame(frame, voiced=detect(frame))
            return self.speech

        heard = self.meter.around(self.microphone)
        of_use = self.pauses.learning or self.speculator is not None
        for utterance in segment(
            heard if self.echo is None else self.echo.cleaned(heard),
            is_speech,
            self.settings,
            deaf=self._is_deaf,
            open=self._is_open,
            pauses=self.pauses,
            complete=self._paused if self.ends is not None and of_use else None,
            on_start=self._started,
        ):
            yield replace(utterance, over_reply=self._over_reply)

    def _frame(self, frame: AudioFrame, *, voiced: bool) -> None:
        """Let a speaker who goes on take the turn back."""
        self.speech = voiced
        if self.speculator is not None:
            self.speculator.frame(voiced=voiced)
        # whoever speaks over a reply takes no turn back: it has begun to be answered
        gap_ms = self.turn_taking.frame(frame, voiced=voiced and not self._spoken_over)
        if gap_ms is not None:
            self.pauses.false_cut(gap_ms)
            self.interrupt()

    def _is_deaf(self, frame: AudioFrame) -> bool:
        self._spoken_over = self.half_duplex.deaf(frame)
        is_deaf = self._spoken_over and self.settings.barge_in == "off"
        if is_deaf:
            self._frame(frame, voiced=False)
        return is_deaf

    def _is_open(self, frame: AudioFrame) -> bool:
        is_open = self.button.open
        if not is_open:
            self._frame(frame, voiced=False)  # whoever let go of the button has finished
        return is_open

    def _started(self, _gap_ms: float | None) -> None:
        self._over_reply = self._spoken_over and self.loudspeaker.speaking
        if self._over_reply:
            self.interrupt()

    def _paused(self, samples: NDArray[np.float32], voiced_s: float) -> float | None:
        """In a pause: how likely a request is finished; the reply to it is begun meanwhile."""
        if self.ends is None:
            return None
        if self.speculator is not None:
            self.speculator.forget()
        probability = self.ends(samples, voiced_s)
        if self.speculator is not None and (features := self.ends.latest) is not None:
            self.speculator.begin(features, time.monotonic() - len(samples) / SAMPLE_RATE)
        return probability


def noticing(
    is_speech: Callable[[AudioFrame], bool], on_speech: Callable[[float], None]
) -> Callable[[AudioFrame], bool]:
    """A voice activity detector that notices speech long before the utterance has ended.

    Args:
        is_speech: the detector, asked once per frame.
        on_speech: called with every frame in which speech goes on; gets when the first voiced one
            of the last few was captured, in monotonic seconds.
    """
    recent: deque[float | None] = deque(maxlen=NOTICED_WITHIN)
    last_at = 0.0

    def notice(frame: AudioFrame) -> bool:
        nonlocal last_at
        if frame.captured_at - last_at > GAP_S:
            recent.clear()
        last_at = frame.captured_at
        voiced = is_speech(frame)
        recent.append(frame.captured_at if voiced else None)
        moments = [at for at in recent if at is not None]
        if len(moments) >= NOTICED:
            on_speech(moments[0])
        return voiced

    return notice
