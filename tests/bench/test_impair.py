"""Voices made atypical."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.config import starter_dir
from assistant.listen.recordings import load
from assistant.values import SAMPLE_RATE
from bench import impair as bench
from bench.impair import SEVERITIES, impair
from tests.encode.sounds import examples

pytestmark = pytest.mark.skipif(
    find_spec("pyworld") is None,  # it cannot be imported whole where setuptools is new
    reason="it needs Python's headers to be compiled: extra 'impair'",
)


@pytest.fixture(scope="module")
def voice() -> NDArray[np.float32]:
    return examples()[3]


def test_the_same_seed_gives_the_same_samples(voice: NDArray[np.float32]) -> None:
    one, same, other = (impair(voice, "moderate", seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_the_severer_the_slower_and_the_more_blurred(voice: NDArray[np.float32]) -> None:
    found = [impair(voice, severity, 0) for severity in SEVERITIES]
    seconds = [len(each) for each in found]
    assert seconds == sorted(seconds)
    assert seconds[0] > 1.3 * len(voice)

    def movement(samples: NDArray[np.float32]) -> float:
        """How much the shape of the spectrum changes from one 25 ms to the next, where loud."""
        frames = samples[: len(samples) // 400 * 400].reshape(-1, 400) * np.hanning(400)
        spectra = np.log(np.abs(np.fft.rfft(frames))[:, 4:80] + 1e-3)
        loud = spectra.mean(1) > np.quantile(spectra.mean(1), 0.5)
        shape = spectra - spectra.mean(1, keepdims=True)
        return float(np.abs(np.diff(shape, axis=0))[loud[1:]].mean())

    assert movement(found[2]) < movement(found[0]) < movement(voice)


def test_it_stays_sound_that_can_be_played(voice: NDArray[np.float32]) -> None:
    for severity in SEVERITIES:
        found = impair(voice, severity, 3)
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
        assert np.abs(found).max() == pytest.approx(float(np.abs(voice).max()), rel=1e-3)


def test_pauses_come_into_it(voice: NDArray[np.float32]) -> None:
    def quiet_s(samples: NDArray[np.float32]) -> float:
        frames = samples[: len(samples) // 320 * 320].reshape(-1, 320)
        return float((np.abs(frames).max(1) < 0.02).sum()) * 320 / SAMPLE_RATE

    slowness = SEVERITIES["severe"].slowness
    longest = max(quiet_s(impair(voice, "severe", seed)) for seed in range(4))
    assert longest > slowness * quiet_s(voice) + 0.5


@pytest.mark.parametrize("n_samples", [800, 8_000])
def test_silence_and_very_short_sound_are_no_trouble(n_samples: int) -> None:
    assert np.isfinite(impair(np.zeros(n_samples, np.float32), "severe", 0)).all()


def test_a_sample_of_each_severity_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = next((starter_dir() / "examples").glob("1-*.flac"))
    monkeypatch.setattr(
        sys, "argv", ["impair", str(recording), "--out", str(tmp_path / "to listen to")]
    )
    bench.main()
    written = sorted((tmp_path / "to listen to").glob("*.wav"))
    assert [path.stem.rpartition("-")[2] for path in written] == sorted(SEVERITIES)
    assert all(len(load(path)) > len(load(recording)) for path in written)
