"""``pooled``: the paper's slots, filled by BridgeFormer or one of its two competitors.

``linear`` is one matrix (arXiv 2406.13357); ``mlp`` is the two-layer projector of the paper's
Proj_only row. Both pool to as many slots as BridgeFormer does.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from assistant.bridge.batch import Batch
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.kinds.kind import Head, Joined, Kind, Reader, Reading, TrainingContext
from assistant.bridge.kinds.shared_tokens import Shared, described, floats
from assistant.bridge.language import Language, Tokens
from assistant.nets import alignment, embedlink
from assistant.nets.bridgeformer import BridgeFormer, mlp
from assistant.nets.pooled import Pooled
from assistant.nets.projector_config import ProjectorConfig
from assistant.values import SpeechFeatures

PADDING = 0.5
"""Weight of the padding token's row against all others in a map: it fills most slots."""

_LAST = {"bridgeformer": "output.2", "linear": "body", "mlp": "body.2"}
"""Network to its last layer."""


class _PooledKind(Kind):
    """Writes into the LLM's embedding space; tokens serve only to read the slots."""

    retrain_steps = 150
    bootstrap_steps = 3_000

    def network(self, config: ProjectorConfig) -> nn.Module:
        match config.kind:
            case "linear":
                return Pooled(nn.Linear(config.encoder_dim, config.llm_dim), config.slots)
            case "mlp":
                return Pooled(mlp(config.encoder_dim, config.hidden, config.llm_dim), config.slots)
            case _:
                sizes = config.hidden, config.heads, config.layers, config.slots
                return BridgeFormer(config.encoder_dim, config.llm_dim, *sizes)

    def last_matrix(self, network: str) -> str:
        return f"{_LAST[network]}.weight"

    def takes_bfloat16(self, network: str) -> bool:
        return network == "bridgeformer"

    def reader(self, joined: Joined) -> Reader:
        """The paper's slots, without padding, which an LLM never sees mid-request.

        A slot reads as the token with the nearest row by cosine.
        """
        found = joined.checkpoint
        rows = joined.rows(max(1, found.token_ids.size))
        directions = functional.normalize(torch.as_tensor(rows), dim=-1)

        def read(features: SpeechFeatures) -> Reading:
            output = joined.output(features)
            cosine, nearest = (functional.normalize(output, dim=-1) @ directions.T).max(dim=-1)
            ids = found.token_ids[nearest.numpy()]
            speech = ids != found.pad
            sure = joined.calibration(cosine.clamp(0, 1).numpy()[speech])
            return Reading(output.numpy()[speech], ids[speech].tolist(), sure)

        return read

    def untrained(self, context: TrainingContext, tokens: Collection[int]) -> Checkpoint:
        pad = context.language.pad
        return self._drawn(context, "bridgeformer", {*tokens, pad}, pad)

    def head(self, found: Checkpoint, context: TrainingContext) -> Head:
        tuned, language = context.settings.tuned, context.language
        return PooledHead(found, language, language.pad, tuned.alpha, tuned.beta)

    def carried(
        self, found: Checkpoint, old: Tokens, new: Tokens, said: set[int]
    ) -> tuple[Checkpoint, str]:
        """A network whose last layer includes the map between the tables.

        Slots are read only as tokens that are said: uncertain ones lie near tokens nobody says.
        """
        shared = Shared.between(old, new)
        fitted = shared.chosen(said)
        olds, news = fitted.old, fitted.new
        weights = np.ones(len(olds), np.float32)
        if found.pad is not None:
            # first, where a row is fitted and never judges
            olds, news = np.insert(olds, 0, found.pad), np.insert(news, 0, new.pad)
            weights = np.insert(weights, 0, PADDING * len(weights))
        map_ = alignment.fit(old.rows(olds), new.rows(news), weights)
        matrix, offset = torch.as_tensor(map_.matrix), torch.as_tensor(map_.offset)
        layer = _LAST[found.config.kind]
        last = floats(found.weights, f"{layer}.weight", f"{layer}.bias")
        changed = {
            f"{layer}.weight": matrix.T @ last[0],
            f"{layer}.bias": last[1] @ matrix + offset,
        }
        tokens = said or shared.counterparts(found.token_ids.tolist())
        if found.pad is not None:
            tokens = tokens | {new.pad}
        after = replace(
            found,
            token_ids=np.array(sorted(tokens), np.int64),
            weights={**found.weights, **changed},
        )
        return after, described(map_, len(olds))


KIND = _PooledKind()


class PooledHead(Head):
    """The paper's squared error and cosine distance over cast slots (eqs. 5-7)."""

    def __init__(
        self, checkpoint: Checkpoint, language: Language, pad: int, alpha: float, beta: float
    ) -> None:
        self.checkpoint = checkpoint
        self._language = language
        self._pad = pad
        self._alpha, self._beta = alpha, beta
        rows = language.rows(checkpoint.token_ids)
        # squared error in units of the rows' spread; otherwise only the cosine would count
        self._scale = float(rows.std()) or 1.0

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """EmbedLink's loss."""
        wanted, _ = self.targets(batch)
        return embedlink.loss(self.slots(network, batch), wanted, self._alpha, self._beta)

    def slots(self, network: nn.Module, batch: Batch) -> Tensor:
        """The network's slots, in units of the rows' spread."""
        return cast("Tensor", network(batch.frames, batch.lengths)).float() / self._scale

    def targets(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Targets in the same units, float32 (batch, slots, llm_dim), and which slots hold text."""
        slots = self.checkpoint.config.slots
        cast_ids = np.array(
            [
                embedlink.cast(self._language.tokens(pair.text), slots, self._pad)
                for pair in batch.pairs
            ]
        )
        unique, places = np.unique(cast_ids, return_inverse=True)
        rows: NDArray[np.float32] = self._language.rows(unique)
        wanted = torch.as_tensor(rows[places.reshape(cast_ids.shape)])
        return wanted / self._scale, torch.as_tensor(cast_ids != self._pad)
