from __future__ import annotations

import pytest
import torch

from assistant.nets.tokenctc import BLANK, TokenCTC, emissions


def logits(*frames: dict[int, float], outputs: int = 5) -> torch.Tensor:
    """Logits of these posteriors; what is left of each frame goes to the other outputs."""
    strip = torch.zeros(len(frames), outputs)
    for row, frame in zip(strip, frames, strict=True):
        row.fill_((1 - sum(frame.values())) / max(1, outputs - len(frame)))
        for output, posterior in frame.items():
            row[output] = posterior
    return strip.log()


def read(*frames: dict[int, float]) -> list[int]:
    return emissions(logits(*frames))[0][:, 0].tolist()


A, B, BLANKS = {1: 0.9}, {3: 0.8}, {BLANK: 0.9}  # outputs 1 and 3 are candidates 0 and 2


def test_repeats_are_one_emission() -> None:
    assert read(A, A, A, B, B) == [0, 2]


def test_a_blank_between_repeats_makes_them_two() -> None:
    assert read(A, BLANKS, A, A) == [0, 0]


def test_blanks_alone_are_nothing() -> None:
    indexes, weights, certainty = emissions(logits(BLANKS, BLANKS), keep=3)
    assert indexes.shape == weights.shape == (0, 3)
    assert certainty.shape == (0,)


def test_blanks_around_and_at_the_ends_are_left_out() -> None:
    assert read(BLANKS, A, BLANKS, B, BLANKS) == [0, 2]
    assert read(A) == [0]


def test_alternatives_are_best_first_and_their_weights_sum_to_one() -> None:
    indexes, weights, certainty = emissions(logits({0: 0.2, 1: 0.5, 2: 0.05, 3: 0.15, 4: 0.1}))
    assert indexes.tolist() == [[0, 2, 3, 1]]
    torch.testing.assert_close(weights, torch.tensor([[0.5, 0.15, 0.1, 0.05]]) / 0.8)
    torch.testing.assert_close(certainty, torch.tensor([0.5]))


def test_only_as_many_alternatives_as_wished_for_are_kept() -> None:
    indexes, weights, _ = emissions(logits({0: 0.2, 1: 0.5, 2: 0.05, 3: 0.15, 4: 0.1}), keep=2)
    assert indexes.tolist() == [[0, 2]]
    torch.testing.assert_close(weights, torch.tensor([[0.5, 0.15]]) / 0.65)


def test_a_run_is_judged_by_its_most_certain_frame() -> None:
    indexes, weights, certainty = emissions(
        logits({1: 0.5, 3: 0.4}, {1: 0.7, 2: 0.2}, {1: 0.6, 4: 0.3}), keep=2
    )
    assert indexes.tolist() == [[0, 1]]
    torch.testing.assert_close(weights, torch.tensor([[0.7, 0.2]]) / 0.9)
    torch.testing.assert_close(certainty, torch.tensor([0.7]))


def test_a_padded_batch_gives_what_single_utterances_give() -> None:
    torch.manual_seed(0)
    head = TokenCTC(8, 6, hidden=16, heads=2, layers=2).eval()
    frames, lengths = torch.randn(3, 21, 8), torch.tensor([21, 4, 13])
    frames[1, 4:] = 100.0  # padding may hold anything
    together = head(frames, lengths)
    assert together.shape == (3, 21, 7)
    for row, n_frames in enumerate(lengths.tolist()):
        alone = head(frames[row : row + 1, :n_frames])[0]
        torch.testing.assert_close(together[row, :n_frames], alone)


def test_the_order_of_frames_matters() -> None:
    torch.manual_seed(0)
    head, frames = TokenCTC(8, 6, hidden=16, heads=2, layers=1).eval(), torch.randn(1, 20, 8)
    assert not torch.allclose(head(frames.flip(1)).flip(1), head(frames), atol=1e-3)


def test_there_must_be_candidates() -> None:
    with pytest.raises(ValueError, match="needs candidate tokens"):
        TokenCTC(8, 0)
