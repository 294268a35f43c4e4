from __future__ import annotations

import math

import pytest
import torch

from assistant.bridge.kinds import build, of
from assistant.errors import CheckpointError
from assistant.kinds import REGISTRY
from assistant.personalise.bridges.spectrum import spectrum
from tests.bridge.tables import checkpoint, config

NETWORKS = [network for entry in REGISTRY.values() for network in entry.networks]


def linear(weight: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"body.weight": weight, "body.bias": torch.zeros(weight.shape[0])}


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_kind_of_projector_has_its_matrix(kind: str) -> None:
    sizes = config(kind=kind, candidates=5, llm_dim=0 if kind == "letters" else 4)
    found = spectrum(checkpoint(sizes))
    weight = build(sizes).get_parameter(of(sizes).last_matrix(kind))
    assert weight.requires_grad
    assert found.shape == tuple(weight.shape)
    assert len(found.values) == min(weight.shape)


def test_a_known_matrix_has_known_values() -> None:
    found = spectrum(checkpoint(config(kind="linear"), weights=linear(torch.eye(4, 6) * 3)))
    assert found.values.tolist() == pytest.approx([3, 3, 3, 3])
    assert (found.rank, found.condition, found.energy) == (4, pytest.approx(1), 1)


def test_energy_is_that_of_the_first_eight() -> None:
    sizes = config(kind="linear", encoder_dim=12, llm_dim=12)
    weight = torch.diag(torch.tensor([4.0] * 8 + [2.0] * 4))
    found = spectrum(checkpoint(sizes, weights=linear(weight)))
    assert found.energy == pytest.approx(8 * 16 / (8 * 16 + 4 * 4))
    assert found.condition == pytest.approx(2)


def test_rank_counts_no_rounding_errors() -> None:
    row = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])
    weight = row.repeat(4, 1) * torch.tensor([[1.0], [0.1], [3.3], [7.7]])
    assert spectrum(checkpoint(config(kind="linear"), weights=linear(weight))).rank == 1


def test_a_matrix_of_zeros_is_told_as_such() -> None:
    found = spectrum(checkpoint(config(kind="linear"), weights=linear(torch.zeros(4, 6))))
    assert (found.rank, found.energy) == (0, 0)
    assert math.isinf(found.condition)


@pytest.mark.parametrize(
    "weights",
    [
        {},
        linear(torch.full((4, 6), math.nan)),
        linear(torch.zeros(4)),
        linear(torch.zeros(4, 0)),
    ],
)
def test_a_bridge_without_its_matrix_is_refused(weights: dict[str, torch.Tensor]) -> None:
    with pytest.raises(CheckpointError, match=r"has no finite matrix body\.weight.*bridge list"):
        spectrum(checkpoint(config(kind="linear"), weights=weights))
