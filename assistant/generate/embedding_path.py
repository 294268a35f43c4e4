"""Whether a model accepts embeddings in place of tokens, and on which scale.

Models differ in what their graph does to an embedding before the first layer, and llama.cpp does
not reveal it. So nothing is assumed: models that are known to look tokens up elsewhere are refused,
and every other one has to prove that an embedding has the same effect as its token.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.errors import EmbeddingPathError
from assistant.generate.gguf import GGUFFile
from assistant.generate.native import Model, Rows

PROBE_TEXT = "hello there, how are you today?"
PROBE_TOKENS = 8
TOLERANCE = 1e-3  # of the largest logit; a wrong scale is off by about that logit itself
ADVICE = "Choose another model, such as Qwen2.5-1.5B-Instruct or Llama-3.2-1B-Instruct."

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EmbeddingProbe:
    """How the embedding path agrees with the token path."""

    scale: float  # factor for a raw row of the GGUF
    difference: float  # the largest, in units of the largest logit; 0: bit for bit


def refuse_by_header(gguf: GGUFFile) -> None:
    """Raise ``EmbeddingPathError`` for a model that is not causal or looks tokens up again."""
    architecture = gguf.architecture
    if gguf.get(f"{architecture}.attention.causal") is False:
        raise EmbeddingPathError(
            f"{gguf.path.name} ({architecture}) does not write word by word, so it cannot take "
            f"speech. {ADVICE}"
        )
    width = gguf.get(f"{architecture}.embedding_length_per_layer_input")
    if architecture == "gemma3n" or width or "per_layer_token_embd.weight" in gguf.tensors:
        raise EmbeddingPathError(
            f"{gguf.path.name} ({architecture}) looks up words in every layer, which speech cannot "
            f"replace. {ADVICE}"
        )


def refuse_other_inputs(model: Model, gguf: GGUFFile) -> None:
    """Raise ``EmbeddingPathError`` unless the input is one row and one position per token."""
    if model.multi_axis_positions:
        why = "counts positions along several axes"
    elif model.n_embd_input != gguf.embedding_length:
        why = f"takes embeddings of {model.n_embd_input} numbers, not {gguf.embedding_length}"
    elif not model.generates_left_to_right:
        why = "does not write word by word"
    else:
        return
    raise EmbeddingPathError(
        f"{gguf.path.name} ({gguf.architecture}) {why}, so it cannot take speech. {ADVICE}"
    )


def prove(
    gguf: GGUFFile, model: Model, logits_after: Callable[[Rows], NDArray[np.float32]]
) -> EmbeddingProbe:
    """Give one short sequence as tokens and as embeddings, and find the scale that agrees.

    Args:
        gguf: where the embeddings are read.
        model: where the tokens come from.
        logits_after: decodes tokens or scaled embeddings from an empty state.

    Raises:
        EmbeddingPathError: if no scale agrees, or there are no tokens to test it with.
        GGUFError: if the embeddings are stored in a type that cannot be dequantised here.
    """
    tokens = np.array(model.tokenize(PROBE_TEXT, special=False)[:PROBE_TOKENS], np.int32)
    if not tokens.size:
        raise EmbeddingPathError(
            f"{gguf.path.name} ({gguf.architecture}) cannot write English words. {ADVICE}"
        )
    rows = gguf.rows(tokens)
    expected = logits_after(tokens)
    largest = float(np.abs(expected).max()) or 1.0
    probes: list[EmbeddingProbe] = []
    for scale in (np.float32(1), np.sqrt(np.float32(gguf.embedding_length))):
        error = np.abs(logits_after(rows * scale) - expected).max()
        probes.append(EmbeddingProbe(float(scale), float(error) / largest))
    best = min(probes, key=lambda probe: probe.difference)
    if best.difference > TOLERANCE:
        raise EmbeddingPathError(
            f"{gguf.path.name} ({gguf.architecture}) treats a word differently from its "
            f"embedding, so it cannot take speech. {ADVICE}"
        )
    if best.difference:
        # Kernels of a GPU, or of another CPU, may round the two paths differently.
        _log.warning("embeddings agree with their words to %.1g, not bit for bit", best.difference)
    return best
