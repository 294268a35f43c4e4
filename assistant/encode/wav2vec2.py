"""wav2vec2, HuBERT and WavLM through transformers: features and transcript in one pass."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor, nn
from torch.nn import functional

from assistant.config import EncodeSettings
from assistant.encode import onnx_runtime
from assistant.encode.convolutions import FrontEnd
from assistant.encode.execution import execute
from assistant.encode.folder import EncoderFolder
from assistant.encode.network import skeleton
from assistant.encode.onnx_runtime import Length
from assistant.encode.tuning_record import Execution
from assistant.encode.windows import Windows
from assistant.errors import EncoderError
from assistant.nets import ctc
from assistant.nets.ngram import CharNgram
from assistant.nets.spelling import Spelling
from assistant.values import SAMPLE_RATE, SpeechFeatures, Utterance

NGRAM = "ngram.safetensors"
"""A character n-gram beside the weights; without it transcripts are decoded greedily."""

MODELS = {"wav2vec2": "Wav2Vec2ForCTC", "hubert": "HubertForCTC", "wavlm": "WavLMForCTC"}
"""Classes of transformers by the architecture that config.json names."""

_FRONT = ".feature_extractor."
"""In the names of the convolutions' weights."""


class Wav2Vec2Encoder:
    """Any CTC folder of wav2vec2 or a similar model: the bundled starter, base-960h, HuBERT, WavLM.

    Utterances are encoded one by one, so there is never padding that an attention mask would hide,
    and models trained with or without a mask are treated alike. For base-960h, which normalises
    over time, padding would change the frames.

    Raises:
        AttuneError: if the folder is missing, incomplete, of another kind or not safetensors, or
            what should run it is not installed.
    """

    def __init__(self, settings: EncodeSettings) -> None:
        symbols, delimiter = _vocabulary(settings.path)
        folder = EncoderFolder.open(settings.path)
        if folder.family not in MODELS:
            raise folder.refuse(f"it is a {folder.family} model, which Attune cannot run")
        model = skeleton(folder, MODELS[folder.family])
        _check(folder, model.config, symbols)
        weights = folder.weights()
        self._body: Any = model.base_model
        self._transformer = _Transformer(self._body)
        executed = execute(
            folder, model, self._transformer, weights, settings, lambda name: _FRONT in name
        )
        self._run = executed.run
        self.execution: Execution = executed.execution
        self.fingerprint: str = executed.fingerprint
        head = model.lm_head
        self._head = (
            weights.read("lm_head.weight", head.weight.shape),
            weights.read("lm_head.bias", head.bias.shape),
        )
        config = model.config
        self._front = FrontEnd(self._body.feature_extractor, config)
        hop = self._front.hop
        self.spelling = Spelling(
            symbols=tuple(symbols),
            delimiter=delimiter,
            blank=int(config.pad_token_id),
            seconds=hop / SAMPLE_RATE,
            fusion=_fusion(folder.path / NGRAM, symbols, settings),
        )
        self.transcribes = True
        self.dim: int = int(config.hidden_size)
        self.frame_rate: float = SAMPLE_RATE / hop
        self._windows = Windows.of(settings.tuned.window_s, self.frame_rate)
        self._normalises = folder.normalises

    def encode(self, utterance: Utterance) -> SpeechFeatures:
        """Features and transcript of one utterance, padded with silence if it is very short."""
        heard = self._front(self.normalise(utterance.samples))
        frames = self._windows.encode(heard, self._run)
        transcript = self.spelling.transcript(self._logits(frames))
        return SpeechFeatures(frames, self.frame_rate, transcript, self.fingerprint)

    def weigh(self, features: SpeechFeatures, texts: Sequence[str]) -> NDArray[np.float64]:
        """How likely each text is, given the sound; see ``Weighs``."""
        log_probs = np.log(ctc.posteriors(self._logits(features.frames)) + 1e-10)
        spelled = [self.spelling.labels(text) for text in texts]
        return np.array([ctc.likelihood(log_probs, text, self.spelling.blank) for text in spelled])

    def _logits(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Symbol logits (n_frames, n_symbols) of frames (n_frames, dim)."""
        with torch.inference_mode():
            return functional.linear(torch.tensor(frames), *self._head).numpy()

    @property
    def ngram(self) -> CharNgram | None:
        """The character n-gram that helps to decode the transcript."""
        return self.spelling.fusion and self.spelling.fusion.ngram

    def ctc_head(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight (n_symbols, dim) and bias (n_symbols,) from features to symbol logits."""
        weight, bias = self._head
        return weight.clone(), bias.clone()

    @property
    def body(self) -> Any:
        """The network from normalised waves to features, for training in float."""
        return self._body

    def export(self, cache: Path) -> None:
        """Write the network for ONNX Runtime; it must run in float. ``AttuneError`` if it fails."""
        silence = self._front(self.normalise(np.zeros(SAMPLE_RATE, np.float32)))
        onnx_runtime.export(
            self._transformer, silence, onnx_runtime.place(cache, self.fingerprint), Length.ANY
        )

    def normalise(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """As the model expects it, usually zero mean and unit variance; short sound is padded."""
        if samples.shape[0] < self._front.field:
            samples = np.pad(samples, (0, self._front.field - samples.shape[0]))
        if not self._normalises:
            return samples.copy()  # torch warns about read-only arrays
        centred = samples - samples.mean()
        return (centred / np.sqrt(centred.var() + 1e-7)).astype(np.float32)


class _Transformer(nn.Module):
    """The part after the convolutions."""

    def __init__(self, body: Any) -> None:
        super().__init__()
        self.projection = body.feature_projection
        self.encoder = body.encoder

    def forward(self, given: Tensor) -> Tensor:
        """From (1, n_frames, conv_dim) to (1, n_frames, dim)."""
        found: Any = self.projection(given)
        if not torch.is_tensor(found):  # all but HuBERT's also return the normalised input
            found = found[0]
        return self.encoder(found).last_hidden_state


def _check(folder: EncoderFolder, config: Any, symbols: list[str]) -> None:
    """Refuse a configuration that does not fit these symbols."""
    if config.vocab_size != len(symbols):
        raise EncoderError(
            f"The speech encoder in {folder.path} writes {config.vocab_size} symbols but its "
            f"vocab.json has {len(symbols)}; download the folder again."
        )
    if config.pad_token_id is None:
        raise EncoderError(
            f"The speech encoder in {folder.path} does not say which symbol is CTC's blank: its "
            "config.json needs pad_token_id."
        )
    if getattr(config, "add_adapter", False):
        raise folder.refuse("it has an adapter after the encoder, which Attune cannot run")


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
    return ctc.Fusion(ngram, places, settings.ngram_weight, settings.tuned.ngram_bonus)
