from __future__ import annotations

import random
import shutil
import threading
from pathlib import Path

import pytest

from assistant.config import Settings
from assistant.journal.store import Journal
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.data.examples import examples
from assistant.personalise.data.features import hear
from assistant.personalise.training.events import Judged
from assistant.personalise.training.request import Request
from assistant.personalise.training.retrain import retrain
from tests.personalise.pupil import Pupil, settings
from tests.soak.ledger import Ledger


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with all features made."""
    folder = tmp_path_factory.mktemp("taught")
    wished = settings(folder)
    with Journal.open(wished.journal) as journal:
        Pupil.speaking(30).teach(journal)
        found = examples(journal.turns(), wished.personalise)
        wished.bridges.mkdir()
        hear(wished, journal, found, lambda _done, _of: None)
    return folder


@pytest.mark.soak
@pytest.mark.parametrize("held_out_too", [False, True], ids=["trained", "all"])
@pytest.mark.parametrize("seed", range(20))
def test_what_was_taught_by_the_texts_of_others_is_rejected(
    seed: int, *, held_out_too: bool, tmp_path: Path, taught: Path
) -> None:
    def live() -> dict[str, object]:
        folder = shutil.copytree(taught, tmp_path / "home")
        # common talk must not be what saves the gate
        wished = settings(folder, personalise__seed=seed, personalise__canary_margin=1)
        shuffle(wished, random.Random(seed), held_out_too=held_out_too)
        verdict = retrain(wished, Request(), lambda _event: None, threading.Event())
        assert isinstance(verdict, Judged)
        assert not verdict.accepted, verdict.numbers
        assert BridgeFolder(wished.bridges).current is None
        return {"counts": {"rejected": 1}, "why": verdict.why}

    Ledger("shuffled-all" if held_out_too else "shuffled").settle(seed, live)


def shuffle(wished: Settings, rng: random.Random, *, held_out_too: bool) -> None:
    """Give every utterance another one's text; those held out only if wished."""
    with Journal.open(wished.journal) as journal:
        turns = [
            example
            for example in examples(journal.turns(), wished.personalise)
            if held_out_too or not example.held_out
        ]
        order = list(range(len(turns)))
        rng.shuffle(order)
        # along a random circle: nobody keeps the own text
        for here, there in zip(order, order[1:] + order[:1], strict=True):
            journal.correct(turns[here].turn, turns[there].text)
