from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
import torch

from assistant.bridge import checkpoint
from assistant.bridge.checkpoint import Checkpoint
from assistant.config import Settings
from assistant.errors import TrainingError
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.data.common_talk import sentences
from assistant.personalise.judging.gate import Verdict
from assistant.personalise.training.ending import candidate_of
from assistant.personalise.training.events import (
    Collected,
    Encoded,
    Event,
    Judged,
    Nothing,
    Stepped,
)
from assistant.personalise.training.request import Request
from assistant.personalise.training.retrain import STATE, alone, retrain
from assistant.personalise.training.trainer import Interrupted, Trained
from assistant.values import MICROPHONE, EndReason, Utterance
from tests.encode import tiny
from tests.encode.sounds import utterance as noise
from tests.journal.exchanges import record_of
from tests.personalise.pupil import BEGAN, Pupil, settings


@pytest.fixture(scope="module")
def pupil() -> Pupil:
    return Pupil.speaking(30)


def test_a_speaker_is_learned_judged_and_promoted_and_no_feature_made_twice(
    tmp_path: Path, pupil: Pupil
) -> None:
    wished = settings(tmp_path)
    with Journal.open(wished.journal) as journal:
        turns = pupil.teach(journal)
        events: list[Event] = []
        verdict = retrain(wished, Request(), events.append, threading.Event())
        assert isinstance(verdict, Judged)
        assert verdict.accepted, verdict.why
        assert events[-1] == verdict
        assert isinstance(events[0], Collected)
        assert sum(isinstance(event, Encoded) for event in events) == 30 + 24 + 8
        steps = [event for event in events if isinstance(event, Stepped)]
        assert [event.step for event in steps] == list(range(1, steps[-1].step + 1))

        folder = BridgeFolder(wished.bridges)
        assert folder.current == verdict.version
        learned = checkpoint.read(folder.path(verdict.version))
        assert learned.accepted
        record = record_of(Lineage(journal), verdict.version)
        assert record.accepted
        assert set(record.turns) < set(turns)
        assert len(record.turns) == events[0].train
        assert learned.provenance["examples"] == list(record.turns)
        assert record.verdict is not None
        assert record.verdict["after_rouge1"] == verdict.numbers["after_rouge1"]
        assert not (wished.bridges / STATE).exists()

        again: list[Event] = []
        retrain(wished, Request(), again.append, threading.Event())
        assert not any(isinstance(event, Encoded) for event in again)


