from __future__ import annotations

import torch

from assistant.nets.letters import NEIGHBOURS, Letters

DIM, SYMBOLS = 6, 5


def untrained() -> tuple[Letters, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    weight, bias = torch.randn(SYMBOLS, DIM), torch.randn(SYMBOLS)
    network = Letters(DIM, SYMBOLS)
    network.begin(weight, bias)
    return network, weight, bias


def test_untrained_it_is_the_encoders_own_head() -> None:
    network, weight, bias = untrained()
    frames = torch.randn(2, 9, DIM)
    torch.testing.assert_close(network(frames), frames @ weight.T + bias)


def test_the_head_stays_what_it_is() -> None:
    network, *_ = untrained()
    network(torch.randn(1, 4, DIM)).sum().backward()
    assert network.head.weight.grad is None
    assert network.affine.weight.grad is not None


def test_padding_changes_nothing() -> None:
    network, *_ = untrained()
    torch.nn.init.normal_(network.neighbours.weight)
    short, long = torch.randn(5, DIM), torch.randn(12, DIM)
    padded = torch.full((2, 12, DIM), 7.0)
    padded[0, :5], padded[1] = short, long
    together = network(padded, torch.tensor([5, 12]))
    torch.testing.assert_close(together[0, :5], network(short[None])[0])
    torch.testing.assert_close(together[1], network(long[None])[0])


def test_a_frame_is_corrected_from_its_neighbours_and_from_no_further() -> None:
    network, *_ = untrained()
    torch.nn.init.normal_(network.neighbours.weight)
    frames = torch.randn(1, 30, DIM)
    changed = frames.clone()
    changed[0, 10] += 1
    differs = (network(frames) != network(changed)).any(-1)[0]
    assert differs.nonzero().flatten().tolist() == list(range(10 - NEIGHBOURS, 10 + NEIGHBOURS + 1))
