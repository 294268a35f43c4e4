"""The kind of bridge that goes with an encoder, and one learned beside the bundled Whisper."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from assistant.bridge import checkpoint
from assistant.encode.encoder import open_encoder
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.personalise.heads import STEPS
from assistant.personalise.hearing import Heard
from assistant.personalise.progress import Encoded, Event, Judged, Stepped
from assistant.personalise.promote import BridgeFolder
from assistant.personalise.request import Request
from assistant.personalise.session import fitting, retrain
from assistant.values import EndReason, Utterance
from models.recipe.pack import EXAMPLES
from tests.encode import tiny
from tests.encode.sounds import examples
from tests.personalise.material import letters_head
from tests.personalise.pupil import BEGAN, settings


def heard(*, letters: bool = False, transcribes: bool = False) -> Heard:
    return Heard(
        fingerprint="encoder-1",
        dim=4,
        spelling=None,
        untrained=letters_head().checkpoint if letters else None,
        transcribes=transcribes,
        train=(),
        held_out=(),
    )


@pytest.mark.parametrize(
    ("wished", "letters", "transcribes", "head"),
    [
        ("letters", True, True, "letters"),
        ("letters", False, True, "anchored"),  # a Whisper with words
        ("letters", False, False, "pooled"),  # one without
        ("anchored", False, True, "anchored"),
        ("anchored", True, True, "anchored"),
        ("pooled", False, True, "pooled"),
        ("ctc", True, True, "ctc"),
    ],
)
def test_what_is_trained_goes_with_what_the_encoder_writes(
    wished: str, head: str, tmp_path: Path, *, letters: bool, transcribes: bool
) -> None:
    before = settings(tmp_path, personalise__head=wished, personalise__steps=0)
    after = fitting(before, heard(letters=letters, transcribes=transcribes)).personalise
    assert (after.head, after.steps) == (head, STEPS[head])
    assert (before.personalise.head, before.personalise.steps) == (wished, 0)
    assert after.model_copy(update={"head": wished, "steps": 0}) == before.personalise


def test_as_many_steps_as_wished_are_taken(tmp_path: Path) -> None:
    before = settings(tmp_path, personalise__steps=7)
    assert fitting(before, heard(transcribes=True)).personalise.steps == 7


def test_an_encoder_says_whether_it_has_letters_or_words(tmp_path: Path) -> None:
    def of(folder: Path) -> tuple[bool, bool]:
        found = Heard.by(open_encoder(settings(tmp_path, encode__path=folder).encode), [])
        return found.untrained is not None, found.transcribes

    assert of(tiny.write(tmp_path / "letters")) == (True, True)
    assert of(tiny.write_speaking_whisper(tmp_path / "words")) == (False, True)
    assert of(tiny.write_whisper(tmp_path / "nothing")) == (False, False)


def test_beside_the_bundled_whisper_a_bridge_is_learned_and_judged(tmp_path: Path) -> None:
    wished = settings(
        tmp_path,
        personalise__steps=3,
        personalise__replay=2,
        personalise__canaries=2,
        personalise__held_out=0.4,
        generate__max_tokens=4,
    )
    events: list[Event] = []
    with Journal.open(wished.journal) as journal:
        for number, (samples, text) in enumerate(zip(examples(), EXAMPLES, strict=True)):
            moment = BEGAN + timedelta(minutes=number)
            said = Utterance(samples, moment, EndReason.STOP)
            journal.enrolled(said, text, Taught.ENROLLED)
        verdict = retrain(wished, Request(), events.append, threading.Event())
        assert isinstance(verdict, Judged)
        assert verdict.why
        record = Lineage(journal).find(verdict.version)
        assert (record.head, record.start) == ("anchored", "scratch")
        assert record.accepted is verdict.accepted
        encoder = open_encoder(wished.encode)
        turn = next(iter(journal.turns()))
        kept = journal.features(turn.id, encoder.fingerprint)
    assert kept is not None
    assert kept.frames.shape[1] == 384
    assert np.isfinite(kept.frames).all()
    assert sum(isinstance(event, Encoded) for event in events) == len(EXAMPLES) + 4
    assert [event.step for event in events if isinstance(event, Stepped)] == [1, 2, 3]
    learned = checkpoint.read(BridgeFolder(wished.bridges).path(verdict.version))
    assert learned.config.kind == "anchored"
    assert learned.config.encoder_dim == 384
    assert learned.encoder == encoder.fingerprint
