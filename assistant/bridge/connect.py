"""From speech features to a soft prompt, its confidence, and what it heard."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.read import (
    AnchorReader,
    EmissionReader,
    LetterReader,
    Reader,
    SlotReader,
    Words,
)
from assistant.errors import CheckpointError, MismatchError
from assistant.nets import ctc
from assistant.nets.calibration import WHISPER
from assistant.nets.ngram import BEGINNING
from assistant.nets.spelling import Spelling
from assistant.values import SoftPrompt, SpeechFeatures


class Language(Words, Protocol):
    """What a bridge needs of an LLM: its embedding rows and what its tokens say."""

    @property
    def embedding_fingerprint(self) -> str:
        """Identifies architecture, vocabulary and rows."""
        ...


class Bridge:
    """A checkpoint joined to the encoder's symbols and the embedding table it belongs to.

    Args:
        checkpoint: a trained projector.
        language: the LLM's tokens and rows.
        spelling: the encoder's symbols; ``letters`` projectors need them, and ``ctc`` ones read
            with its character n-gram.
        weight: of the n-gram in the reading of ``ctc``; 0: none.
        bonus: added per letter there, against short readings.

    Raises:
        MismatchError: if the checkpoint was made for another embedding table.
        CheckpointError: if its weights or its tokens do not fit its header.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        language: Language,
        spelling: Spelling | None = None,
        *,
        weight: float = 0.3,
        bonus: float = 0.4,
    ) -> None:
        checkpoint.require(checkpoint.encoder, language.embedding_fingerprint)
        self.version = checkpoint.version
        self.encoder = checkpoint.encoder
        self.accepted = checkpoint.accepted
        self.learned = "examples" in checkpoint.provenance  # from this user's speech
        self._language = language
        self._reader = _reader(checkpoint, language, spelling, weight, bonus)

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
            reading = self._reader(features)
        return SoftPrompt(
            rows=np.ascontiguousarray(reading.rows, dtype=np.float32),
            bridge=self.version,
            confidence=reading.confidence,
            heard=self._language.text(reading.tokens).strip(),
        )


def _reader(
    checkpoint: Checkpoint,
    language: Language,
    spelling: Spelling | None,
    weight: float,
    bonus: float,
) -> Reader:
    projector, config = checkpoint.projector(), checkpoint.config
    if config.kind == "letters":
        if spelling is None or len(spelling.symbols) != config.candidates:
            symbols = 0 if spelling is None else len(spelling.symbols)
            raise CheckpointError(
                f"The bridge reads {config.candidates} letters and the speech encoder writes "
                f"{symbols}; it is damaged. Go back with 'assistant bridge rollback', or use "
                "'--route transcript'."
            )
        return LetterReader(projector, spelling, language, config.temperature)
    rows = _rows(checkpoint, language)
    calibration = WHISPER if spelling is None else spelling.calibration
    match config.kind:
        case "ctc":
            fusion = None
            if spelling is not None and spelling.fusion is not None and weight:
                texts = (language.text([token]) for token in checkpoint.token_ids.tolist())
                places = ((), *map(ctc.letters, texts))
                # words bring their own space with them
                ngram = spelling.fusion.ngram
                fusion = ctc.Fusion(ngram, places, weight, bonus, start=BEGINNING)
            return EmissionReader(projector, checkpoint.token_ids, rows, fusion, calibration)
        case "anchored":
            return AnchorReader(projector, checkpoint.token_ids, rows, language, calibration)
        case _:
            return SlotReader(projector, checkpoint.token_ids, rows, checkpoint.pad, calibration)


def _rows(checkpoint: Checkpoint, language: Language) -> NDArray[np.float32]:
    """Rows of the tokens that a checkpoint reads as, (n_candidates, llm_dim)."""
    config, tokens = checkpoint.config, checkpoint.token_ids
    chosen = config.kind in ("ctc", "anchored")
    wanted = config.candidates if chosen else max(1, tokens.size)
    try:
        rows = language.rows(tokens)
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
    return rows
