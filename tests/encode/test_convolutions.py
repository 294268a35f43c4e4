from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from assistant.config import EncodeSettings
from assistant.encode.convolutions import FrontEnd
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from tests.encode import tiny
from tests.encode.sounds import utterance


@pytest.mark.parametrize("n_samples", [16_000, 16_320, 33_333])
@pytest.mark.parametrize("sizes", [tiny.SMALL, tiny.BASE, tiny.LARGE], ids=["s", "b", "l"])
def test_pieces_give_the_frames_of_one_pass(
    sizes: dict[str, object], n_samples: int, tmp_path: Path
) -> None:
    encoder = Wav2Vec2Encoder(EncodeSettings.model_validate({"path": tiny.write(tmp_path, sizes)}))
    body = encoder.body
    wave = encoder.normalise(utterance(n_samples).samples)
    with torch.inference_mode():
        whole = body.feature_extractor(torch.as_tensor(wave)[None])[0].T.numpy()
    for piece in (1, 5_000, 1 << 20):
        pieces = FrontEnd(body.feature_extractor, body.config, piece)(wave)
        np.testing.assert_allclose(pieces, whole, atol=2e-5)
