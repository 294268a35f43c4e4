from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assistant.bridge.batch import Batch, EncodedPair
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.connect import Bridge
from assistant.bridge.kinds import named, projector
from assistant.bridge.kinds.anchored import AnchoredHead
from assistant.bridge.kinds.ctc import CTCHead
from assistant.bridge.kinds.kind import Source, TrainingContext
from assistant.bridge.kinds.letters import LettersHead
from assistant.bridge.kinds.pooled import PooledHead
from tests.personalise.material import DIM, ENCODER, SPELLING, letters_head, pair, settings

WIDTH = 5


class Letters:
    """An LLM whose tokens are a space and the letters a to h, its rows drawn once."""

    embedding_fingerprint = "table-1"
    size = 9
    pad = 0

    def __init__(self) -> None:
        rows = np.random.default_rng(0).normal(size=(9, WIDTH))
        self._rows = rows.astype(np.float32)

    def rows(self, token_ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        return self._rows[np.asarray(token_ids, np.int64)]

    def tokens(self, text: str) -> list[int]:
        return [" abcdefgh".index(letter) for letter in text]

    def text(self, tokens: Sequence[int]) -> str:
        return "".join(" abcdefgh"[token] for token in tokens)


class Fixed(nn.Module):
    """A network that always gives the same."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output

    def forward(self, _frames: Tensor, _lengths: Tensor) -> Tensor:
        return self.output


def begun(tokens: range, **changes: object) -> Checkpoint:
    """An untrained bridge of the kind that the settings name."""
    context = TrainingContext(settings(**changes), Source(ENCODER, DIM), Letters())
    return named(context.settings.head).untrained(context, tokens)


def test_untrained_letters_read_as_the_encoder_does() -> None:
    heard = pair("abc hag")
    bridge = Bridge(letters_head().checkpoint, Letters(), SPELLING)
    prompt = bridge.soft_prompt(heard.features)
    assert prompt.heard == heard.features.transcript.text == "abc hag"
    assert prompt.confidence == pytest.approx(heard.features.transcript.confidence)
    np.testing.assert_array_equal(prompt.rows, Letters().rows(Letters().tokens("abc hag")))


def test_untrained_anchors_read_as_the_encoder_does() -> None:
    language = Letters()
    found = begun(range(9), head="anchored")
    for text in ("abc hag", "a", "hhh ddd c"):
        heard = pair(text)
        prompt = Bridge(found, language, SPELLING).soft_prompt(heard.features)
        assert prompt.heard == heard.features.transcript.text
        assert prompt.confidence == pytest.approx(heard.features.transcript.confidence, abs=0.01)


def test_anchors_leave_a_hypothesis_that_they_do_not_know_as_it_is() -> None:
    found = begun(range(3), head="anchored")
    prompt = Bridge(found, Letters(), SPELLING).soft_prompt(pair("hag").features)
    assert prompt.heard == "hag"


def test_the_letters_loss_is_small_where_the_text_is_right_and_weighs_utterances() -> None:
    head = letters_head()
    network = projector(head.checkpoint)
    right, wrong = pair("abc"), EncodedPair(pair("abc").features, "hgf")
    of = [float(head.loss(network, Batch.of([each])).detach()) for each in (right, wrong)]
    assert of[0] < 0.5 < of[1]
    doubted = EncodedPair(wrong.features, wrong.text, weight=0.1)
    together = float(head.loss(network, Batch.of([right, doubted])).detach())
    assert together == pytest.approx((of[0] + 0.1 * of[1]) / 1.1, rel=0.05)


def test_a_ctc_bridge_can_be_given_more_tokens_without_reading_otherwise() -> None:
    found = begun(range(4), head="ctc")
    wider = named("ctc").widened(found, [2, 7, 8])
    assert wider.token_ids.tolist() == [0, 1, 2, 3, 7, 8]
    frames = torch.randn(1, 9, DIM)
    before, after = projector(found)(frames), projector(wider)(frames)
    torch.testing.assert_close(after[..., :5], before)
    assert named("ctc").widened(found, [1, 2]) is found
    loss = CTCHead(wider, Letters()).loss(projector(wider), Batch.of([pair("agh")]))
    assert torch.isfinite(loss)


def test_more_anchors_candidates_need_no_weights() -> None:
    found = begun(range(4), head="anchored")
    wider = named("anchored").widened(found, [8, 3])
    assert wider.token_ids.tolist() == [0, 1, 2, 3, 8]
    assert wider.config.candidates == 5
    assert wider.weights is found.weights


def test_the_anchored_loss_is_nothing_for_the_hypothesis_and_high_for_another_text() -> None:
    language = Letters()
    found = begun(range(9), head="anchored")
    head, network = AnchoredHead(found, language), projector(found)
    assert float(head.loss(network, Batch.of([pair("abc")])).detach()) < 0.01
    assert (
        float(head.loss(network, Batch.of([EncodedPair(pair("abc").features, "ghf")])).detach())
        > 1.0
    )
    silent = EncodedPair(pair("abc").features, "abc")
    object.__setattr__(silent.features.transcript, "text", "")
    assert float(head.loss(network, Batch.of([silent])).detach()) == 0.0


def test_the_pooled_loss_is_nothing_where_slots_are_the_cast_rows() -> None:
    language = Letters()
    found = begun(range(9), head="pooled", slots=6)
    assert found.pad == 0
    head = PooledHead(found, language, 0, 1.0, 1.0)
    batch = Batch.of([pair("abc"), pair("hhhhhhhh")])
    wanted = np.array([[1, 2, 3, 0, 0, 0], [8] * 6])
    exact = torch.tensor(language.rows(wanted.ravel()).reshape(2, 6, WIDTH))
    assert float(head.loss(Fixed(exact), batch).detach()) == pytest.approx(0.0, abs=1e-6)
    assert float(head.loss(Fixed(-exact), batch).detach()) > 2.0


def test_another_seed_begins_otherwise() -> None:
    one, two, three = (begun(range(9), head="ctc", seed=seed) for seed in (1, 1, 2))
    assert one.version == two.version != three.version


def test_labels_are_the_symbols_that_spell_the_text() -> None:
    assert SPELLING.labels("abc Hag") == [2, 3, 4, 1, 9, 2, 8]
    assert SPELLING.labels("a-z") == [2]
    assert isinstance(letters_head(), LettersHead)
