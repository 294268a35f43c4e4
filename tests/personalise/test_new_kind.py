"""A kind of bridge that nobody has heard of needs a module and a line of the registry."""

from __future__ import annotations

import argparse
import ast
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

import assistant
from assistant.bridge.checkpoint import read
from assistant.bridge.connect import Bridge
from assistant.bridge.kinds import named, of
from assistant.bridge.kinds.kind import Source, TrainingContext
from assistant.cli.bridge import bootstrap
from assistant.config import load
from assistant.errors import BridgeError, ConfigError
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.kinds import REGISTRY, Entry
from assistant.personalise.bridges.spectrum import spectrum
from assistant.personalise.training.ending import candidate_of
from assistant.personalise.training.events import Judged
from assistant.personalise.training.request import Request
from assistant.personalise.training.retrain import retrain
from assistant.personalise.training.trainer import Material, Trainer
from assistant.personalise.training.transfer import carried
from tests.journal.exchanges import record_of
from tests.personalise.material import DIM, ENCODER, SPELLING, pair, pairs, settings
from tests.personalise.pupil import Pupil
from tests.personalise.pupil import settings as of_pupil
from tests.personalise.test_heads import Letters

PACKAGE = Path(assistant.__file__).parent
NAMES = {*REGISTRY, *(network for entry in REGISTRY.values() for network in entry.networks)}


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(REGISTRY, "toy", Entry("tests.bridge.toy_kind", ("toy",)))
    return "toy"


@pytest.fixture
def context(toy: str) -> TrainingContext:
    return TrainingContext(settings(head=toy, steps=60), Source(ENCODER, DIM), Letters())


def test_settings_and_commands_know_it(toy: str) -> None:
    assert load({"personalise.head": toy}, environ={}, files=()).settings.personalise.head == toy
    parser = argparse.ArgumentParser()
    bootstrap.add(parser.add_subparsers())
    assert parser.parse_args(["bootstrap", "--head", toy]).head == toy


def test_a_kind_that_is_not_registered_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError) as raised:
        load({"personalise.head": "toy"}, environ={}, files=())
    assert str(raised.value) == (
        "Setting 'personalise.head' from command line cannot be used: input should be 'auto', "
        "'adapted', 'letters', 'ctc', 'anchored' or 'pooled'."
    )


def test_it_is_trained_written_read_and_understands(
    context: TrainingContext, tmp_path: Path
) -> None:
    kind = named(context.settings.head)
    begun = kind.widened(kind.untrained(context, range(3)), range(9))
    head = kind.head(begun, context)
    said = [pair(text, seed=seed) for text in ("aa", "gg", "hh") for seed in range(4)]
    trainer = Trainer(head, Material(said, [], said), context.settings, tmp_path / "state", "toy")
    trained = trainer.run(lambda _point, _left: None, threading.Event(), 5)
    assert trained.has_learned
    candidate_of(head.checkpoint, trained, examples=[1]).write(tmp_path / "toy.safetensors")
    found = read(tmp_path / "toy.safetensors")
    assert of(found.config) is kind
    assert found.provenance["examples"] == [1]
    prompt = Bridge(found, Letters(), SPELLING).soft_prompt(pair("gg", seed=9).features)
    assert prompt.heard == "g"
    np.testing.assert_allclose(prompt.rows, Letters().rows(Letters().tokens("g")))
    assert spectrum(found).shape == (9, DIM)


def test_it_is_carried_over_to_another_language_model(context: TrainingContext) -> None:
    found = named("toy").untrained(context, range(9))
    after = carried(found, Letters(), Other()).checkpoint
    assert (after.table, after.config.kind) == ("table-2", "toy")
    features = pairs(1, 0)[0].features
    before, now = (
        Bridge(each, language).soft_prompt(features)
        for each, language in ((found, Letters()), (after, Other()))
    )
    assert now.heard == before.heard


def test_a_kind_that_cannot_be_carried_over_says_so(context: TrainingContext) -> None:
    letters = named("letters")
    with pytest.raises(BridgeError, match=r"cannot be transferred.*bridge bootstrap"):
        letters.carried(named("toy").untrained(context, range(9)), Letters(), Other(), set())


def test_a_training_makes_one_that_is_judged(toy: str, tmp_path: Path) -> None:
    wished = of_pupil(tmp_path, personalise__head=toy, personalise__steps=0)
    with Journal.open(wished.journal) as journal:
        Pupil.speaking(30).teach(journal)
        verdict = retrain(wished, Request(), lambda _event: None, threading.Event())
        assert isinstance(verdict, Judged)
        record = record_of(Lineage(journal), verdict.version)
    assert (record.head, record.start, record.accepted) == (toy, "scratch", verdict.accepted)
    assert record.curve[-1].step == named(toy).retrain_steps


def test_no_code_but_the_kinds_own_tells_them_apart() -> None:
    homes = (PACKAGE / "kinds.py", PACKAGE / "bridge" / "kinds")
    found = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in PACKAGE.rglob("*.py")
        if not any(path.is_relative_to(home) for home in homes)
        for line in ladders(path.read_text(encoding="utf-8"))
    ]
    assert not found


@pytest.mark.parametrize(
    "code",
    [
        "if head == 'letters': pass",
        "frozen = config.kind in ('ctc', 'bridgeformer')",
        "match kind:\n  case 'anchored': pass",
        "match kind:\n  case 'linear' | 'mlp': pass",
        "STEPS = {'letters': 1, 'ctc': 2}",
    ],
)
def test_a_ladder_is_seen(code: str) -> None:
    assert list(ladders(code))


def ladders(code: str) -> Iterator[int]:
    """Lines that compare with the name of a kind or network, or choose by several of them."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, (ast.Compare, ast.MatchValue)):
            if _names(node):
                yield node.lineno
        elif isinstance(node, ast.Dict) and sum(_names(key) for key in node.keys if key) > 1:
            yield node.lineno


def _names(node: ast.AST) -> int:
    """How many names of kinds and networks stand in an expression."""
    return sum(isinstance(each, ast.Constant) and each.value in NAMES for each in ast.walk(node))


class Other(Letters):
    """The same letters in another order."""

    embedding_fingerprint = "table-2"

    def tokens(self, text: str) -> list[int]:
        return [8 - token for token in super().tokens(text)]

    def text(self, tokens: Sequence[int]) -> str:
        return super().text([8 - token for token in tokens])
