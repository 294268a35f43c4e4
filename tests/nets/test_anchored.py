from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from assistant.nets.anchored import NOTHING, Anchored, Anchors, aligned, spans

DIM, LLM_DIM, CANDIDATES = 6, 8, 7


def anchors(*tokens: int, frames: int = 20) -> Anchors:
    each = frames // len(tokens)
    first = torch.arange(len(tokens))[None] * each
    return Anchors(torch.tensor([tokens]), first, first + each, torch.tensor([len(tokens)]))


def test_untrained_it_says_the_hypothesis() -> None:
    for seed in range(5):
        torch.manual_seed(seed)
        network = Anchored(DIM, LLM_DIM, hidden=16, heads=2)
        rows = functional.normalize(torch.randn(CANDIDATES, LLM_DIM), dim=-1)
        logits = network(torch.randn(1, 20, DIM), anchors(3, 0, 6), rows)
        assert logits.shape == (1, 3, 2, CANDIDATES + 1)
        assert logits[0, :, 0].argmax(-1).tolist() == [4, 1, 7]
        assert logits[0, :, 1].argmax(-1).tolist() == [NOTHING] * 3
        assert logits.softmax(-1).amax(-1).min() > 0.99


def test_a_slot_sees_the_mean_of_its_own_frames() -> None:
    frames = torch.arange(20.0)[None, :, None].expand(1, 20, 2)
    assert spans(frames, anchors(1, 2))[0, :, 0].tolist() == [4.5, 14.5]


def test_it_learns_to_put_another_token_in_place() -> None:
    torch.manual_seed(0)
    network = Anchored(DIM, LLM_DIM, hidden=16, heads=2)
    rows = functional.normalize(torch.randn(CANDIDATES, LLM_DIM), dim=-1)
    frames, heard = torch.randn(1, 20, DIM), anchors(3, 0, 6)
    wanted = torch.tensor([4, NOTHING, NOTHING, NOTHING, 3, 2])  # keep; drop; two others
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-2)
    for _ in range(300):
        loss = functional.cross_entropy(network(frames, heard, rows).flatten(0, 2), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert network(frames, heard, rows).flatten(0, 2).argmax(-1).tolist() == wanted.tolist()


@pytest.mark.parametrize(
    ("hypothesis", "text", "said"),
    [
        ("abc", "abc", ["a", "b", "c"]),
        ("abc", "axc", ["a", "x", "c"]),
        ("abc", "ac", ["a", "", "c"]),
        ("ac", "abc", ["ab", "c"]),
        ("bc", "abc", ["ab", "c"]),
        ("a", "abc", ["ab"]),
        ("abc", "", ["", "", ""]),
        ("", "abc", []),
    ],
)
def test_slots_say_the_text_with_the_fewest_changes(
    hypothesis: str, text: str, said: list[str]
) -> None:
    found = aligned([ord(c) for c in hypothesis], [ord(c) for c in text])
    assert ["".join(chr(t) for t in slot if t is not None) for slot in found] == said
