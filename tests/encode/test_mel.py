from __future__ import annotations

import numpy as np
import pytest
from transformers import WhisperFeatureExtractor

from assistant.encode.mel import LogMel
from assistant.values import SAMPLE_RATE
from tests.encode.sounds import examples, utterance


@pytest.mark.parametrize("n_mels", [80, 128])
@pytest.mark.parametrize("seconds", [5, 16, 30])
def test_columns_are_those_of_transformers(n_mels: int, seconds: int) -> None:
    n_samples = seconds * SAMPLE_RATE
    extractor = WhisperFeatureExtractor(feature_size=n_mels, chunk_length=seconds)
    for samples in (*examples()[:2], utterance(40_123).samples):
        padded = np.pad(samples, (0, n_samples - len(samples)))
        ours = LogMel(n_mels)(padded)
        theirs = extractor(padded, sampling_rate=SAMPLE_RATE, return_tensors="np")
        assert ours.shape == (n_mels, n_samples // 160)
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs["input_features"][0], atol=1e-4)


def test_silence_is_even() -> None:
    columns = LogMel(80)(np.zeros(SAMPLE_RATE, np.float32))
    assert columns.shape == (80, 100)
    assert np.ptp(columns) == 0.0
    assert np.isfinite(columns).all()


def test_what_is_80_db_below_the_loudest_is_as_good_as_silent() -> None:
    columns = LogMel(80)(examples()[0])
    assert np.ptp(columns) == pytest.approx(2.0)
