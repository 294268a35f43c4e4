from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Wav2Vec2FeatureExtractor, WhisperFeatureExtractor, WhisperModel

from assistant.config import EncodeSettings
from assistant.encode.encoder import open_encoder
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.encode.whisper import HOP, WhisperEncoder, pieces
from assistant.errors import EncoderError
from assistant.values import SAMPLE_RATE
from tests.encode import tiny
from tests.encode.sounds import said, utterance

SOUND = "preprocessor_config.json"


def settings(folder: Path, **changes: object) -> EncodeSettings:
    return EncodeSettings.model_validate({"path": folder, **changes})


def prepared(folder: Path, **how: object) -> None:
    """Say how the folder wants its sound."""
    (folder / SOUND).write_text(json.dumps(how), encoding="utf-8")


KINDS = {
    "wav2vec2 base": ("wav2vec2", tiny.BASE, {"do_normalize": True}),
    "wav2vec2 large": (
        "wav2vec2",
        tiny.LARGE,
        {"do_normalize": True, "return_attention_mask": True},
    ),
    "hubert base": ("hubert", tiny.BASE, {"do_normalize": True}),
    "hubert large": (
        "hubert",
        tiny.LARGE,
        {"do_normalize": True, "return_attention_mask": True},
    ),
    "hubert with batch norm": (
        "hubert",
        {**tiny.BASE, "conv_pos_batch_norm": True},
        {"do_normalize": True},
    ),
    "wavlm base": ("wavlm", tiny.BASE, {"do_normalize": False}),
    "wavlm large": ("wavlm", tiny.LARGE, {"do_normalize": True, "return_attention_mask": True}),
}


@pytest.mark.filterwarnings("ignore:Support for mismatched")  # WavLM's mask, in theirs
@pytest.mark.parametrize("kind", KINDS)
def test_each_family_gives_the_features_of_transformers(kind: str, tmp_path: Path) -> None:
    family, sizes, how = KINDS[kind]
    folder = tiny.write(tmp_path, sizes, family=family)
    prepared(folder, **how)
    heard = utterance(23_457)
    ours = open_encoder(settings(folder))
    features = ours.encode(heard)

    model: Any = tiny.FAMILIES[family][1].from_pretrained(folder).eval()
    given = Wav2Vec2FeatureExtractor(**how)(
        heard.samples, sampling_rate=SAMPLE_RATE, return_tensors="pt"
    )
    with torch.inference_mode():
        theirs = model.base_model(**given).last_hidden_state[0]
        logits = model(**given).logits[0]
    np.testing.assert_allclose(features.frames, theirs.numpy(), atol=1e-4)
    head = ours.ctc_head()
    assert head is not None
    np.testing.assert_allclose(
        torch.from_numpy(features.frames.copy()) @ head[0].T + head[1], logits, atol=1e-3
    )
    assert ours.spelling is not None
    assert features.transcript == ours.spelling.transcript(logits.numpy())
    assert len(features.transcript.text) > 3


def test_a_model_that_was_not_trained_on_normalised_sound_hears_it_as_it_is(
    tmp_path: Path,
) -> None:
    folder = tiny.write(tmp_path, tiny.LARGE, family="wavlm")
    heard = utterance(16_000)
    quieter = said(heard.samples * np.float32(0.2))
    for normalises in (False, True):
        prepared(folder, do_normalize=normalises)
        ours = open_encoder(settings(folder))
        same = np.allclose(ours.encode(heard).frames, ours.encode(quieter).frames, atol=1e-3)
        assert same is normalises


def test_how_sound_is_prepared_may_stand_in_the_processors_file(tmp_path: Path) -> None:
    folder = tiny.write(tmp_path)
    told = {"feature_extractor": {"do_normalize": False}}
    (folder / "processor_config.json").write_text(json.dumps(told), encoding="utf-8")
    ours = Wav2Vec2Encoder(settings(folder))
    samples = utterance(16_000).samples
    np.testing.assert_array_equal(ours.normalise(samples), samples)


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_whisper(tmp_path_factory.mktemp("whisper"))


def test_whisper_gives_the_frames_in_which_there_was_sound(whisper: Path) -> None:
    heard = utterance(2 * SAMPLE_RATE + 100)
    ours = open_encoder(settings(whisper))
    features = ours.encode(heard)
    model: Any = WhisperModel.from_pretrained(whisper).eval()
    mels = WhisperFeatureExtractor(chunk_length=tiny.WHISPER_S)(
        heard.samples, sampling_rate=SAMPLE_RATE, return_tensors="pt"
    )
    with torch.inference_mode():
        theirs = model.get_encoder()(mels.input_features).last_hidden_state[0].numpy()
    assert theirs.shape == (tiny.WHISPER_S * 50, tiny.HIDDEN)
    assert features.frames.shape == (101, tiny.HIDDEN)
    np.testing.assert_allclose(features.frames, theirs[:101], atol=1e-4)
    assert (features.frame_rate, ours.dim) == (50.0, tiny.HIDDEN)


