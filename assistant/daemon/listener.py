"""From the microphone's frames to utterances, in the listening thread."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from assistant.config import ListenSettings
from assistant.daemon.loudspeaker import LoudspeakerSupervisor
from assistant.daemon.speculator import Speculator
from assistant.daemon.turn_taking import TurnTaking
from assistant.encode.end_of_request import EndOfRequest
from assistant.listen.ear import Ear
from assistant.listen.echo import EchoCanceller
from assistant.listen.full_duplex import FullDuplex
from assistant.listen.half_duplex import HalfDuplex
from assistant.listen.meter import Meter
from assistant.listen.pauses import Pauses
from assistant.listen.segment import segment, voiced
from assistant.listen.wake_word import WakeWord
from assistant.values import MICROPHONE, SAMPLE_RATE, AudioFrame, Utterance

NOTICED = 2
"""Voiced frames within ``NOTICED_WITHIN`` that count as the start of speech. More would tell no
click from speech: webrtcvad goes on after the first for three frames at least."""

NOTICED_WITHIN = 3  # 60 ms, or 100 with the rest of a block: the trainer has to stop within 100 ms

GAP_S = 0.2
"""After a gap this long, earlier frames no longer count."""


@dataclass(slots=True)
class TalkButton:
    """The talk button, and whether one is needed."""

    needed: bool
    wired: Callable[[], bool] | None = None  # whether the one wired to the board is pressed
    down: bool = False  # held by a client

    @property
    def pressed(self) -> bool:
        """Whether somebody holds it."""
        return self.down or (self.wired is not None and self.wired())

    @property
    def open(self) -> bool:
        """Whether what is said now is meant for the assistant."""
        return not self.needed or self.pressed


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
    interrupt: Callable[[], None]  # cancels the current reply
    on_speech: Callable[[float], None]  # called as ``noticing`` does
    ends: EndOfRequest | None = None  # estimates whether a request is complete
    speculator: Speculator | None = None  # None: no reply is started before the end is certain
    echo: EchoCanceller | None = None
    overhearing: FullDuplex | None = None  # none: as the settings say
    wake: WakeWord | None = None  # none: what is said needs no wake word
    awaits: Callable[[], bool] = lambda: False  # whether what is said now is wanted without it
    meter: Meter = field(default_factory=Meter)
    speech: bool = False  # whether the speaker was heard in the last frame
    _spoken_over: bool = False  # whether the assistant spoke during it
    _over_reply: bool = False  # whether the current utterance began over a reply
    _voiced_after: int = 0  # frames of it since the reply fell silent
    full_duplex: FullDuplex = field(init=False)
    _own_voice: Callable[[AudioFrame], bool] = field(init=False)

    def __post_init__(self) -> None:
        self.full_duplex = self.overhearing or FullDuplex(self.settings)
        self._own_voice = self._detector()

    def utterances(self) -> Iterator[Utterance]:
        """What is said from now on, until the microphone is stopped."""
        heard = self.meter.around(self.microphone)
        of_use = self.pauses.learning or self.speculator is not None
        for utterance in segment(
            heard if self.echo is None else self.echo.cleaned(heard),
            noticing(self._detector(), self.on_speech),
            self.settings,
            deaf=self._is_deaf,
            open=self._is_open if self.wake is None else None,
            woken=None if self.wake is None else partial(self._woken, self.wake),
            pauses=self.pauses,
            complete=self._paused if self.ends is not None and of_use else None,
            words=None if self.ends is None else self.ends.words,
            on_frame=lambda frame, is_voiced: self._frame(frame, voiced=is_voiced),
            on_start=self._started,
            source=MICROPHONE,
        ):
            if self._over_reply:
                self.full_duplex.interrupted(self._voiced_after)
            yield replace(utterance, over_reply=self._over_reply)

    def _detector(self) -> Callable[[AudioFrame], bool]:
        """A new voice activity detector for what comes from the microphone."""
        detector = voiced(self.settings.vad_mode)
        return detector if self.echo is None else self.echo.others(detector)

    def _frame(self, frame: AudioFrame, *, voiced: bool) -> None:
        """Let a speaker who continues take the turn back."""
        self.speech = voiced
        self._voiced_after += voiced and not self.loudspeaker.speaking
        if self.speculator is not None:
            self.speculator.frame(voiced=voiced)
        # speaking over a reply takes no turn back: that turn is already being answered
        gap_ms = self.turn_taking.frame(frame, voiced=voiced and not self._spoken_over)
        if gap_ms is not None:
            self.pauses.false_cut(gap_ms)
            self.interrupt()

    def _is_deaf(self, frame: AudioFrame) -> bool:
        self._spoken_over = self.half_duplex.deaf(frame)
        may_hear = self.full_duplex.is_listening and not (self.echo and self.echo.is_finding)
        is_deaf = self._spoken_over and not may_hear
        if is_deaf:
            self.full_duplex.own_speech(voiced=self._own_voice(frame))
            self._frame(frame, voiced=False)
        return is_deaf

    def _is_open(self, frame: AudioFrame) -> bool:
        is_open = self.button.open
        if not is_open:
            self._frame(
                frame, voiced=False
            )  # releasing the button means that the speaker has finished
        return is_open

    def _woken(self, wake: WakeWord, frame: AudioFrame, under_way: bool) -> Ear:  # noqa: FBT001
        """What a wake word or the button, either of them, opens the ear for."""
        ear = wake.step(frame, under_way=under_way)
        if ear is Ear.SHUT and (self.button.pressed or self._spoken_over or self.awaits()):
            return Ear.OPEN
        if ear is Ear.SHUT:
            self._frame(frame, voiced=False)
        return ear

    def _started(self, _gap_ms: float | None) -> None:
        self._over_reply = self._spoken_over and self.loudspeaker.speaking
        self._voiced_after = 0
        if self._over_reply:
            self.interrupt()

    def _paused(self, samples: NDArray[np.float32], voiced_s: float) -> float | None:
        """In a pause: how likely the request is complete; meanwhile its reply is started."""
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
    """A voice activity detector that reports speech long before the utterance has ended.

    Args:
        is_speech: the detector, asked once per frame.
        on_speech: called for every frame of ongoing speech with the time at which the first voiced
            one of the last few was captured, in monotonic seconds.
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
