from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from assistant.audio.resample import to_int16
from assistant.config import EncodeSettings, ListenSettings, starter_dir
from assistant.encode.end_of_request import ENDS, EndOfRequest, load_ends
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.errors import EncoderError
from assistant.listen.pauses import Pauses
from assistant.listen.segment import segment, voiced
from assistant.nets.ends import Ends
from assistant.values import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame
from models.recipe.ends import count_ends
from tests.encode.sounds import examples, said
from tests.encode.tiny import BASE, write


def test_the_transcript_so_far_is_judged(tmp_path: Path) -> None:
    encoder = Wav2Vec2Encoder(EncodeSettings.model_validate({"path": write(tmp_path, says="A")}))
    ends = Ends(count_ends(["a", "b a"], least=1, faith=0.1, apart=0.0))
    rarely = Ends(count_ends(["a b", "b a b"], least=1, faith=0.1, apart=0.0))
    samples = np.random.default_rng(0).standard_normal(8_000).astype(np.float32)
    assert (EndOfRequest(encoder, ends)(samples) or 0.0) > 0.9
    assert (EndOfRequest(encoder, rarely)(samples) or 1.0) < 0.1


def test_a_sound_without_words_is_no_finished_request(tmp_path: Path) -> None:
    encoder = Wav2Vec2Encoder(
        EncodeSettings.model_validate({"path": write(tmp_path, says="<pad>")})
    )
    ends = Ends(count_ends(["a"], least=1, faith=0.1, apart=0.0))
    assert EndOfRequest(encoder, ends)(np.zeros(1_000, np.float32)) == 0.0


def test_what_was_encoded_in_the_pause_before_the_end_is_not_encoded_again(tmp_path: Path) -> None:
    encoder = Wav2Vec2Encoder(EncodeSettings.model_validate({"path": write(tmp_path, BASE)}))
    silence = np.zeros(3 * SAMPLE_RATE // 2, np.float32)
    recording = np.concatenate([piece for each in examples() for piece in (each, silence)])
    frames = [
        AudioFrame(to_int16(recording[start : start + FRAME_SAMPLES]), start / SAMPLE_RATE)
        for start in range(0, len(recording) - FRAME_SAMPLES, FRAME_SAMPLES)
    ]
    finished = EndOfRequest(encoder, None)
    listen = ListenSettings.model_validate({})
    ahead = 0
    for utterance in segment(
        frames, voiced(2), listen, pauses=Pauses(listen), complete=finished, source="replay"
    ):
        found = finished.features(utterance)
        if found is not None:
            ahead += 1
            np.testing.assert_array_equal(found.frames, encoder.encode(utterance).frames)
        assert finished.features(utterance) is None
    assert ahead >= 5


def test_features_of_something_else_are_not_given(tmp_path: Path) -> None:
    encoder = Wav2Vec2Encoder(EncodeSettings.model_validate({"path": write(tmp_path)}))
    finished = EndOfRequest(encoder, None)
    samples = np.random.default_rng(0).standard_normal(8_000).astype(np.float32)
    assert finished(samples[:6_000]) is None
    assert finished.features(said(samples)) is None
    finished(samples)
    assert finished.features(said(samples)) is not None


def test_the_starter_knows_where_requests_end() -> None:
    ends = load_ends(starter_dir())
    assert ends is not None
    for done, open_ in (
        ("what time is it please", "what time"),
        ("turn on the kitchen light", "turn on the"),
        ("my daughter is coming to visit me", "my daughter is coming to"),
        ("i feel a little lonely today", "i feel a"),
        ("i would like to go to sleep", "i would like to"),
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
