"""wav2vec2 through transformers: features and transcript in one pass."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType]

from assistant.config import EncodeSettings
from assistant.errors import EncoderError
from assistant.nets import ctc
from assistant.nets.ngram import CharNgram
from assistant.nets.spelling import Spelling
from assistant.values import SAMPLE_RATE, SpeechFeatures, Utterance

NGRAM = "ngram.safetensors"
"""A character n-gram beside the weights; without it the transcript is the greedy reading."""

_TRAINING_ONLY = "wav2vec2.masked_spec_embed"
"""Not in every folder, and drawn at random where it is missing."""


class Wav2Vec2Encoder:
    """Any ``Wav2Vec2ForCTC`` folder: the bundled starter, wav2vec2-base-960h, and their like.

    Utterances are encoded one by one without an attention mask: base-960h normalises over time,
    so padding would change its outputs.

    Raises:
        EncoderError: if the folder is missing, incomplete, of another kind, or in a format
            that is not safetensors.
    """

    def __init__(self, settings: EncodeSettings) -> None:
        if settings.threads:
            torch.set_num_threads(settings.threads)
        folder = settings.path
        symbols, delimiter = _vocabulary(folder)
        self._model = _load(folder)
        config = self._model.config
        if config.vocab_size != len(symbols):
            raise EncoderError(
                f"The speech encoder in {folder} writes {config.vocab_size} symbols but its "
                f"vocab.json has {len(symbols)}; fetch the folder again."
            )
        if config.pad_token_id is None:
            raise EncoderError(
                f"The speech encoder in {folder} does not say which symbol is CTC's blank: its "
                "config.json needs pad_token_id."
            )
        hop = math.prod(cast("list[int]", config.conv_stride))
        self.spelling = Spelling(
            symbols=tuple(symbols),
            delimiter=delimiter,
            blank=int(config.pad_token_id),
            seconds=hop / SAMPLE_RATE,
            fusion=_fusion(folder / NGRAM, symbols, settings),
        )
        self._shortest = _receptive_field(config.conv_kernel, config.conv_stride)
        self.dim: int = int(config.hidden_size)
        self.frame_rate: float = SAMPLE_RATE / hop
        self.fingerprint: str = _fingerprint(self._model)

    def encode(self, utterance: Utterance) -> SpeechFeatures:
        """Features and transcript of one utterance.

        An utterance shorter than the encoder's receptive field is padded with silence.
        """
        waves = torch.as_tensor(self._normalise(utterance.samples))[None]
        with torch.inference_mode():
            hidden = self._model.wav2vec2(waves).last_hidden_state
            logits = self._model.lm_head(hidden)
        frames = np.ascontiguousarray(hidden[0].numpy(), dtype=np.float32)
        transcript = self.spelling.transcript(logits[0].numpy())
        return SpeechFeatures(frames, self.frame_rate, transcript, self.fingerprint)

    @property
    def ngram(self) -> CharNgram | None:
        """The character n-gram that takes part in the transcript."""
        return self.spelling.fusion and self.spelling.fusion.ngram

    def ctc_head(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight (n_symbols, dim) and bias (n_symbols,) from features to symbol logits."""
        head = self._model.lm_head
        return head.weight.detach().clone(), head.bias.detach().clone()

    def _normalise(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        if samples.shape[0] < self._shortest:
            samples = np.pad(samples, (0, self._shortest - samples.shape[0]))
        centred = samples - samples.mean()
        return (centred / np.sqrt(centred.var() + 1e-7)).astype(np.float32)


def _vocabulary(folder: Path) -> tuple[list[str], int]:
    path = folder / "vocab.json"
    try:
        ids: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
        symbols = [""] * len(ids)
        for symbol, index in ids.items():
            symbols[index] = symbol
        return symbols, ids["|"]
    except FileNotFoundError:
        raise EncoderError(
            f"No speech encoder in {folder}: {path.name} is missing. Set encode.path to a "
            "Wav2Vec2ForCTC folder."
        ) from None
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise EncoderError(f"{path} is not the vocabulary of a CTC encoder: {error}.") from None


def _fusion(path: Path, symbols: list[str], settings: EncodeSettings) -> ctc.Fusion | None:
    if not (path.is_file() and settings.ngram_weight):
        return None
    try:
        ngram = CharNgram(load_file(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise EncoderError(
            f"The character n-gram {path} is damaged ({error}). Fetch it again, or set "
            "encode.ngram_weight to 0."
        ) from None
    places = tuple(
        ctc.letters(" " if symbol == "|" else symbol.lower()) if len(symbol) == 1 else ()
        for symbol in symbols
    )
    return ctc.Fusion(ngram, places, settings.ngram_weight, settings.ngram_bonus)


def _load(folder: Path) -> Any:
    # transformers is slow to import; nothing but the encoder needs it.
    from transformers import Wav2Vec2ForCTC  # noqa: PLC0415
    from transformers.utils import logging  # noqa: PLC0415

    logging.set_verbosity_error()  # pyright: ignore[reportUnknownMemberType]
    logging.disable_progress_bar()  # pyright: ignore[reportUnknownMemberType]
    try:
        model, report = cast(
            "tuple[Any, dict[str, Iterable[str]]]",
            Wav2Vec2ForCTC.from_pretrained(  # pyright: ignore[reportUnknownMemberType]
                folder,
                local_files_only=True,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            ),
        )
    except Exception as error:  # noqa: BLE001 - transformers raises whatever its parts raise
        first_line = str(error).strip().partition("\n")[0]
        raise EncoderError(
            f"Cannot load the speech encoder in {folder}: {first_line}. It must be a "
            "Wav2Vec2ForCTC folder with safetensors weights."
        ) from None
    missing = [name for name in report["missing_keys"] if name != _TRAINING_ONLY]
    if missing:
        raise EncoderError(
            f"The speech encoder in {folder} lacks {len(missing)} weights, {missing[0]} among "
            "them; it is not a whole Wav2Vec2ForCTC checkpoint."
        )
    return model.eval()


def _receptive_field(kernels: Iterable[int], strides: Iterable[int]) -> int:
    field, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        field += (kernel - 1) * step
        step *= stride
    return field


def _fingerprint(model: Any) -> str:
    """Hex digest over names, shapes and values of the weights that take part in encoding."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        if name == _TRAINING_ONLY:
            continue
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
