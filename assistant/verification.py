"""Whether it is the user who speaks, by the sentences that the user has read aloud.

Nothing of a voice is stored beside these recordings: what is known of it is computed from them
when nobody is waiting, and forgotten with them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from assistant.journal.store import Journal
from assistant.speaker.encoder import SpeakerEncoder, normal
from assistant.values import Utterance

LEAST = 5
"""Recordings without which nobody is told apart."""

MOST = 16
"""Newest recordings that count."""

UNLEARNED = 0.25
"""Likeness below which a voice is another's when it comes to learning from it."""

UNANSWERED = 0.15
"""Likeness below which it is another's when only the user is answered.

It is lower, because to ignore the user is worse than to answer a visitor. ``bench.verification``
shows both errors of both."""

LOOK_S = 60.0
"""How often new recordings are looked for."""

_Voice = NDArray[np.float32]


class SpeakerVerifier:
    """Compares voices with the user's; used by one thread.

    Args:
        journal: holds the recordings.
        opened: opens the speaker encoder when it is needed first.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        journal: Journal,
        opened: Callable[[], SpeakerEncoder],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._opened = opened
        self._clock = clock
        self._look_at: float | None = None  # monotonic seconds; none: not yet
        self._read: tuple[int, ...] = ()  # exchanges in which the user read aloud
        self._voices: dict[int, _Voice | None] = {}  # of these; none: too short

    def rest(self) -> None:
        """Nobody is waiting: get to know one more recording of the user.

        Raises:
            JournalError: if the journal cannot be read.
            EncoderError: if the speaker encoder cannot be opened.
        """
        now = self._clock()
        if self._look_at is None or now >= self._look_at:
            self._look_at = now + LOOK_S
            self._read = self._journal.newest_enrolled(MOST)
            self._voices = {at: self._voices[at] for at in self._read if at in self._voices}
        if len(self._read) < LEAST:
            return
        new = next((at for at in self._read if at not in self._voices), None)
        if new is not None:
            self._voices[new] = None  # also if it cannot be read
            self._voices[new] = self._encoder.embed(self._journal.audio(new))

    def likeness(self, utterance: Utterance) -> float:
        """How like the user's a voice is, -1 to 1; 1 if that cannot be told, or nobody is known.

        Raises:
            JournalError: if the journal cannot be read.
        """
        if self._voices and not self._journal.exist(self._voices):
            self._voices, self._look_at = {}, None  # some are erased: begin anew
        known = [voice for voice in self._voices.values() if voice is not None]
        voice = self._encoder.embed(utterance.samples) if len(known) >= LEAST else None
        if voice is None:
            return 1.0
        return float(voice @ normal(np.stack(known).mean(axis=0)))

    @cached_property
    def _encoder(self) -> SpeakerEncoder:
        return self._opened()
