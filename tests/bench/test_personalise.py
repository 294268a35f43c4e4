"""The bench that teaches, from end to end with few sentences and steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.bridge.batch import Pair
from assistant.bridge.connect import Bridge
from assistant.config import load, starter_dir
from assistant.generate.llama import LlamaSession
from assistant.personalise.judging.gate import Measured
from assistant.personalise.judging.hearing import Hearing
from assistant.personalise.judging.score import Result
from assistant.personalise.training.ending import KEPT
from assistant.values import SpeechFeatures
from bench.learners import Learner
from bench.outcomes import Row
from bench.personalise import Bench, Remembered
from models.recipe.pack import EXAMPLES
from tests.encode.sounds import examples


def spoken() -> Iterator[tuple[NDArray[np.float32], str]]:
    yield from zip(examples(), EXAMPLES, strict=True)


LEARNER = Learner("Ann", 5, spoken)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Beside the bundled Whisper."""
    flags: dict[str, object] = {
        "encode.path": starter_dir() / "whisper",
        "encode.threads": 1,
        "generate.threads": 1,
        "generate.max_tokens": 4,
        "personalise.threads": 1,
        "personalise.memory_mb": 8_000,
        "personalise.replay": 2,
        "personalise.canaries": 2,
    }
    settings = load(flags, environ={}, files=()).settings
    with LlamaSession(settings.generate) as session:
        found = Bench(settings, session, None, tmp_path_factory.mktemp("out"))
        found.steps = 2
        yield found


def test_any_encoder_teaches_the_kinds_that_it_can(bench: Bench) -> None:
    assert "letters" not in bench.heads
    assert bench.learns == bench.heads[0]
    heads = bench.heads[:2]
    rows = list(bench.rows(LEARNER, (0, 5, 10), heads, ()))
    names = ["transcript", *heads, "Attune"]
    assert {(row.head, row.count) for row in rows} == {
        (name, at) for name in names for at in (0, 5)
    }
    of = {(row.head, row.count): row for row in rows}
    attune, transcript = of["Attune", 5], of["transcript", 5]
    assert attune.accepted in (True, False)
    if not attune.accepted:  # then the transcript answers as before
        assert (attune.word_error, attune.success) == (transcript.word_error, transcript.success)
    assert of["Attune", 0].accepted is None
    assert of["transcript", 0].word_error == transcript.word_error
    done = [row for row in rows if row.head != heads[1]]
    again = list(bench.rows(LEARNER, (0, 5), heads, done))
    assert [(row.head, row.count) for row in again] == [(heads[1], 0), (heads[1], 5)]


def test_what_is_known_is_not_even_heard(bench: Bench) -> None:
    def unheard() -> Iterator[tuple[NDArray[np.float32], str]]:
        raise AssertionError
        yield

    nothing = (0.0, 0.0)
    known = [
        Row("Ann", head, 0, 0.0, 0.0, nothing, 0.0, nothing, 0.0, 0.0, 0.0)
        for head in ("transcript", bench.learns, "Attune")
    ]
    assert list(bench.rows(Learner("Ann", 5, unheard), (0,), [bench.learns], known)) == []


def test_the_bridge_that_the_gate_accepted_last_stays_in_use(bench: Bench) -> None:
    user = LEARNER.heard(bench.encoder)
    taught = bench.train(bench.learns, user.taught)
    assert bench.used("Eve") is bench.base is None
    taught.candidate.write(bench.out / "in-use-Eve.safetensors")
    used = bench.used("Eve")
    assert used is not None
    assert used.version == taught.candidate.version


class Guarding:
    """A gate for which common talk suffers from some versions."""

    def __init__(self, harmful: set[str]) -> None:
        self.asked: list[str] = []
        self._harmful = harmful

    def measure(
        self, _before: object, after: Bridge, _held_out: object, _canaries: object
    ) -> Measured:
        self.asked.append(after.version)
        right, wrong = (
            Result(1.0, 1.0, equal=True, words=5, wrong=each, tokens=5, wrong_tokens=each)
            for each in (0, 5)
        )
        suffering = wrong if after.version in self._harmful else right
        return Measured([wrong] * 4, [wrong] * 4, [right] * 4, [right] * 4, [suffering] * 4)


@pytest.mark.parametrize(("harmful", "asked"), [(0, 1), (1, 2), (2, 3), (3, 3)])
def test_what_would_harm_other_voices_is_used_in_part_as_retrain_does(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, harmful: int, asked: int
) -> None:
    user = LEARNER.heard(bench.encoder)
    taught = replace(bench.train(bench.learns, user.taught), has_learned=True)
    assert [each.provenance["kept"] for each in taught.candidates] == list(KEPT)
    versions = [each.version for each in taught.candidates]
    gate = Guarding(set(versions[:harmful]))
    monkeypatch.setattr(bench, "gate", gate)
    name = f"Zoe {harmful}"
    assert bench.judged(name, taught) is (harmful < len(KEPT))
    assert gate.asked == versions[:asked]
    used = bench.used(name)
    version = used and used.version
    assert version == (None if harmful == len(KEPT) else versions[harmful])


def test_an_utterance_is_heard_once_with_each_bridge(bench: Bench) -> None:
    user = LEARNER.heard(bench.encoder)
    bridge = bench.join(bench.train(bench.learns, []).candidate)
    asked: list[Bridge | None] = []

    class Counting(Hearing):
        def __call__(self, bridge: Bridge | None, pair: Pair) -> SpeechFeatures:
            asked.append(bridge)
            return pair.features

    hearing = Remembered(Counting(bench.settings.encode))
    for each in (bridge, bridge, None, None):
        assert hearing(each, user.unseen[0]) is user.unseen[0].features
    assert asked == [bridge, None]
    hearing.forget()
    hearing(bridge, user.unseen[0])
    assert len(asked) == 3