def test_what_would_harm_other_voices_is_kept_in_part(
    tmp_path: Path, pupil: Pupil, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[Checkpoint] = []

    def verdict_on(
        _settings: Settings, _heard: object, _trained: object, candidate: Checkpoint, _tell: object
    ) -> Verdict:
        judged.append(candidate)
        return Verdict(
            accepted=len(judged) > 1, why="asked", numbers={}, harms_others=len(judged) == 1
        )

    monkeypatch.setattr("assistant.personalise.training.retrain.verdict_on", verdict_on)
    wished = settings(tmp_path, personalise__steps=3)
    with Journal.open(wished.journal) as journal:
        pupil.teach(journal)
        verdict = retrain(wished, Request(), lambda _: None, threading.Event())
        records = Lineage(journal).records()
    assert isinstance(verdict, Judged)
    assert [each.provenance["kept"] for each in judged] == [1.0, 0.7]
    assert [(each.version, each.accepted) for each in records] == [
        (judged[1].version, True),
        (judged[0].version, False),
    ]
    folder = BridgeFolder(wished.bridges)
    assert folder.current == verdict.version == judged[1].version
    whole, part = judged[0].weights, judged[1].weights
    assert any(not torch.equal(whole[name], part[name]) for name in whole)
    half = candidate_of(judged[0], Trained(part, records[0].curve), 0.5).weights
    assert all(torch.allclose(half[name], (whole[name] + part[name]) / 2) for name in whole)


def test_an_encoder_that_writes_no_letters_teaches_a_pooled_bridge(tmp_path: Path) -> None:
    encoder = tiny.write_whisper(tmp_path / "whisper")
    wished = settings(tmp_path, encode__path=encoder, personalise__steps=1)
    with Journal.open(wished.journal) as journal:
        for number, text in enumerate(sentences(20)):
            moment = BEGAN + timedelta(minutes=number)
            said = Utterance(
                noise(8_000, number).samples, moment, EndReason.STOP, source=MICROPHONE
            )
            journal.enrolled(said, text, Taught.ENROLLED)
        nothing = retrain(wished, Request(), lambda _: None, threading.Event())
        assert isinstance(nothing, Nothing)
        assert "does not write letters" in nothing.why
        pooled = settings(
            tmp_path, encode__path=encoder, personalise__steps=1, personalise__head="pooled"
        )
        verdict = retrain(pooled, Request(), lambda _: None, threading.Event())
    assert isinstance(verdict, Judged)


def test_shuffled_texts_are_rejected_and_nothing_is_promoted(tmp_path: Path, pupil: Pupil) -> None:
    for seed in range(2):
        wished = settings(tmp_path / str(seed), personalise__seed=seed)
        with Journal.open(wished.journal) as journal:
            pupil.teach(journal, shuffled=seed)
        verdict = retrain(wished, Request(), lambda _event: None, threading.Event())
        assert isinstance(verdict, Judged)
        assert not verdict.accepted
        assert BridgeFolder(wished.bridges).current is None


@pytest.mark.parametrize(
    ("head", "start"), [("ctc", "base"), ("anchored", "scratch"), ("pooled", "scratch")]
)
def test_every_head_can_be_trained_and_judged(
    tmp_path: Path, pupil: Pupil, head: str, start: Literal["base", "scratch"]
) -> None:
    wished = settings(tmp_path, personalise__head=head, personalise__steps=4)
    with Journal.open(wished.journal) as journal:
        pupil.teach(journal)
        verdict = retrain(wished, Request(start), lambda _event: None, threading.Event())
        assert isinstance(verdict, Judged)
        record = record_of(Lineage(journal), verdict.version)
        assert (record.head, record.start, record.accepted) == (head, start, verdict.accepted)


def test_without_examples_or_without_enough_to_judge_by_there_is_nothing_to_do(
    tmp_path: Path, pupil: Pupil
) -> None:
    wished = settings(tmp_path)
    none = retrain(wished, Request(), lambda _event: None, threading.Event())
    assert none == Nothing(
        "There are no examples yet. The quickest way to add some is 'assistant enroll'."
    )
    with Journal.open(wished.journal) as journal:
        Pupil(pupil.spoken[:3]).teach(journal)
    few = retrain(wished, Request(), lambda _event: None, threading.Event())
    assert isinstance(few, Nothing)
    assert "are kept as a test" in few.why


def test_stopped_it_goes_on_with_the_same_training(tmp_path: Path, pupil: Pupil) -> None:
    wished = settings(tmp_path)
    with Journal.open(wished.journal) as journal:
        pupil.teach(journal)
    stop = threading.Event()

    def tell(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == 30:
            stop.set()

    with pytest.raises(Interrupted):
        retrain(wished, Request(), tell, stop)
    assert (wished.bridges / STATE).is_file()
    events: list[Event] = []
    assert isinstance(retrain(wished, Request(), events.append, threading.Event()), Judged)
    assert next(event.step for event in events if isinstance(event, Stepped)) == 31


def test_examples_erased_meanwhile_end_the_training_and_leave_nothing(
    tmp_path: Path, pupil: Pupil
) -> None:
    wished = settings(tmp_path)
    with Journal.open(wished.journal) as journal:
        turns = pupil.teach(journal)

        def tell(event: Event) -> None:
            if isinstance(event, Stepped) and event.step == 30:
                journal.delete(turns[:20])

        with pytest.raises(TrainingError, match="have been erased, so"):
            retrain(wished, Request(), tell, threading.Event())
    assert BridgeFolder(wished.bridges).versions() == []
    assert not (wished.bridges / STATE).exists()


def test_two_trainings_at_once_are_refused(tmp_path: Path) -> None:
    wished = settings(tmp_path)
    with (
        alone(wished.bridges),
        pytest.raises(TrainingError, match="A training is already running"),
    ):
        retrain(wished, Request(), lambda _event: None, threading.Event())
