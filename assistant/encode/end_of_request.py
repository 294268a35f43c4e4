"""Estimates whether the speech so far is a finished request, for the endpointer."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType]

from assistant.errors import EncoderError
from assistant.nets.ends import Ends
from assistant.values import EndReason, SpeechFeatures, Utterance

ENDS = "ends.safetensors"
"""The bundled table of where English requests end."""


class Encoder(Protocol):
    """Anything that transcribes speech."""

    def encode(self, utterance: Utterance) -> SpeechFeatures:
        """Features and transcript of one utterance."""
        ...


class EndOfRequest:
    """How likely a request is finished, from the transcript of its sound so far.

    It is asked in a pause that may or may not be the end. If it is, the utterance is exactly the
    sound that was asked about, so its features are already there.

    Args:
        encoder: transcribes.
        ends: where requests end; without it, features are only computed ahead of time.
        expected: words that may well be said.
    """

    def __init__(self, encoder: Encoder, ends: Ends | None, expected: tuple[str, ...] = ()) -> None:
        self._encoder = encoder
        self._ends = ends
        self._expected = expected
        self._last: tuple[Utterance, SpeechFeatures] | None = None

    def beside(self, expected: tuple[str, ...]) -> EndOfRequest:
        """Another one, for somebody who speaks at the same time, of whom words are expected."""
        return EndOfRequest(self._encoder, self._ends, expected)

    @property
    def latest(self) -> SpeechFeatures | None:
        """Features of the sound asked about last, until they are taken."""
        last = self._last
        return None if last is None else last[1]

    def __call__(self, samples: NDArray[np.float32], voiced_s: float | None = None) -> float | None:
        """A probability from 0 to 1.

        Args:
            samples: mono 16 kHz in [-1, 1], shape (n_samples,).
            voiced_s: seconds of voice in them, if known.
        """
        so_far = self._utterance(samples, voiced_s)
        features = self._encoder.encode(so_far)
        self._last = so_far, features
        return None if self._ends is None else self._ends.after(features.transcript.spoken)

    def words(self, samples: NDArray[np.float32], voiced_s: float) -> bool:
        """Whether words are said in some sound; given as to a call."""
        return bool(self._encoder.encode(self._utterance(samples, voiced_s)).transcript.text)

    def features(self, utterance: Utterance) -> SpeechFeatures | None:
        """The features of an utterance if it was asked about last, once; from any thread."""
        last, self._last = self._last, None
        if last is None or not np.array_equal(last[0].samples, utterance.samples):
            return None
        return last[1]

    def _utterance(self, samples: NDArray[np.float32], voiced_s: float | None) -> Utterance:
        now = datetime.now(timezone.utc)
        return Utterance(samples, now, EndReason.STOP, voiced_s=voiced_s, expected=self._expected)


def load_ends(folder: Path) -> Ends | None:
    """A folder's table of request ends, if it has one; without it only pauses are learned.

    Raises:
        EncoderError: if its table is damaged.
    """
    path = folder / ENDS
    if not path.is_file():
        return None
    try:
        return Ends(load_file(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise EncoderError(
            f"The table of request ends {path} is damaged ({error}). Fetch it again, or delete "
            "it: then only the pauses are learned."
        ) from None
