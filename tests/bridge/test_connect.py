from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.connect import Bridge
from assistant.errors import CheckpointError, MismatchError
from assistant.nets.calibration import WHISPER
from assistant.nets.tokenctc import TokenCTC
from tests.bridge.tables import (
    ENCODER_DIM,
    LLM_DIM,
    WORDS,
    Table,
    checkpoint,
    config,
    copying,
    features,
)

ONE, TWO, FOUR, PADS = [2.0, 0, 0, 0], [0, 2.0, 0, 0], [0, 0, 0, 2.0], [-2.0, 0, 0, 0]


def frames(*rows: list[float]) -> np.ndarray:
    """Frames that begin with these numbers."""
    wide = np.zeros((len(rows), ENCODER_DIM), np.float32)
    wide[:, :LLM_DIM] = rows
    return wide


def emitting(**logits: float) -> Checkpoint:
    """A ctc bridge with the same logits in every frame; ``t1`` is token 1, ``blank`` the blank."""
    sizes = config(kind="ctc", candidates=len(WORDS))
    weights = {name: torch.zeros_like(w) for name, w in checkpoint(sizes).weights.items()}
    weights["output.bias"] = torch.full((len(WORDS) + 1,), -100.0)
    for name, value in logits.items():
        weights["output.bias"][0 if name == "blank" else int(name[1:]) + 1] = value
    return checkpoint(sizes, weights=weights)


def test_slots_that_read_as_padding_are_dropped() -> None:
    prompt = Bridge(copying(), Table()).soft_prompt(features(frames(TWO, PADS, FOUR)))
    np.testing.assert_allclose(prompt.rows, [TWO, FOUR], atol=1e-6)
    assert prompt.heard == "two four"
    assert prompt.confidence == pytest.approx(WHISPER([1.0, 1.0]))
    assert prompt.bridge == copying().version


def test_rows_stay_as_they_are_even_between_tokens() -> None:
    between = [1.0, 0.5, 0.0, 0.0]
    prompt = Bridge(copying(), Table()).soft_prompt(features(frames(*[between] * 3)))
    np.testing.assert_allclose(prompt.rows, [between] * 3, atol=1e-6)
    assert prompt.heard == "one one one"
    assert prompt.confidence == pytest.approx(WHISPER([1 / np.sqrt(1.25)] * 3))


def test_padding_alone_is_nothing() -> None:
    prompt = Bridge(copying(), Table()).soft_prompt(features(frames(PADS, PADS, PADS)))
    assert prompt.rows.shape == (0, LLM_DIM)
    assert (prompt.heard, prompt.confidence) == ("", 0.0)


def test_confidence_does_not_fall_below_nothing() -> None:
    away = [0.0, -2.0, 0.0, 0.0]  # at best at right angles to every row
    prompt = Bridge(copying(), Table()).soft_prompt(features(frames(away, away, away)))
    assert 0 <= prompt.confidence < 1e-6


@pytest.mark.parametrize("kind", ["bridgeformer", "mlp", "linear", "ctc"])
def test_confidence_lies_between_nothing_and_all(kind: str) -> None:
    sizes = config(kind=kind, candidates=len(WORDS) if kind == "ctc" else 0)
    random = np.random.default_rng(0)
    for seed in range(5):
        bridge = Bridge(checkpoint(sizes, seed=seed), Table())
        heard = features(random.standard_normal((20, ENCODER_DIM)).astype(np.float32))
        assert 0 <= bridge.soft_prompt(heard).confidence <= 1


def test_an_emission_without_doubt_is_the_tokens_own_row() -> None:
    prompt = Bridge(emitting(t3=0.0), Table()).soft_prompt(features(frames(ONE, ONE)))
    np.testing.assert_allclose(prompt.rows, Table().rows([3]), atol=1e-6)
    assert prompt.heard == "three"
    assert prompt.confidence == pytest.approx(WHISPER([1.0]))


def test_an_emission_in_doubt_is_the_weighted_mixture_of_rows() -> None:
    doubtful = emitting(t2=float(np.log(0.5)), t4=float(np.log(0.3)), blank=float(np.log(0.2)))
    prompt = Bridge(doubtful, Table()).soft_prompt(features(frames(ONE, ONE)))
    two, four = Table().rows([2, 4])
    np.testing.assert_allclose(prompt.rows, [(5 * two + 3 * four) / 8], atol=1e-5)
    assert prompt.heard == "two"
    assert prompt.confidence == pytest.approx(WHISPER([0.5]))


def test_emissions_lie_in_the_convex_hull_of_the_rows() -> None:
    random = np.random.default_rng(1)
    sizes = config(kind="ctc", candidates=4)
    tokens = np.arange(1, 5)  # whose rows are at right angles, so that weights can be read off
    for seed in range(5):
        ours = checkpoint(sizes, seed=seed, token_ids=tokens)
        heard = features(random.standard_normal((30, ENCODER_DIM)).astype(np.float32))
        prompt = Bridge(ours, Table()).soft_prompt(heard)
        weights = prompt.rows / 2
        assert weights.min() >= 0
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
        nearest = tokens[weights.argmax(axis=1)]
        assert prompt.heard == Table().text(nearest.tolist()).strip()


def test_blanks_alone_are_nothing_to_the_ctc_bridge() -> None:
    prompt = Bridge(emitting(blank=0.0), Table()).soft_prompt(features(frames(ONE)))
    assert prompt.rows.shape == (0, LLM_DIM)
    assert (prompt.heard, prompt.confidence) == ("", 0.0)


def test_candidates_can_be_a_part_of_the_vocabulary() -> None:
    sizes = config(kind="ctc", candidates=2)
    weights: dict[str, Tensor] = TokenCTC(ENCODER_DIM, 2, 8, 2, 1).state_dict()
    weights["output.weight"].zero_()
    weights["output.bias"].copy_(torch.tensor([0.0, 0.0, 100.0]))
    ours = checkpoint(sizes, weights=weights, token_ids=np.array([1, 4]))
    prompt = Bridge(ours, Table()).soft_prompt(features(frames(ONE)))
    assert prompt.heard == "four"
    np.testing.assert_allclose(prompt.rows, Table().rows([4]), atol=1e-6)


def test_features_of_another_encoder_are_refused() -> None:
    bridge = Bridge(copying(), Table())
    with pytest.raises(MismatchError, match=r"encoder-1, but these come from encoder-2\. Set"):
        bridge.soft_prompt(features(frames(ONE), "encoder-2"))


def test_another_embedding_table_is_refused() -> None:
    with pytest.raises(MismatchError, match="another language model"):
        Bridge(copying(), Table("table-2"))


@pytest.mark.parametrize(
    "broken",
    [
        checkpoint(token_ids=np.array([1, 99])),
        checkpoint(token_ids=np.array([], np.int64)),
        checkpoint(token_ids=np.array([[1, 2]])),
        checkpoint(config(llm_dim=LLM_DIM + 1)),
        checkpoint(config(kind="ctc", candidates=3)),
    ],
)
def test_tokens_that_do_not_fit_the_header_are_refused(broken: Checkpoint) -> None:
    with pytest.raises(CheckpointError, match=r"'--route transcript'"):
        Bridge(broken, Table())


def test_whether_a_bridge_was_accepted_is_known() -> None:
    assert Bridge(checkpoint(accepted=True), Table()).accepted
    assert not Bridge(checkpoint(), Table()).accepted
