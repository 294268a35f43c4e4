"""The paper's Fig. 5: memory of three kinds of encoders, and how fast a naive MLP learns from them.

Where no folder with trained weights is given, Whisper and AudioLDM are built at their true size
with random weights: their memory is then what it is, and the learning curve only that of random
features, which the row says. wav2vec2's memory is that of base-960h's sizes as Attune computes it;
the wav2vec2 of the curve is the bundled one.
"""

from __future__ import annotations

import gc
import multiprocessing
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from assistant.bridge.batch import seed
from assistant.bridge.kinds import build
from assistant.config import EncodeSettings
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.generate.vocabulary import vocabulary
from assistant.nets import embedlink
from assistant.nets.projector_config import ProjectorConfig
from assistant.values import SAMPLE_RATE, EndReason, Utterance
from bench.paper import corpora, training
from bench.paper.cells import Cell, Place
from bench.paper.methods import SLOTS
from bench.paper.training import Point
from bench.sizes.speech import TOY, write_encoder

EPOCHS = 1_000
"""As in the paper's figure."""

MEASURED = 20
"""Utterances that memory is measured on."""

Encode = Callable[[NDArray[np.float32]], Tensor]
"""Samples, mono 16 kHz, to features (n_frames, dim)."""


def measure(cell: Cell, place: Place) -> dict[str, Any]:
    """Peak memory of an encoder while it encodes, its shape, and a naive MLP's learning curve."""
    torch.set_num_threads(1)
    corpus = corpora.load(place.out / "corpora" / f"{cell.corpus}.safetensors", place.size)
    waves = [each.utterance.samples for each in corpus.train]
    folder = {"whisper": place.whisper, "audioldm": place.audioldm}.get(cell.method)
    if cell.method == "wav2vec2":
        folder = _written(place.out / "wav2vec2-base", {} if place.steps is None else TOY)
    gc.collect()
    before_mb = psutil.Process().memory_info().rss / 2**20
    full_size = _FULL_SIZE[cell.method](folder)
    with torch.inference_mode():
        shapes = [full_size(wave).shape for wave in waves[:MEASURED]]
    peak_mb = training.peak_mb()
    if cell.method == "wav2vec2":
        features = [torch.tensor(each.pair.features.frames) for each in corpus.train]
    else:
        with torch.inference_mode():
            features = [full_size(wave) for wave in waves]
    with vocabulary(place.gguf) as language:
        wanted = [
            embedlink.cast(language.tokens(each.pair.text), SLOTS, language.pad)
            for each in corpus.train
        ]
    points = _learn(features, wanted, min(EPOCHS, place.epochs * 5 // 2), cell.seed)
    return {
        "encoder": {
            "before_mb": before_mb,
            "peak_mb": peak_mb,
            "frames": shapes[0][0],
            "dim": shapes[0][1],
            "trained": cell.method == "wav2vec2" or folder is not None,
        },
        "course": {"points": [asdict(point) for point in points]},
    }


def _learn(
    features: Sequence[Tensor], wanted: Sequence[Sequence[int]], epochs: int, number: int
) -> list[Point]:
    """Cross-entropy of a naive MLP that says each slot's token, epoch by epoch."""
    tokens = sorted({token for each in wanted for token in each})
    places = {token: at for at, token in enumerate(tokens)}
    labels = torch.tensor([[places[token] for token in each] for each in wanted])
    lengths = torch.tensor([len(each) for each in features])
    frames = nn.utils.rnn.pad_sequence(list(features), batch_first=True)
    frames = (frames - frames.mean()) / frames.std()
    seed(number)
    network = build(
        ProjectorConfig(kind="mlp", encoder_dim=frames.shape[2], llm_dim=len(tokens), slots=SLOTS)
    )
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    points: list[Point] = []
    began = time.process_time()
    for epoch in range(1, epochs + 1):
        logits = network(frames, lengths)
        loss = functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        points.append(Point(epoch, float(loss.detach()), time.process_time() - began))
    return points


def _written(folder: Path, sizes: dict[str, Any]) -> Path:
    """An encoder with random weights, made by another process so that this one's memory is clean.

    Raises:
        RuntimeError: if it could not be made.
    """
    process = multiprocessing.get_context("spawn").Process(
        target=write_encoder, args=(folder, sizes)
    )
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"no encoder in {folder}")
    return folder


def _wav2vec2(folder: Path | None) -> Encode:
    encoder = Wav2Vec2Encoder(EncodeSettings.model_validate({"path": folder, "threads": 1}))

    def encode(wave: NDArray[np.float32]) -> Tensor:
        said = Utterance(wave, datetime.now(timezone.utc), EndReason.STOP)
        return torch.tensor(encoder.encode(said).frames)

    return encode


def _whisper(folder: Path | None) -> Encode:
    from transformers import (  # noqa: PLC0415 - slow to import
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperModel,
    )

    if folder is None:
        config = WhisperConfig(  # of whisper-base
            d_model=512, encoder_layers=6, encoder_attention_heads=8, encoder_ffn_dim=2048,
            decoder_layers=1, decoder_attention_heads=8, decoder_ffn_dim=2048,
        )  # fmt: skip
        model: Any = WhisperModel(config)
    else:
        model = WhisperModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    encoder = model.get_encoder().eval()
    del model
    spectrum = WhisperFeatureExtractor()

    def encode(wave: NDArray[np.float32]) -> Tensor:
        mels = spectrum(wave, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features
        return encoder(mels).last_hidden_state[0]

    return encode


def _audioldm(folder: Path | None) -> Encode:
    from transformers.audio_utils import mel_filter_bank, spectrogram  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of diffusers about packages that are not needed here
        from diffusers.models.autoencoders.autoencoder_kl import (  # noqa: PLC0415 - slow to import
            AutoencoderKL,
        )

        kind: Any = AutoencoderKL  # whose own types are too narrow

        if folder is None:
            model = kind(  # of audioldm-s-full-v2
                in_channels=1, out_channels=1, latent_channels=8,
                block_out_channels=(128, 256, 512), layers_per_block=2,
                down_block_types=("DownEncoderBlock2D",) * 3,
                up_block_types=("UpDecoderBlock2D",) * 3,
            )  # fmt: skip
        else:
            model = kind.from_pretrained(
                folder, subfolder="vae", local_files_only=True, use_safetensors=True
            )
    model.eval()
    filters = mel_filter_bank(513, 64, 0.0, 8_000.0, SAMPLE_RATE, norm="slaney", mel_scale="slaney")
    window = np.hanning(1_025)[:-1]

    def encode(wave: NDArray[np.float32]) -> Tensor:
        mels = spectrogram(
            wave, window, 1_024, 160, power=1.0, mel_filters=filters, mel_floor=1e-5, log_mel="log"
        )
        columns = mels.shape[1] // 4 * 4  # the encoder halves twice
        image = torch.as_tensor(mels[:, :columns].T.astype(np.float32))[None, None]
        latent = model.encode(image).latent_dist.mean[0]  # (8, n_frames, 16)
        return latent.permute(1, 0, 2).flatten(1)

    return encode


_FULL_SIZE: dict[str, Callable[[Path | None], Encode]] = {
    "wav2vec2": _wav2vec2,
    "whisper": _whisper,
    "audioldm": _audioldm,
}
