"""The recipe's adapter for Whisper: what is learned is what the recogniser then hears with."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from assistant.config import EncodeSettings, starter_dir
from assistant.encode.adapter import BUNDLED, adapter_for, identity
from assistant.encode.encoder import open_encoder
from models.recipe.whisper_adapter import Said, Training, alike, begun, marked, slurred, write
from tests.encode.sounds import examples, said

WHISPER = starter_dir() / "whisper"
TEXTS = ("good morning", "what time is it")


@pytest.fixture
def training() -> Training:
    torch.set_num_threads(1)
    return begun(WHISPER, rate=1e-3, steps=40)


def utterances() -> list[Said]:
    pairs = zip(examples(), TEXTS, strict=False)
    return [Said(samples, text, slurred=False) for samples, text in pairs]


def test_what_is_learned_is_written_and_heard_with(training: Training, tmp_path: Path) -> None:
    before = training.check(utterances(), 2)
    for _ in range(3):
        training.step = 30  # at the full learning rate
        training.advance(utterances())
    assert training.check(utterances(), 2) < before
    path = tmp_path / BUNDLED
    write(path, training.network, WHISPER / "model.bin", share=0.5)
    settings = EncodeSettings.model_validate({"path": WHISPER, "adapter": path})
    found = adapter_for(settings, WHISPER / "model.bin")
    assert found is not None
    factors = training.network.factors()
    assert found.changes.keys() == factors.keys()
    for name, (up, down) in found.changes.items():
        whole = factors[name][0] @ factors[name][1]
        np.testing.assert_allclose(up @ down, whole / 2, atol=1e-3)
    assert open_encoder(settings).encode(said(examples()[0])).transcript.text


def test_a_training_goes_on_where_it_was(training: Training, tmp_path: Path) -> None:
    training.advance(utterances())
    training.save(tmp_path / "state")
    again = begun(WHISPER, rate=1e-3, steps=40)
    again.resume(tmp_path / "state")
    assert again.step == 1
    assert training.advance(utterances()) == again.advance(utterances())
    for one, other in zip(training.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_bundled_one_belongs_to_no_bundled_recogniser() -> None:
    settings = EncodeSettings.model_validate({"path": WHISPER})
    assert (starter_dir() / BUNDLED).is_file()
    assert adapter_for(settings, WHISPER / "model.bin") is None
    assert len(identity(WHISPER / "model.bin")) == 64


def test_utterances_of_about_one_length_are_learned_together_and_each_once() -> None:
    lengths = [int(each) for each in np.random.default_rng(0).permutation(400)]
    speech = (Said(np.zeros(length, np.float32), "", slurred=False) for length in lengths)
    batches = list(islice(alike(speech, 4, 1), 20))
    found = [len(each.samples) for batch in batches for each in batch]
    assert len(set(found)) == len(found)
    spread = [np.ptp([len(each.samples) for each in batch]) for batch in batches]
    assert np.median(spread) < 60


def test_slurred_speech_is_slower_and_flatter() -> None:
    columns = torch.rand(80, 200)
    torch.manual_seed(3)
    found = [slurred(columns) for _ in range(8)]
    assert all(200 <= each.shape[1] <= 380 for each in found)
    assert len({each.shape[1] for each in found}) > 1
    assert all(each.std() < columns.std() for each in found)


def test_a_question_ends_with_its_mark() -> None:
    assert marked("what time is it") == "what time is it?"
    assert marked("it is late") == "it is late"
