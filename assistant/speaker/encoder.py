"""The speaker encoder: what a voice sounds like, whatever it says, as a point on a sphere.

The network is Resemblyzer's (generalised end-to-end loss, three LSTM layers over 40 mel bands): the
bundled file holds its weights, and the mean of many speakers' points, which is subtracted so that
different voices lie at right angles to one another.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType]

from assistant.audio.mel import HOP, WINDOW, Mel
from assistant.errors import EncoderError
from assistant.values import SAMPLE_RATE

LEAST_S = 1.0
"""Shortest voice that says whose it is, in seconds."""

_BANDS = 40
_FRAMES, _STEP = 160, 77  # of a window of the network, and from one to the next
LAYERS = 3
WIDTH = 256
"""Of each layer, and of the vector for a voice."""

_LEVEL = 10 ** (-30 / 20)
"""Root mean square to which quieter sound is raised."""

_DEPTH = 10 ** (-35 / 10)
"""Frames with a smaller share of the power of the loud ones are silence."""

_NOTHING = 1e-7
"""Power of a frame without any sound; the bands have a floor of their own."""

Floats = NDArray[np.float32]


def model_in(folder: Path) -> Path:
    """The file of the encoder in a folder."""
    return folder / "model.safetensors"


class SpeakerEncoder:
    """From sound to a unit vector; the likeness of two voices is the product of their vectors.

    Raises:
        EncoderError: if the file is missing or damaged.
    """

    def __init__(self, path: Path) -> None:
        try:
            weights: dict[str, NDArray[Any]] = load_file(path)
            self._layers = [
                _Layer(
                    *(weights[f"{part}_l{n}"].astype(np.float32) for part in ("ih", "hh", "bias"))
                )
                for n in range(LAYERS)
            ]
            self._projection = weights["projection"].astype(np.float32)
            self._bias = weights["projection_bias"].astype(np.float32)
            self._centre = weights["centre"].astype(np.float32)
        except (OSError, SafetensorError, KeyError) as error:
            raise EncoderError(
                f"The file {path}, by which voices are told apart, cannot be read ({error}). "
                "Install Attune again."
            ) from None
        self._mel = Mel(_BANDS)

    def embed(self, samples: Floats) -> Floats | None:
        """The voice in mono 16 kHz sound (n_samples,) as a vector (256,), unless it is short."""
        mel = self._voiced(samples)
        if len(mel) * HOP < LEAST_S * SAMPLE_RATE:
            return None
        last = max(0, len(mel) - _FRAMES)
        starts = [*range(0, last, _STEP), last]
        mel = np.pad(mel, ((0, max(0, _FRAMES - len(mel))), (0, 0)))
        points = self._points(np.stack([mel[at : at + _FRAMES] for at in starts]))
        return normal(normal(points.mean(axis=0)) - self._centre)

    def _voiced(self, samples: Floats) -> Floats:
        """Mel bands of the frames with a voice in them (n_frames, 40)."""
        if len(samples) < WINDOW:
            return np.empty((0, _BANDS), np.float32)
        level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
        raised = samples * (max(1.0, _LEVEL / max(level, 1e-9)))
        mel = self._mel(raised).T.astype(np.float32)
        power = mel.sum(axis=1)
        return mel[power > max(_NOTHING, _DEPTH * float(np.percentile(power, 95)))]

    def _points(self, mel: Floats) -> Floats:
        """The network: (n_windows, 160, 40) to unit vectors (n_windows, 256)."""
        out = mel
        for layer in self._layers:
            out = layer.run(out)
        found = np.maximum(out[:, -1] @ self._projection.T + self._bias, 0)
        return found / (np.linalg.norm(found, axis=1, keepdims=True) + 1e-9)


def normal(vector: Any) -> Floats:
    """The vector (n,) at length 1."""
    return vector / np.float32(np.linalg.norm(vector) + 1e-9)


class _Layer:
    """An LSTM; gates stand as torch has them: write, keep, candidate, show.

    Args:
        weight_in: (4 * width, inputs).
        weight_back: (4 * width, width).
        bias: (4 * width,).
    """

    def __init__(self, weight_in: Floats, weight_back: Floats, bias: Floats) -> None:
        self._in, self._back = (
            np.ascontiguousarray(weight_in.T),
            np.ascontiguousarray(weight_back.T),
        )
        self._bias = bias

    def run(self, given: Floats) -> Floats:
        """What it makes of (n, time, inputs): (n, time, width)."""
        n, length, _ = given.shape
        width = len(self._back)
        driven = given @ self._in + self._bias
        out = np.empty((n, length, width), np.float32)
        state: Floats = np.zeros((n, width), np.float32)
        cell = state
        for at in range(length):
            gates = cast("Floats", driven[:, at] + state @ self._back)
            write, keep, candidate, show = gates.reshape(n, 4, width).swapaxes(0, 1)
            cell = _logistic(keep) * cell + _logistic(write) * np.tanh(candidate)
            state = _logistic(show) * np.tanh(cell)
            out[:, at] = state
        return out


def _logistic(given: Floats) -> Floats:
    return cast("Floats", 0.5 + 0.5 * np.tanh(0.5 * given))
