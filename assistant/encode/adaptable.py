"""What a training needs of a recogniser whose own weights are to learn, without the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.encode.mel import LogMel
from assistant.encode.tokens import Tokens, written
from assistant.nets import ctranslate_weights
from assistant.values import SAMPLE_RATE, Adaptation

TAIL_S = 0.5
"""Seconds of silence after the sound. In a turn there are more, because Whisper would not find the
end of its text; but each word is as likely with less (2.6 nats a token with 0.2 s and with 5 s of
it, for a severely slurred voice and base), and it makes training several times faster."""


class Adaptable:
    """A Whisper folder in CTranslate2's format.

    Args:
        path: its weights.
        adapter: what is added to them for everybody.
        tokens: its tokens.
        mel: makes its spectrograms.
        language: a code such as ``en``, in which transcripts are learned.
    """

    def __init__(
        self, path: Path, adapter: Adaptation | None, tokens: Tokens, mel: LogMel, language: str
    ) -> None:
        self.path = path
        self._adapter = adapter
        self.start = tokens.start(language)
        self._tokens = tokens
        self._mel = mel

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """All weights by name; ``OSError`` or ``ValueError`` if they cannot be read."""
        return ctranslate_weights.read(self.path, self._adapter and self._adapter.changes)

    def tokens(self, text: str) -> list[int]:
        """The tokens of a transcript that says these spoken words, and of its end.

        It ends with a full stop, if not with a question mark.
        """
        stop = "" if text.endswith("?") else "."
        return [*self._tokens.of(f"{written(text)}{stop}"), self._tokens.end]

    def columns(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The spectrogram (n_mels, n_columns) of mono 16 kHz sound and ``TAIL_S`` of silence."""
        return self._mel(np.pad(samples, (0, round(TAIL_S * SAMPLE_RATE))))
