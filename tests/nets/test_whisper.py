"""Whisper for training hears what the same weights hear in CTranslate2."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from assistant.config import EncodeSettings, starter_dir
from assistant.encode.ctranslate import CTranslateEngine
from assistant.encode.mel import LogMel
from assistant.nets.ctranslate_weights import names, read
from assistant.nets.whisper import LowRank, Whisper, layers
from assistant.values import Adaptation
from tests.encode.sounds import examples
from tests.settings import block

FOLDER = starter_dir() / "whisper"
SETTINGS = block(EncodeSettings, path=FOLDER, execution="float", threads=1)


@pytest.fixture(scope="module")
def whisper() -> Whisper:
    return Whisper(read(FOLDER / "model.bin"))


def changes(size: float) -> LowRank:
    """Changes of all matrices of tiny.en."""
    torch.manual_seed(0)
    network = LowRank(384, 4, 4, 4)
    with torch.no_grad():
        for name, each in network.named_parameters():
            if name.endswith(".up"):
                each.copy_(torch.randn_like(each) * size)
    return network


def test_layers_are_counted_by_the_names_of_their_weights() -> None:
    assert layers(names(FOLDER / "model.bin")) == (4, 4)
    assert layers(["encoder/layer_norm/beta", "encoder/layer_0/a", "decoder/layer_10/b"]) == (1, 1)


@pytest.mark.parametrize("size", [0.0, 0.05])
def test_changed_or_not_it_is_the_model_that_ctranslate2_runs(
    whisper: Whisper, size: float
) -> None:
    network = changes(size)
    engine = CTranslateEngine(SETTINGS, Adaptation("v", network.factors()))
    samples = examples()[0]
    theirs = engine.encode(samples)
    silence = 2 * len(theirs.frames) * 160 - len(samples)
    columns = LogMel(80)(np.pad(samples, (0, silence)))
    start, text = engine.tokens.start("en"), engine.tokens.of("What time is it?")
    read_so_far = torch.tensor([[*start, *text]])
    wanted = torch.zeros(read_so_far.shape, dtype=torch.bool)
    wanted[:, len(start) - 1 : -1] = True
    with torch.inference_mode():
        frames = whisper._encoded(torch.as_tensor(columns)[None], network)[0]
        logits = whisper.logits(torch.as_tensor(columns)[None], read_so_far, wanted, network)
    # CTranslate2 rounds somewhat differently; in silence that may grow
    sound = slice(0, len(samples) // 320)
    assert np.abs(frames.numpy() - theirs.frames)[sound].mean() < 0.05
    logs = logits[:, : engine.tokens.end].log_softmax(-1)
    ours = float(logs.gather(1, torch.tensor(text)[:, None]).sum())
    assert ours == pytest.approx(float(engine.weigh(theirs.frames, start, [text])[0]), abs=0.5)


def test_the_change_changes_what_is_heard() -> None:
    plain = CTranslateEngine(SETTINGS).encode(examples()[0]).frames
    network = changes(0.05)
    other = CTranslateEngine(SETTINGS, Adaptation("v", network.factors())).encode(examples()[0])
    assert np.abs(plain - other.frames).mean() > 0.05


def test_only_the_changes_learn(whisper: Whisper) -> None:
    network = changes(0.0)
    columns = torch.zeros(1, 80, 200)
    wanted = torch.ones(1, 3, dtype=torch.bool)
    whisper.logits(columns, torch.tensor([[1, 2, 3]]), wanted, network).sum().backward()
    moved = {name for name, each in network.named_parameters() if each.grad is not None}
    assert len(moved) == len(dict(network.named_parameters()))
    assert not any(weight.requires_grad for weight in whisper._weights.values())
