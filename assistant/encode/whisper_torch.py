"""Whisper in torch, from folders in the hub's layout; its encoder may run in ONNX Runtime.

The encoder always runs over 30 s, padded with silence. It transcribes only if the folder has the
decoder's weights and ``tokenizer.json``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assistant.config import EncodeSettings
from assistant.encode import network, onnx_runtime
from assistant.encode.execution import execute
from assistant.encode.folder import EncoderFolder
from assistant.encode.mel import LogMel
from assistant.encode.network import skeleton
from assistant.encode.onnx_runtime import Length
from assistant.encode.tokens import Tokens
from assistant.encode.tuning_record import Execution
from assistant.encode.whisper import HOP, Alignment, Encoded, Hypothesis
from assistant.values import SAMPLE_RATE

ENCODER = ("model.encoder.", "encoder.")
"""Prefixes of the encoder's weights in a complete Whisper model."""

DECODER = ("model.decoder.", "decoder.")

_BLOCKED = -1e9


class TorchEngine:
    """A Whisper folder with safetensors; ``whisper-base`` gives 512 dimensions.

    Its decoder reads greedily, whatever beam is asked for.

    Raises:
        EncoderError: if the folder is missing, incomplete, or not safetensors.
    """

    def __init__(self, settings: EncodeSettings) -> None:
        folder = EncoderFolder.open(settings.path)
        model = skeleton(folder, "WhisperEncoder")
        self._part = _Frames(model)
        executed = execute(folder, model, self._part, folder.weights(ENCODER), settings)
        self._run = executed.run
        self.execution: Execution = executed.execution
        self.fingerprint: str = executed.fingerprint
        self.dim: int = int(model.config.d_model)
        self._samples = int(model.config.max_source_positions) * HOP
        self.window_s = self._samples / SAMPLE_RATE
        self._mel = LogMel(int(model.config.num_mel_bins))
        self.tokens: Tokens | None = None
        if (folder.path / "tokenizer.json").is_file():
            self._languages: dict[str, int] = folder.generation.get("lang_to_id") or {}
            self._silent = _ids(folder.generation, "suppress_tokens")
            self._first = _ids(folder.generation, "begin_suppress_tokens")
            self._heads = cast("list[list[int]]", folder.generation.get("alignment_heads") or [])
            self._decoder, self._out = _decoder(folder)
            self.tokens = Tokens(folder.path, multilingual=bool(self._languages))

    def encode(self, samples: NDArray[np.float32]) -> Encoded:
        """Frames of a piece, padded with silence to the window."""
        columns = self._mel(np.pad(samples, (0, max(0, self._samples - len(samples)))))
        frames = self._run(np.ascontiguousarray(columns[:, : 2 * self._samples // HOP]))
        return Encoded(frames, torch.as_tensor(frames)[None])

    def language(self, encoded: Encoded) -> str:
        """The code of the spoken language."""
        if self.tokens is None or not self._languages:
            return "en"
        logits = self._step(encoded, self.tokens.start("en")[:1], None)[0][0, -1]
        likeliest = max(self._languages, key=lambda name: float(logits[self._languages[name]]))
        return likeliest.strip("<|>")

    def decode(
        self, encoded: Encoded, prompt: Sequence[int], *, beam: int, longest: int, again: bool
    ) -> Hypothesis:
        """One likeliest token after another."""
        del beam
        tokens = cast("Tokens", self.tokens)
        logits, past = self._step(encoded, prompt, None)
        at_start = logits[0, list(prompt).index(tokens.start("en")[0])].softmax(-1)
        text: list[int] = []
        while len(text) < longest:
            scores = logits[0, -1].clone()
            scores[self._silent] = _BLOCKED
            scores[tokens.end + 1 :] = _BLOCKED
            if not text:
                scores[self._first] = _BLOCKED
            if again:
                scores[_third(text)] = _BLOCKED
            token = int(scores.argmax())
            if token == tokens.end:
                break
            text.append(token)
            logits, past = self._step(encoded, [token], past)
        return Hypothesis(text, float(at_start[tokens.no_speech]))

    def align(self, encoded: Encoded, start: Sequence[int], text: Sequence[int]) -> Alignment:
        """When each token was said, by dynamic time warping over the cross-attention."""
        tokens = cast("Tokens", self.tokens)
        read = [*start, *text, tokens.end]
        with torch.inference_mode():
            out = self._decoder(
                input_ids=torch.tensor([read]),
                encoder_hidden_states=encoded.handle,
                output_attentions=True,
            )
            logits = self._out(out.last_hidden_state)[0, len(start) - 1 : -2]
            probabilities = logits.softmax(-1).gather(1, torch.tensor(text)[:, None])[:, 0]
            layers = range(len(out.cross_attentions))
            heads = self._heads or [
                [layer, head]
                for layer in layers[len(layers) // 2 :]
                for head in range(out.cross_attentions[layer].shape[1])
            ]
            attention = torch.stack([out.cross_attentions[layer][0, head] for layer, head in heads])
            scale, mean = torch.std_mean(attention, dim=-2, keepdim=True, unbiased=False)
            weights = ((attention - mean) / (scale + 1e-9)).mean(0)[len(start) - 1 : -1]
        return Alignment(_warped(-weights.numpy()) * HOP / SAMPLE_RATE, probabilities.numpy())

    def weigh(
        self, frames: NDArray[np.float32], start: Sequence[int], texts: Sequence[Sequence[int]]
    ) -> NDArray[np.float64]:
        """How likely each text is, given the frames of the sound; see ``Engine``."""
        longest, end = max(map(len, texts)), cast("Tokens", self.tokens).end
        padded = torch.tensor([[*text, *[0] * (longest - len(text))] for text in texts])
        before = torch.tensor([list(start)] * len(texts))
        with torch.inference_mode():
            out = self._decoder(
                input_ids=torch.cat([before, padded], dim=1),
                encoder_hidden_states=torch.tensor(frames).expand(len(texts), -1, -1),
            )
            logits = self._out(out.last_hidden_state)[:, len(start) - 1 : -1]
            # of the tokens of words only, as CTranslate2 does it
            logs = logits[..., :end].log_softmax(-1).gather(2, padded[..., None])[..., 0]
            told = torch.arange(longest) < torch.tensor(list(map(len, texts)))[:, None]
            return (logs * told).sum(1).double().numpy()

    def export(self, cache: Path) -> None:
        """Write the encoder for ONNX Runtime; it must run in float. ``AttuneError`` if it fails."""
        silence = self._mel(np.zeros(self._samples, np.float32))
        onnx_runtime.export(
            self._part, silence, onnx_runtime.place(cache, self.fingerprint), Length.FIXED
        )

    def adaptable(self, language: str) -> None:
        """Its weights do not learn."""

    def _step(self, encoded: Encoded, read: Sequence[int], past: Any) -> tuple[Tensor, Any]:
        """Logits (1, n_tokens, n_vocabulary) after more tokens, and the decoder's memory."""
        with torch.inference_mode():
            out = self._decoder(
                input_ids=torch.tensor([list(read)]),
                encoder_hidden_states=encoded.handle,
                past_key_values=past,
                use_cache=True,
            )
            return self._out(out.last_hidden_state), out.past_key_values


class _Frames(nn.Module):
    """A network whose only output is its frames."""

    def __init__(self, body: Any) -> None:
        super().__init__()
        self.body = body

    def forward(self, given: Tensor) -> Tensor:
        """From (1, n_mels, n_columns) to (1, n_frames, dim)."""
        return self.body(given).last_hidden_state


def _decoder(folder: EncoderFolder) -> tuple[Any, nn.Module]:
    """The decoder and its output layer, which shares its embeddings."""
    decoder = skeleton(folder, "WhisperDecoder")
    decoder.config._attn_implementation = "eager"  # noqa: SLF001 - the one that gives its weights
    network.fill(decoder, folder.weights(DECODER), lambda _: True, lambda _: False)
    out = nn.Linear(*reversed(decoder.embed_tokens.weight.shape), bias=False)
    out.weight = decoder.embed_tokens.weight
    return decoder, out


def _ids(generation: dict[str, Any], name: str) -> list[int]:
    found = cast("list[int]", generation.get(name) or [])
    return [each for each in found if each >= 0]


def _third(text: Sequence[int]) -> list[int]:
    """Tokens that would repeat three tokens of the text."""
    two = tuple(text[-2:])
    return [text[at + 2] for at in range(len(text) - 2) if tuple(text[at : at + 2]) == two]


def _warped(costs: NDArray[np.float32]) -> NDArray[np.float64]:
    """First frame of each row, (n_rows,), on the cheapest path through (n_rows, n_frames)."""
    rows, frames = costs.shape
    total = np.full((rows + 1, frames + 1), np.inf)
    total[0, 0] = 0
    moves = np.zeros((rows + 1, frames + 1), np.int8)
    for row in range(1, rows + 1):
        for frame in range(1, frames + 1):
            ways = total[row - 1, frame - 1], total[row - 1, frame], total[row, frame - 1]
            moves[row, frame] = move = int(np.argmin(ways))
            total[row, frame] = costs[row - 1, frame - 1] + ways[move]
    found = np.zeros(rows)
    row, frame = rows, frames
    while row > 0 and frame > 0:
        found[row - 1] = frame - 1
        move = moves[row, frame]
        row -= move != 2
        frame -= move != 1
    return found
