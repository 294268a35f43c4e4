"""From speech features to a soft prompt, its confidence, and what it heard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from assistant.bridge.checkpoint import Checkpoint
from assistant.errors import CheckpointError, MismatchError
from assistant.nets import ctc
from assistant.nets.ngram import BEGINNING, CharNgram
from assistant.nets.tokenctc import BLANK, emissions
from assistant.values import SoftPrompt, SpeechFeatures


class TokenTable(Protocol):
    """What a bridge needs of an LLM: its embedding rows, and their fingerprint."""

    @property
    def embedding_fingerprint(self) -> str:
        """Identifies architecture, vocabulary and rows."""
        ...

    def rows(self, token_ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        """Rows of the embedding table, (n_tokens, llm_dim)."""
        ...


class Bridge:
    """A checkpoint joined to the embedding table it belongs to.

    Args:
        checkpoint: a trained projector.
        table: the LLM's embedding rows.
        read: turns token ids into text, for "what it heard".
        ngram: the encoder's character n-gram; only ``ctc`` projectors use it.
        weight: of the n-gram in the reading.
        bonus: added per letter, against short readings.

    Raises:
        MismatchError: if the checkpoint was made for another embedding table.
        CheckpointError: if its weights or its tokens do not fit its header.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        table: TokenTable,
        read: Callable[[Sequence[int]], str],
        *,
        ngram: CharNgram | None = None,
        weight: float = 0.3,
        bonus: float = 0.4,
    ) -> None:
        checkpoint.require(checkpoint.encoder, table.embedding_fingerprint)
        self.version = checkpoint.version
        self.encoder = checkpoint.encoder
        self.accepted = checkpoint.accepted
        self._is_ctc = checkpoint.config.kind == "ctc"
        self._token_ids = checkpoint.token_ids
        self._pad = checkpoint.pad
        self._projector = checkpoint.projector()
        self._rows = _rows(checkpoint, table)
        self._directions = torch.nn.functional.normalize(self._rows, dim=-1)
        self._read = read
        self._fusion: ctc.Fusion | None = None
        if ngram is not None and weight and self._is_ctc:
            texts = (read([token]) for token in self._token_ids.tolist())
            places = ((), *map(ctc.letters, texts))
            # words bring their own space with them
            self._fusion = ctc.Fusion(ngram, places, weight, bonus, start=BEGINNING)

    def soft_prompt(self, features: SpeechFeatures) -> SoftPrompt:
        """Map an utterance's features into the LLM's embedding space.

        Raises:
            MismatchError: if the features come from another encoder.
        """
        if features.encoder != self.encoder:
            raise MismatchError(
                f"This bridge reads features of encoder {self.encoder}, these are of "
                f"{features.encoder}. Set bridge.path to a bridge made for this encoder."
            )
        with torch.inference_mode():
            output = self._projector(torch.as_tensor(features.frames.copy())[None])[0]
            rows, tokens, certainty = (self._emitted if self._is_ctc else self._slots)(output)
        return SoftPrompt(
            rows=np.ascontiguousarray(rows.numpy(), dtype=np.float32),
            bridge=self.version,
            confidence=float(certainty.mean()) if len(tokens) else 0.0,
            heard=self._read(tokens).strip(),
        )

    def _slots(self, output: Tensor) -> tuple[Tensor, list[int], Tensor]:
        """The paper's slots, (slots, llm_dim), less those that read as padding.

        An LLM has never seen a row of pads in the middle of a request.
        """
        cosines = torch.nn.functional.normalize(output, dim=-1) @ self._directions.T
        cosine, nearest = cosines.max(dim=-1)
        ids = self._token_ids[nearest.numpy()]
        speech = torch.as_tensor(ids != self._pad)
        return output[speech], ids[speech.numpy()].tolist(), cosine[speech].clamp(0, 1)

    def _emitted(self, output: Tensor) -> tuple[Tensor, list[int], Tensor]:
        """CTC emissions as embedding rows.

        Without an n-gram each is the posterior-weighted mixture of the rows it may stand for;
        where the n-gram has decided between them, it is the one row.
        """
        if self._fusion is None:
            indexes, weights, certainty = emissions(output)
            rows = (weights[..., None] * self._rows[indexes]).sum(dim=1)
            return rows, self._token_ids[indexes[:, 0].numpy()].tolist(), certainty
        posteriors = output.softmax(-1).numpy()
        found = ctc.search(np.log(posteriors + 1e-10), BLANK, self._fusion)
        spans = ctc.align(posteriors, found, BLANK)
        chosen = np.array(found, np.int64) - 1
        certainty = torch.tensor([span.confidence for span in spans])
        return self._rows[chosen], self._token_ids[chosen].tolist(), certainty


def _rows(checkpoint: Checkpoint, table: TokenTable) -> Tensor:
    """Rows of the tokens that a checkpoint reads as, (n_candidates, llm_dim)."""
    config, tokens = checkpoint.config, checkpoint.token_ids
    wanted = config.candidates if config.kind == "ctc" else max(1, tokens.size)
    try:
        rows = table.rows(tokens)
    except IndexError as error:
        raise CheckpointError(
            f"The bridge's tokens are not the language model's ({error}); it is damaged. Restore "
            "it from a backup, or use '--route transcript'."
        ) from None
    if rows.shape != (wanted, config.llm_dim):
        raise CheckpointError(
            f"The bridge's header wants {wanted} tokens of width {config.llm_dim}, but its tokens "
            f"have rows of shape {rows.shape}; it is damaged. Restore it from a backup, or use "
            "'--route transcript'."
        )
    return torch.as_tensor(rows)