def test_whisper_writes_nothing(whisper: Path) -> None:
    ours = open_encoder(settings(whisper))
    transcript = ours.encode(utterance(16_000)).transcript
    assert (transcript.text, transcript.confidence, transcript.words) == ("", 0.0, ())
    assert ours.spelling is None
    assert ours.ctc_head() is None


def test_whisper_hears_what_is_longer_than_its_window(whisper: Path) -> None:
    ours = open_encoder(settings(whisper))
    heard = utterance(11 * SAMPLE_RATE)
    cut = list(pieces(heard.samples, tiny.WHISPER_S))
    assert len(cut) >= 3
    assert np.array_equal(np.concatenate([samples for _, samples in cut]), heard.samples)
    assert max(len(samples) for _, samples in cut) <= tiny.WHISPER_S * SAMPLE_RATE
    frames = ours.encode(heard).frames
    assert frames.shape == (11 * 50, tiny.HIDDEN)
    for begins_at, samples in cut:
        there = frames[round(begins_at * 50) :][: len(samples) // HOP]
        alone = ours.encode(said(samples)).frames[: len(there)]
        np.testing.assert_allclose(there, alone, atol=1e-5)
    assert ours.encode(said(np.zeros(0, np.float32))).frames.shape == (1, tiny.HIDDEN)


def test_the_decoder_does_not_count_for_whispers_fingerprint(whisper: Path, tmp_path: Path) -> None:
    folder = tiny.write_whisper(tmp_path)
    weights = load_file(folder / "model.safetensors")
    weights["model.decoder.layer_norm.bias"] += 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert open_encoder(settings(folder)).fingerprint == open_encoder(settings(whisper)).fingerprint
    weights["model.encoder.layer_norm.bias"] += 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert open_encoder(settings(folder)).fingerprint != open_encoder(settings(whisper)).fingerprint


def test_the_folder_says_which_encoder_it_is(whisper: Path, tmp_path: Path) -> None:
    assert isinstance(open_encoder(settings(whisper)), WhisperEncoder)
    assert isinstance(open_encoder(settings(tiny.write(tmp_path))), Wav2Vec2Encoder)


def test_an_encoder_of_another_kind_is_refused(tmp_path: Path) -> None:
    folder = tiny.write(tmp_path)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["model_type"] = "data2vec-audio"
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(EncoderError, match="a data2vec-audio model, which Attune cannot run"):
        open_encoder(settings(folder))


def test_weights_in_several_files_and_with_former_names_are_the_same(tmp_path: Path) -> None:
    whole, parts = tiny.write(tmp_path / "whole"), tiny.write(tmp_path / "parts")
    weights = load_file(parts / "model.safetensors")
    conv = "wav2vec2.encoder.pos_conv_embed.conv"
    for former, now in (("weight_g", "original0"), ("weight_v", "original1")):
        weights[f"{conv}.{former}"] = weights.pop(f"{conv}.parametrizations.weight.{now}")
    names = sorted(weights)
    files = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for file, its in files.items():
        save_file({name: weights[name] for name in its}, parts / file, metadata={"format": "pt"})
    index = {"weight_map": {name: file for file, its in files.items() for name in its}}
    (parts / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    (parts / "model.safetensors").unlink()
    ours, theirs = open_encoder(settings(parts)), open_encoder(settings(whole))
    assert ours.fingerprint == theirs.fingerprint
    heard = utterance(16_000)
    np.testing.assert_array_equal(ours.encode(heard).frames, theirs.encode(heard).frames)


def test_files_that_say_nothing_readable_are_refused(tmp_path: Path) -> None:
    for name, text in (("config.json", "{"), ("config.json", "[]"), (SOUND, "no JSON")):
        folder = tiny.write(tmp_path / "encoder")
        (folder / name).write_text(text, encoding="utf-8")
        with pytest.raises(EncoderError, match=f"{name}.*Fetch the folder again"):
            open_encoder(settings(folder))
        (folder / name).unlink()
    with pytest.raises(EncoderError, match=r"config\.json is missing. Set encode\.path"):
        open_encoder(settings(tmp_path))
