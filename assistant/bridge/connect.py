"""From speech features to a soft prompt, its confidence, and what was heard."""

from __future__ import annotations

import numpy as np
import torch

from assistant.bridge import kinds
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.kinds.kind import Joined
from assistant.bridge.language import Language
from assistant.config import BridgeSettings
from assistant.errors import MismatchError
from assistant.nets.spelling import Spelling
from assistant.values import SoftPrompt, SpeechFeatures

_DEFAULTS = BridgeSettings.model_validate({})


class Bridge:
    """A checkpoint combined with the encoder's symbols and the LLM's embedding table.

    Args:
        checkpoint: a trained projector.
        language: the LLM's tokens and rows.
        spelling: the encoder's symbols; ``letters`` projectors need them, and ``ctc`` ones read
            with its character n-gram.
        settings: the weight of that n-gram.

    Raises:
        MismatchError: if the checkpoint was made for another embedding table.
        CheckpointError: if its weights or tokens do not match its header.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        language: Language,
        spelling: Spelling | None = None,
        settings: BridgeSettings = _DEFAULTS,
    ) -> None:
        checkpoint.require(checkpoint.encoder, language.embedding_fingerprint)
        self.version = checkpoint.version
        self.encoder = checkpoint.encoder
        self.accepted = checkpoint.accepted
        self.learned = "examples" in checkpoint.provenance  # from this user's speech
        self._language = language
        network = kinds.projector(checkpoint)
        joined = Joined(checkpoint, network, language, spelling, settings)
        kind = kinds.of(checkpoint.config)
        self._reader = kind.reader(joined)
        self.adaptation = kind.adaptation(joined)
        self._reads = checkpoint.encoder
        if self.adaptation is not None:
            self._reads = self.adaptation.features_of(checkpoint.encoder)

    def reads(self, features: SpeechFeatures) -> bool:
        """Whether they come from its encoder, with its adaptation if it has one."""
        return features.encoder == self._reads

    def soft_prompt(self, features: SpeechFeatures) -> SoftPrompt:
        """Map features into the LLM's embedding space; ``MismatchError`` for another encoder's."""
        if not self.reads(features):
            raise MismatchError(
                f"What was learned reads features of encoder {self._reads}, but these come from "
                f"{features.encoder}. Set bridge.path to a file made for this encoder."
            )
        with torch.inference_mode():
            reading = self._reader(features)
        return SoftPrompt(
            rows=np.ascontiguousarray(reading.rows, dtype=np.float32),
            bridge=self.version,
            confidence=reading.confidence,
            heard=self._language.text(reading.tokens).strip(),
        )
