from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from assistant.bridge.kinds import build
from assistant.nets.bridgeformer import BridgeFormer
from assistant.nets.pooled import Pooled
from assistant.nets.projector_config import ProjectorConfig
from assistant.nets.tokenctc import TokenCTC


def config(**changes: Any) -> ProjectorConfig:
    sizes = {"encoder_dim": 8, "llm_dim": 24, "hidden": 16, "heads": 2, "layers": 1, "slots": 5}
    return ProjectorConfig.model_validate(sizes | changes)


@pytest.mark.parametrize("kind", ["bridgeformer", "linear", "mlp"])
def test_every_kind_gives_the_same_slots_behind_one_interface(kind: str) -> None:
    projector = build(config(kind=kind)).eval()
    frames, lengths = torch.randn(2, 13, 8), torch.tensor([13, 6])
    batch = projector(frames, lengths)
    assert batch.shape == (2, 5, 24)
    torch.testing.assert_close(batch[0], projector(frames[:1])[0])
    torch.testing.assert_close(batch[1], projector(frames[1:, :6])[0])


def test_the_ctc_kind_gives_logits_per_frame() -> None:
    logits = build(config(kind="ctc", candidates=9))(torch.randn(2, 13, 8))
    assert logits.shape == (2, 13, 10)  # and blank


def test_linear_is_one_matrix_over_pooled_frames() -> None:
    projector, frames = build(config(kind="linear")), torch.randn(1, 12, 8)
    weight, bias = projector.parameters()
    pooled = functional.adaptive_avg_pool1d(frames.transpose(1, 2), 5).transpose(1, 2)
    torch.testing.assert_close(projector(frames), pooled @ weight.T + bias)


def test_kinds_are_what_they_say() -> None:
    kinds = {"bridgeformer": BridgeFormer, "linear": Pooled, "mlp": Pooled, "ctc": TokenCTC}
    for kind, module in kinds.items():
        assert type(build(config(kind=kind, candidates=3))) is module


def test_default_sizes_are_the_papers() -> None:
    sizes = ProjectorConfig(encoder_dim=768, llm_dim=2048)
    assert (sizes.kind, sizes.hidden, sizes.heads) == ("bridgeformer", 256, 4)
    assert (sizes.layers, sizes.slots) == (4, 30)


@pytest.mark.parametrize("changes", [{"heads": 3}, {"kind": "ctc"}])
def test_sizes_that_do_not_go_together_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"heads do not divide|needs candidate tokens"):
        build(config(**changes))


@pytest.mark.parametrize("changes", [{"kind": "other"}, {"slots": 0}, {"depth": 3}])
def test_sizes_that_cannot_be_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(changes))):
        config(**changes)
