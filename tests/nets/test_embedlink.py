from __future__ import annotations

import numpy as np
import pytest
import torch

from assistant.nets.embedlink import cast, loss, targets

PAD = 9


def test_tokens_are_padded_or_truncated_to_the_slots() -> None:
    assert cast([1, 2], 4, PAD) == [1, 2, PAD, PAD]
    assert cast([1, 2, 3, 4], 4, PAD) == [1, 2, 3, 4]
    assert cast([1, 2, 3, 4, 5], 4, PAD) == [1, 2, 3, 4]
    assert cast([], 2, PAD) == [PAD, PAD]


def test_targets_are_the_rows_of_the_cast_tokens() -> None:
    rows = np.random.default_rng(0).standard_normal((10, 6)).astype(np.float32)
    wanted = targets([[3], [1, 2, 4]], rows, 2, PAD)
    np.testing.assert_array_equal(wanted.numpy(), rows[[[3, PAD], [1, 2]]])


def test_equal_embeddings_have_no_loss() -> None:
    audio = torch.randn(2, 3, 5)
    torch.testing.assert_close(loss(audio, audio.clone()), torch.tensor(0.0))


def test_loss_by_hand() -> None:
    audio = torch.tensor([[[3.0, 0.0], [1.0, 1.0]]])
    text = torch.tensor([[[0.0, 4.0], [2.0, 2.0]]])
    # squared errors 9, 16, 1, 1; cosines 0 and 1
    torch.testing.assert_close(loss(audio, text), torch.tensor(27 / 4 + 0.5))
    torch.testing.assert_close(loss(audio, text, alpha=2.0), torch.tensor(27 / 2 + 0.5))
    torch.testing.assert_close(loss(audio, text, beta=0.0), torch.tensor(27 / 4))
    torch.testing.assert_close(loss(audio, text, alpha=0.0, beta=3.0), torch.tensor(1.5))


@pytest.mark.parametrize("slot", [0, 2])
def test_a_step_down_the_gradient_comes_nearer(slot: int) -> None:
    audio, text = torch.zeros(1, 3, 4), torch.zeros(1, 3, 4)
    audio[..., 0], text[..., 0] = 1.0, 1.0
    audio[0, slot, 1] = 0.5
    audio.requires_grad_()
    before = loss(audio, text)
    (slope,) = torch.autograd.grad(before, audio)
    assert slope[0, slot].abs().sum() > 0
    assert loss(audio - 0.1 * slope, text) < before
