from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from assistant.config import EncodeSettings, starter_dir
from assistant.encode.finished import ENDS, Finished, load_ends
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.errors import EncoderError
from assistant.nets.ends import Ends
from models.recipe.ends import count_ends
from tests.encode.tiny import write


def test_the_transcript_so_far_is_judged(tmp_path: Path) -> None:
    encoder = Wav2Vec2Encoder(EncodeSettings.model_validate({"path": write(tmp_path, says="A")}))
    ends = Ends(count_ends(["a", "b a"], least=1, faith=0.1, apart=0.0))
    rarely = Ends(count_ends(["a b", "b a b"], least=1, faith=0.1, apart=0.0))
    samples = np.random.default_rng(0).standard_normal(8_000).astype(np.float32)
    assert Finished(encoder, ends)(samples) > 0.9
    assert Finished(encoder, rarely)(samples) < 0.1


def test_a_sound_without_words_is_no_finished_request(tmp_path: Path) -> None:
    encoder = Wav2Vec2Encoder(
        EncodeSettings.model_validate({"path": write(tmp_path, says="<pad>")})
    )
    ends = Ends(count_ends(["a"], least=1, faith=0.1, apart=0.0))
    assert Finished(encoder, ends)(np.zeros(1_000, np.float32)) == 0.0


def test_the_starter_knows_where_requests_end() -> None:
    ends = load_ends(starter_dir() / "encoder")
    assert ends is not None
    for done, open_ in (
        ("what time is it please", "what time"),
        ("turn on the kitchen light", "turn on the"),
        ("my daughter is coming to visit me", "my daughter is coming to"),
        ("i feel a little lonely today", "i feel a"),
    ):
        assert ends.after(done) > 0.3
        assert ends.after(open_) < 0.1


def test_an_encoder_without_a_table_is_fine_and_a_damaged_table_is_told(tmp_path: Path) -> None:
    assert load_ends(tmp_path) is None
    path = tmp_path / ENDS
    path.write_bytes(b"no table")
    with pytest.raises(EncoderError, match="is damaged") as caught:
        load_ends(tmp_path)
    assert str(path) in str(caught.value)
    save_file({"suffixes": np.array([1])}, path)
    with pytest.raises(EncoderError, match="is damaged"):
        load_ends(tmp_path)
