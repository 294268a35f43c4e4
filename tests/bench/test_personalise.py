"""The bench that teaches, from end to end with few sentences and steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.config import load, starter_dir
from assistant.generate.llama import LlamaSession
from bench.learners import Learner
from bench.outcomes import Row
from bench.personalise import Bench
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
