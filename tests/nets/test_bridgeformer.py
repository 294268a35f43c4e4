from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from assistant.nets.bridgeformer import BridgeFormer, EncoderLayer, pool


def small(slots: int = 5) -> BridgeFormer:
    torch.manual_seed(0)
    return BridgeFormer(8, 24, hidden=16, heads=2, layers=2, slots=slots).eval()


def test_defaults_are_the_papers() -> None:
    former = BridgeFormer(768, 2048)
    heads = [layer.heads for layer in former.layers if isinstance(layer, EncoderLayer)]
    assert heads == [4, 4, 4, 4]
    assert former.norm.normalized_shape == (256,)
    assert former.slots == 30


def test_every_size_is_a_setting() -> None:
    former = BridgeFormer(8, 24, hidden=12, heads=3, layers=5, slots=7)
    heads = [layer.heads for layer in former.layers if isinstance(layer, EncoderLayer)]
    assert heads == [3] * 5
    assert former.norm.normalized_shape == (12,)
    assert former(torch.randn(2, 11, 8)).shape == (2, 7, 24)


def test_shapes_follow_the_equations() -> None:
    former, seen = small(), dict[str, tuple[int, ...]]()

    def see(name: str, _module: nn.Module, taken: Any, given: Any) -> None:
        seen[f"{name} in"], seen[f"{name} out"] = tuple(taken[0].shape), tuple(given.shape)

    for name in ("input", "norm", "output"):
        former.get_submodule(name).register_forward_hook(partial(see, name))
    former(torch.randn(3, 40, 8))
    assert seen == {
        "input in": (3, 40, 8),  # eq. 1: (B, L, D_a) to (B, L, H)
        "input out": (3, 40, 16),
        "norm in": (3, 40, 16),  # eq. 2: attention keeps the shape
        "norm out": (3, 40, 16),
        "output in": (3, 5, 16),  # eq. 3: pooled to T slots
        "output out": (3, 5, 24),  # eq. 4: (B, T, D_l)
    }


def test_attention_is_that_of_torch() -> None:
    torch.manual_seed(1)
    ours = EncoderLayer(16, 4)
    theirs = nn.TransformerEncoderLayer(
        16, 4, 64, dropout=0.0, activation=functional.gelu, batch_first=True, norm_first=True
    )
    names = {
        "norm_attention": "norm1",
        "qkv": "self_attn.in_proj_",
        "out": "self_attn.out_proj",
        "norm_feed_forward": "norm2",
        "feed_forward.0": "linear1",
        "feed_forward.2": "linear2",
    }
    theirs.load_state_dict(
        {
            names[module] + ("" if module == "qkv" else ".") + kind: weight
            for name, weight in ours.state_dict().items()
            for module, _, kind in [name.rpartition(".")]
        }
    )
    x = torch.randn(2, 9, 16)
    # in training mode torch takes its plain path, without its fused kernel
    torch.testing.assert_close(ours(x, None), theirs.train()(x))


def test_without_positions_frames_can_change_places_before_pooling() -> None:
    former, order = small(), torch.randperm(20)
    before: list[Any] = []
    former.norm.register_forward_hook(lambda _module, _taken, given: before.append(given))
    frames = torch.randn(1, 20, 8)
    former(frames)
    former(frames[:, order])
    torch.testing.assert_close(before[1], before[0][:, order])


def test_frames_can_change_places_within_a_slot_but_not_between_slots() -> None:
    former, frames = small(), torch.randn(1, 20, 8)  # four frames per slot
    within = torch.tensor([3, 1, 0, 2, *range(4, 20)])
    between = torch.tensor([19, *range(1, 19), 0])
    slots = former(frames)
    torch.testing.assert_close(former(frames[:, within]), slots)
    moved = (former(frames[:, between]) - slots).abs().amax(dim=-1)[0]
    assert moved.min() < moved.max() / 2  # the first and the last slot alone
    assert moved.argsort(descending=True)[:2].sort().values.tolist() == [0, 4]


@pytest.mark.parametrize("slots", [1, 4, 30])
def test_pooling_is_adaptive_average_pooling(slots: int) -> None:
    for n_frames in (1, 2, 3, 7, 29, 30, 31, 59, 60, 100, 333):
        frames = torch.randn(1, n_frames, 6)
        wanted = functional.adaptive_avg_pool1d(frames.transpose(1, 2), slots).transpose(1, 2)
        torch.testing.assert_close(pool(frames, torch.tensor([n_frames]), slots), wanted)


def test_a_padded_batch_gives_what_single_utterances_give() -> None:
    former, lengths = small(), torch.tensor([17, 3, 9, 1])
    frames = torch.randn(4, 17, 8)
    together = former(frames, lengths)
    for row, n_frames in enumerate(lengths.tolist()):
        torch.testing.assert_close(together[row], former(frames[row : row + 1, :n_frames])[0])


def test_padding_may_hold_anything() -> None:
    former, lengths = small(), torch.tensor([8, 4])
    frames = torch.randn(2, 8, 8)
    quiet = former(frames, lengths)
    frames[1, 4:] = 1e3
    torch.testing.assert_close(former(frames, lengths), quiet)
