from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.config import EncodeSettings, starter_dir
from assistant.encode.encoder import Encoder, open_encoder
from assistant.encode.windows import OVERLAP_S, Windows
from assistant.listen.recordings import load
from assistant.values import SAMPLE_RATE
from tests.encode import tiny
from tests.encode.sounds import cosine, said, utterance
from tests.settings import block

SMALL = Windows(length=10, overlap=4, hop=3)


def places(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Frames that say where they begin; like a convolution's, they need some samples more."""
    return samples[: max(1, len(samples) - 2) : SMALL.hop, None]


@pytest.mark.parametrize("n_samples", [1, 29, 30, 31, 45, 47, 48, 49, 100, 301])
def test_joined_windows_have_each_frame_once_and_in_order(n_samples: int) -> None:
    samples = np.arange(n_samples, dtype=np.float32)
    np.testing.assert_array_equal(SMALL.encode(samples, places), places(samples))


def test_each_half_of_an_overlap_comes_from_the_window_it_lies_further_inside() -> None:
    window = iter(range(10))

    def numbered(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.full((len(places(samples)), 1), next(window), np.float32)

    frames = SMALL.encode(np.zeros(66, np.float32), numbered)[:, 0]
    assert frames.tolist() == [0] * 8 + [1] * 6 + [2] * 8


def test_no_window_is_longer_than_was_said_and_neighbours_overlap() -> None:
    samples = np.arange(1_000, dtype=np.float32)
    cut = list(SMALL.cut(samples))
    assert max(map(len, cut)) == SMALL.length * SMALL.hop
    for before, after in pairwise(cut):
        assert before[-SMALL.overlap * SMALL.hop] == after[0]
    assert cut[-1][-1] == samples[-1]


def test_windows_are_as_long_as_the_seconds() -> None:
    windows = Windows.of(20.0, 50.0)
    assert (windows.length, windows.overlap) == (1_000, OVERLAP_S * 50)


def opened(folder: Path, window_s: float) -> Encoder:
    return open_encoder(block(EncodeSettings, path=folder, window_s=window_s))


@pytest.mark.parametrize("sizes", [tiny.SMALL, tiny.BASE, tiny.LARGE], ids=["s", "b", "l"])
def test_a_long_utterance_gives_the_frames_of_one_pass(
    sizes: dict[str, object], tmp_path: Path
) -> None:
    folder = tiny.write(tmp_path, sizes)
    heard = utterance(26 * SAMPLE_RATE + 123)
    windowed = opened(folder, 10.0).encode(heard)
    whole = opened(folder, 60.0).encode(heard)
    assert windowed.frames.shape == whole.frames.shape
    assert not np.array_equal(windowed.frames, whole.frames)
    assert cosine(windowed.frames, whole.frames).min() > 0.999


def test_the_starter_hears_in_windows_what_it_hears_in_one_pass() -> None:
    # in voices that this encoder hears well
    paths = sorted((Path(__file__).parent / "recordings").glob("*.flac"))
    recording = np.concatenate([load(path) for path in paths])[: 24 * SAMPLE_RATE]
    settings = {"path": starter_dir() / "encoder", "ngram_weight": 0.0}
    windowed = open_encoder(block(EncodeSettings, **settings)).encode(said(recording))
    settings["window_s"] = 60.0
    whole = open_encoder(block(EncodeSettings, **settings)).encode(said(recording))
    alike = cosine(windowed.frames, whole.frames)
    assert 0.99 < np.mean(alike) < 1.0
    ours, theirs = windowed.transcript.text.split(), whole.transcript.text.split()
    assert len(set(theirs) - set(ours)) <= 1
