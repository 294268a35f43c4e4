from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

from assistant.config import EncodeSettings, starter_dir
from assistant.encode.encoder import Weighs, open_encoder
from assistant.encode.wav2vec2 import NGRAM, Wav2Vec2Encoder
from assistant.errors import EncoderError
from assistant.nets.calibration import LETTERS
from assistant.nets.ngram import ALPHABET
from assistant.values import SAMPLE_RATE, EndReason, Utterance
from tests.encode.sounds import NOW, examples
from tests.encode.tiny import BASE, HIDDEN, HOP, SMALL, write
from tests.settings import block


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("base"), BASE)


@pytest.fixture
def folder(small: Path, tmp_path: Path) -> Path:
    """A folder of the test's own, to be damaged."""
    return shutil.copytree(small, tmp_path / "encoder")


def encoder(folder: Path, **changes: object) -> Wav2Vec2Encoder:
    return Wav2Vec2Encoder(block(EncodeSettings, path=folder, **changes))


def utterance(n_samples: int, seed: int = 0) -> Utterance:
    """Noise whose loudness and colour change, off centre."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(n_samples) * np.linspace(0.01, 0.3, n_samples) + 0.05
    tone = 0.2 * np.sin(np.linspace(0, 0.05, n_samples) * np.arange(n_samples))
    return Utterance((noise + tone).astype(np.float32).clip(-1, 1), NOW, EndReason.SILENCE)


def theirs(folder: Path, samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], str]:
    """Hidden states and greedy text as transformers itself makes them."""
    model = Wav2Vec2ForCTC.from_pretrained(folder).eval()
    inputs = Wav2Vec2FeatureExtractor(do_normalize=True)(
        samples, sampling_rate=SAMPLE_RATE, return_tensors="pt"
    )
    with torch.inference_mode():
        output = model(inputs.input_values, output_hidden_states=True)
        hidden = model.wav2vec2(inputs.input_values).last_hidden_state
    tokenizer = Wav2Vec2CTCTokenizer(str(folder / "vocab.json"))
    text = tokenizer.decode(output.logits[0].argmax(-1).tolist(), skip_special_tokens=True)
    return hidden[0].numpy(), " ".join(text.lower().split())


def test_what_was_said_weighs_most() -> None:
    bundled = open_encoder(block(EncodeSettings, path=starter_dir() / "encoder"))
    assert isinstance(bundled, Weighs)
    features = bundled.encode(Utterance(examples()[1], NOW, EndReason.SILENCE))
    texts = ["what day is it please", "what time is it please", "set a timer", "what time is it"]
    weights = bundled.weigh(features, texts)
    assert texts[int(weights.argmax())] == "what time is it please"
    assert -1 < weights.max() <= 0


@pytest.mark.parametrize("style", ["small", "base"])
def test_features_and_transcript_are_those_of_transformers(
    style: str, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(style)
    ours = encoder(folder)
    for seed, n_samples in enumerate((16_000, 23_457)):
        heard = utterance(n_samples, seed)
        features = ours.encode(heard)
        frames, text = theirs(folder, heard.samples)
        np.testing.assert_allclose(features.frames, frames, atol=1e-4)
        assert features.transcript.text == text
        assert len(text) > 3
        assert features.frames.shape[1] == ours.dim == HIDDEN
        assert features.frame_rate == SAMPLE_RATE / HOP
        assert features.encoder == ours.fingerprint


def test_loudness_and_offset_make_no_difference(small: Path) -> None:
    heard = utterance(16_000)
    quieter = Utterance(heard.samples * np.float32(0.25) + np.float32(0.1), NOW, EndReason.STOP)
    ours = encoder(small)
    np.testing.assert_allclose(ours.encode(quieter).frames, ours.encode(heard).frames, atol=1e-3)


def test_words_lie_in_order_within_the_recording(base: Path) -> None:
    heard = utterance(40_000)
    transcript = encoder(base).encode(heard).transcript
    assert transcript.text == " ".join(word.text for word in transcript.words)
    times = [time for word in transcript.words for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= heard.seconds
    assert all(0 < word.confidence <= 1 for word in transcript.words)
    confidences = [word.confidence for word in transcript.words]
    assert transcript.confidence == pytest.approx(LETTERS(confidences))


def test_nothing_said_has_no_confidence(tmp_path: Path) -> None:
    transcript = encoder(write(tmp_path, says="<pad>")).encode(utterance(16_000)).transcript
    assert (transcript.text, transcript.confidence, transcript.words) == ("", 0.0, ())


def test_symbols_that_are_no_letters_are_not_read(tmp_path: Path) -> None:
    assert encoder(write(tmp_path, says="<unk>")).encode(utterance(9_000)).transcript.text == ""


@pytest.mark.parametrize("n_samples", [0, 1, 300])
def test_an_utterance_shorter_than_the_receptive_field_gives_a_frame(
    n_samples: int, base: Path
) -> None:
    heard = Utterance(np.full(n_samples, 0.1, np.float32), NOW, EndReason.STOP)
    features = encoder(base).encode(heard)
    assert features.frames.shape == (1, HIDDEN)
    assert np.isfinite(features.frames).all()


def test_fingerprint_is_stable_and_changes_with_one_weight(small: Path, folder: Path) -> None:
    assert encoder(small).fingerprint == encoder(folder).fingerprint
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.bias"][3] += 1e-3
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert encoder(small).fingerprint != encoder(folder).fingerprint


def test_what_training_alone_uses_may_be_missing(small: Path, folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["wav2vec2.masked_spec_embed"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert encoder(folder).fingerprint == encoder(small).fingerprint


def test_an_ngram_beside_the_weights_reads_what_can_be_written(folder: Path) -> None:
    greedy = encoder(folder).encode(utterance(16_000)).transcript
    e, others = ALPHABET.index("e"), len(ALPHABET) - 1
    log_probs = np.full(len(ALPHABET), np.log(1e-9 / others), np.float32)
    log_probs[e] = 0
    tables: dict[str, Any] = {
        "ngrams": np.arange(1, len(ALPHABET) + 1, dtype=np.int64) | 32,
        "log_probs": log_probs,
        "log_backoffs": np.zeros(len(ALPHABET), np.float32),
        "order": np.array([1]),
    }
    save_file({name: torch.as_tensor(each) for name, each in tables.items()}, folder / NGRAM)
    only_e = encoder(folder, ngram_weight=50.0).encode(utterance(16_000)).transcript
    assert set(greedy.text) - {"e"}
    assert not set(only_e.text) - {"e"}
    assert encoder(folder, ngram_weight=0.0).encode(utterance(16_000)).transcript == greedy


def _without_vocabulary(folder: Path) -> None:
    (folder / "vocab.json").unlink()


def _vocabulary_of(*symbols: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        places = {symbol: place for place, symbol in enumerate(symbols)}
        (folder / "vocab.json").write_text(json.dumps(places), encoding="utf-8")

    return damage


def _vocabulary_is_a_list(folder: Path) -> None:
    (folder / "vocab.json").write_text("[1, 2]", encoding="utf-8")


def _truncated(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5_000])


def _pickled(folder: Path) -> None:
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()


def _without_head(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _configured(**changes: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        (folder / "config.json").write_text(json.dumps(config | changes), encoding="utf-8")

    return damage


def _damaged_ngram(folder: Path) -> None:
    (folder / NGRAM).write_bytes(b"no n-gram")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (shutil.rmtree, r"No speech encoder in .*: vocab\.json is missing\. Set encode\.path"),
        (
            _without_vocabulary,
            r"No speech encoder in .*: vocab\.json is missing\. Set encode\.path",
        ),
        (_vocabulary_of("<pad>", "A"), r"is not the vocabulary of a CTC encoder"),
        (_vocabulary_is_a_list, r"is not the vocabulary of a CTC encoder"),
        (_vocabulary_of("<pad>", "|", "A"), r"writes 32 symbols but its vocab\.json has 3;"),
        (_truncated, r"Cannot load the speech encoder .* with safetensors weights\.$"),
        (_pickled, r"Cannot load the speech encoder .* with safetensors weights\.$"),
        (_configured(hidden_size=32), r"Cannot load the speech encoder"),
        (_configured(pad_token_id=None), r"needs pad_token_id"),
        (_without_head, r"lacks 1 weights, lm_head\.weight among them"),
        (_damaged_ngram, r"The character n-gram .* is damaged"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_in_one_line(
    damage: Callable[[Path], None], told: str, folder: Path
) -> None:
    damage(folder)
    with pytest.raises(EncoderError, match=told) as raised:
        encoder(folder)
    assert "\n" not in str(raised.value)


def test_sizes_are_those_of_base_960h() -> None:
    assert np.prod(BASE["conv_stride"]) == np.prod(SMALL["conv_stride"]) == HOP
