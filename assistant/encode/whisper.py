"""Whisper's encoder through transformers: features without a transcript.

It always computes over 30 s, filled up with silence. Only the frames in which there was sound are
kept: those after them say nothing of what was said, and a turn of 5 s would take 3 MB in the
journal instead of 0.5. What it would have written down takes its decoder, which is not loaded; so
only a bridge can read what it hears.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from assistant.config import EncodeSettings
from assistant.encode import ort
from assistant.encode.execution import execute
from assistant.encode.folder import EncoderFolder
from assistant.encode.network import Network, skeleton
from assistant.encode.ort import Length
from assistant.encode.tuned import Execution
from assistant.encode.windows import Windows
from assistant.values import SAMPLE_RATE, SpeechFeatures, Transcript, Utterance

HOP = 320
"""Samples from frame to frame."""

PREFIXES = ("model.encoder.", "encoder.")
"""What the encoder's weights are called in a whole Whisper model."""


class WhisperEncoder:
    """The encoder of a Whisper folder; ``whisper-base`` gives 512 dimensions.

    Raises:
        EncoderError: if the folder is missing, incomplete, or in a format that is not
            safetensors.
    """

    def __init__(self, settings: EncodeSettings) -> None:
        folder = EncoderFolder.open(settings.path)
        model = skeleton(folder, "WhisperEncoder")
        self._part = _Frames(model)
        executed = execute(folder, model, self._part, folder.weights(PREFIXES), settings)
        self._run = executed.run
        self.execution: Execution = executed.execution
        self.fingerprint: str = executed.fingerprint
        self.spelling = None
        self.dim: int = int(model.config.d_model)
        self.frame_rate: float = SAMPLE_RATE / HOP
        seconds = int(model.config.max_source_positions) * HOP // SAMPLE_RATE
        self._windows = Windows.of(seconds, self.frame_rate, HOP)
        self._spectrogram = _spectrogram(int(model.config.num_mel_bins), seconds)

    def encode(self, utterance: Utterance) -> SpeechFeatures:
        """Features of one utterance; its transcript is empty."""
        frames = self._windows.encode(utterance.samples, self._hear)
        return SpeechFeatures(frames, self.frame_rate, Transcript("", 0.0), self.fingerprint)

    def ctc_head(self) -> None:
        """It writes no letters."""

    def export(self, cache: Path) -> None:
        """Write the network for ONNX Runtime; it must be computed in float.

        Raises:
            AttuneError: if that cannot be done here.
        """
        silence = self._spectrogram(np.zeros(SAMPLE_RATE, np.float32))
        ort.export(self._part, silence, ort.place(cache, self.fingerprint), Length.FIXED)

    def _hear(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        heard = max(1, -(-len(samples) // HOP))
        return np.ascontiguousarray(self._run(self._spectrogram(samples))[:heard])


class _Frames(nn.Module):
    """A network whose only output is its frames."""

    def __init__(self, body: Any) -> None:
        super().__init__()
        self.body = body

    def forward(self, given: Tensor) -> Tensor:
        """From (1, n_mels, n_columns) to (1, n_frames, dim)."""
        return self.body(given).last_hidden_state


def _spectrogram(n_mels: int, seconds: int) -> Network:
    """From samples to what the network takes, log-mel (n_mels, n_columns), filled with silence."""
    from transformers import WhisperFeatureExtractor  # noqa: PLC0415 - slow to import

    extractor: Any = WhisperFeatureExtractor(feature_size=n_mels, chunk_length=seconds)

    def hear(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        found = extractor(samples, sampling_rate=SAMPLE_RATE, return_tensors="np")
        return found.input_features[0]

    return hear
