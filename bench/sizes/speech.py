"""Utterances of five seconds, and a speech encoder of the true size that reads them.

Its weights are random, but for the last layer: that is fitted so that the letters said are read,
so that as many words reach the language model as would from a trained one.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC
from transformers.utils.logging import disable_progress_bar

from assistant.audio.resample import resample, to_float32
from assistant.config import SpeakSettings, starter_dir
from assistant.speak.espeak import Espeak
from assistant.values import SAMPLE_RATE, EndReason, Utterance

SENTENCES = (
    "what should i cook for my daughter when she comes tonight",
    "i planted some tomatoes and i wonder when to water them",
    "please tell me something nice about the birds in my garden",
)

SECONDS = 5.0

TOY: dict[str, Any] = {
    "num_hidden_layers": 1,
    "intermediate_size": 64,
    "conv_dim": [64] * 7,
    "num_conv_pos_embeddings": 8,
}
"""What differs from wav2vec2-base in a size that is made and run at once; its features are as wide,
else its last layer could not be fitted."""

_START = 0.25  # seconds of silence before the speech
_SURE = 12.0  # logit of what is read, over the others' 0
_RIDGE = 1e-2


def spoken() -> list[Utterance]:
    """The sentences, each filled up with faint noise to five seconds."""
    espeak = Espeak(SpeakSettings.model_validate({"rate_wpm": 170}))
    rng = np.random.default_rng(0)
    found: list[Utterance] = []
    for text in SENTENCES:
        speech = espeak.synthesise(text)
        samples = resample(to_float32(speech.samples), speech.sample_rate, SAMPLE_RATE)
        whole = rng.standard_normal(int(SECONDS * SAMPLE_RATE)) * 5e-4
        start = int(_START * SAMPLE_RATE)
        room = whole[start : start + len(samples)]
        room += samples[: len(room)]
        now = datetime.now(timezone.utc)
        found.append(Utterance(whole.astype(np.float32), now, EndReason.SILENCE, source="bench"))
    return found


def write_encoder(folder: Path, sizes: dict[str, Any], seed: int = 0) -> Path:
    """Write an encoder as transformers does, and return its folder; one that is there stays.

    Args:
        folder: made if it is not there.
        sizes: what differs from wav2vec2-base.
        seed: of the weights.
    """
    if (folder / "vocab.json").exists():  # written last
        return folder
    disable_progress_bar()
    cast("Any", torch).manual_seed(seed)
    symbols: dict[str, int] = json.loads((starter_dir() / "encoder/vocab.json").read_text())
    model = Wav2Vec2ForCTC(Wav2Vec2Config(vocab_size=len(symbols), **sizes)).eval()
    _fit(model, symbols)
    model.save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=False).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps(symbols), encoding="utf-8")
    return folder


@torch.no_grad()
def _fit(model: Any, symbols: dict[str, int]) -> None:
    """Make the last layer read what is said, by least squares over the frames."""
    frames: list[NDArray[np.float64]] = []
    wanted: list[NDArray[np.float64]] = []
    for utterance, text in zip(spoken(), SENTENCES, strict=True):
        samples = utterance.samples
        waves = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
        hidden = model.wav2vec2(torch.as_tensor(waves)[None]).last_hidden_state[0]
        frames.append(hidden.double().numpy())
        wanted.append(_SURE * np.eye(len(symbols))[_labels(text, len(hidden), symbols)])
    x, y = np.concatenate(frames), np.concatenate(wanted)
    x = np.pad(x, ((0, 0), (0, 1)), constant_values=1.0)  # the bias
    solved = np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ y)
    model.lm_head.weight.copy_(torch.as_tensor(solved[:-1].T))
    model.lm_head.bias.copy_(torch.as_tensor(solved[-1]))


def _labels(text: str, frames: int, symbols: dict[str, int]) -> NDArray[np.int64]:
    """A symbol for each frame: the letters evenly over the speech, blank between them."""
    letters = [symbols[letter] for letter in text.upper().replace(" ", "|")]
    start = int(frames * _START / SECONDS)
    step = (frames - 2 * start) // len(letters)
    labels = np.full(frames, symbols["<pad>"])
    labels[start : start + step * len(letters) : step] = letters
    return labels
