"""Weights of the recogniser itself learn: trained, judged, used by a turn, and erased.

The voice is simulated: espeak-ng reading English with another language's sounds, slow and slurred.
"""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from assistant import composition
from assistant.bridge import kinds
from assistant.bridge.batch import EncodedPair
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.connect import Bridge
from assistant.bridge.kinds.adapted import AdaptedHead
from assistant.bridge.kinds.kind import Source, TrainingContext
from assistant.config import PersonaliseSettings
from assistant.encode.encoder import Encoder, adapt, open_encoder
from assistant.errors import MismatchError, TrainingError
from assistant.generate.llama import LlamaSession
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.personalise.bridges.erasure import erase
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.data.features import source_of
from assistant.personalise.judging.hearing import Hearing
from assistant.personalise.judging.score import edits
from assistant.personalise.training.events import Encoded, Event, Judged
from assistant.personalise.training.request import Request
from assistant.personalise.training.retrain import retrain
from assistant.personalise.training.trainer import Interrupted, Material, Trained, Trainer
from assistant.values import MICROPHONE, EndReason, Utterance
from bench.speakers import SPEAKERS
from tests.journal.exchanges import record_of
from tests.personalise.material import WHISPER, Unasked
from tests.personalise.pupil import BEGAN, settings
from tests.settings import block

SAID = (
    "please close the door behind you",
    "the soup is hot so blow on it",
    "my sister is visiting us this weekend",
    "we saw two sheep on the hill",
)
STEPS = 16


def utterances() -> list[Utterance]:
    return [SPEAKERS[0].say(text, number) for number, text in enumerate(SAID)]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return open_encoder(settings(Path(), encode__path=WHISPER).encode)


@pytest.fixture(scope="module")
def taught(encoder: Encoder) -> list[EncodedPair]:
    return [
        EncodedPair(encoder.encode(said), text, samples=said.samples)
        for said, text in zip(utterances(), SAID, strict=True)
    ]


@pytest.fixture(scope="module")
def head(encoder: Encoder) -> AdaptedHead:
    source = source_of(encoder)
    kind = kinds.named(kinds.fitting("auto", source))
    context = TrainingContext(wished(), source, Unasked())
    head = kind.head(kind.untrained(context, ()), context)
    assert isinstance(head, AdaptedHead)
    return head


def wished(**changes: object) -> PersonaliseSettings:
    return block(PersonaliseSettings, **{"steps": STEPS, "memory_mb": 8_000} | changes)


def trained(
    head: AdaptedHead,
    taught: list[EncodedPair],
    state: Path,
    stop: threading.Event,
    wants: PersonaliseSettings,
    after: int = 0,
) -> Trained:
    """A training, which is stopped after some steps if it is to be."""
    trainer = Trainer(head, Material(taught, [], taught[:1]), wants, state, "name")
    return trainer.run(lambda point, _: stop.set() if point.step == after else None, stop, 60)


def candidate(head: AdaptedHead, found: Trained) -> Checkpoint:
    provenance = {"examples": [1]}
    return replace(head.checkpoint, weights=found.weights, accepted=True, provenance=provenance)


@pytest.fixture(scope="module")
def learned(
    head: AdaptedHead, taught: list[EncodedPair], tmp_path_factory: pytest.TempPathFactory
) -> Checkpoint:
    state = tmp_path_factory.mktemp("state") / "training.safetensors"
    return candidate(head, trained(head, taught, state, threading.Event(), wished()))


def test_it_reads_what_it_was_taught_better_than_before(
    encoder: Encoder, taught: list[EncodedPair], learned: Checkpoint, llm: LlamaSession
) -> None:
    bridge = Bridge(learned, llm.vocabulary)
    hearing = Hearing(settings(Path(), encode__path=WHISPER).encode)
    before = after = 0
    for pair in taught:
        words = pair.text.split()
        before += edits(words, pair.features.transcript.spoken.split())
        features = hearing(bridge, pair)
        assert features.encoder == f"{encoder.fingerprint}+{learned.version}"
        prompt = bridge.soft_prompt(features)
        assert prompt.bridge == learned.version
        after += edits(words, prompt.heard.split())
    assert before >= 6
    assert after <= before / 2


def test_before_it_has_learned_it_hears_as_the_recogniser_does(
    head: AdaptedHead, taught: list[EncodedPair], llm: LlamaSession
) -> None:
    bridge = Bridge(head.checkpoint, llm.vocabulary)
    hearing = Hearing(settings(Path(), encode__path=WHISPER).encode)
    theirs = hearing(bridge, taught[0])
    np.testing.assert_array_equal(theirs.frames, taught[0].features.frames)
    assert theirs.transcript == taught[0].features.transcript
    assert hearing(None, taught[0]) is taught[0].features


def test_an_interrupted_training_ends_with_the_same_weights(
    head: AdaptedHead, taught: list[EncodedPair], tmp_path: Path
) -> None:
    wants = wished(steps=3, batch=2)
    whole = trained(head, taught, tmp_path / "whole", threading.Event(), wants)
    with pytest.raises(Interrupted):
        trained(head, taught, tmp_path / "parts", threading.Event(), wants, after=1)
    parts = trained(head, taught, tmp_path / "parts", threading.Event(), wants)
    assert parts.curve[-1].step == whole.curve[-1].step == 3
    for name, weight in whole.weights.items():
        assert torch.equal(weight, parts.weights[name]), name


def test_a_training_leads_to_the_mean_of_the_weights_after_each_step(
    head: AdaptedHead, taught: list[EncodedPair], tmp_path: Path
) -> None:
    state = tmp_path / "training.safetensors"

    def run(after: int) -> Trained:
        stop = threading.Event()
        trainer = Trainer(head, Material(taught, [], []), wished(steps=2, batch=2), state, "name")
        return trainer.run(
            lambda point, _: stop.set() if point.step == after else None, stop, minutes=60
        )

    with pytest.raises(Interrupted):
        run(after=1)
    first = load_file(state)
    found = run(after=0)
    last = load_file(state)
    changed = "now/changes.decoder/layer_0/ffn/linear_1.up"
    assert not torch.equal(first[changed], last[changed])
    for name, weight in found.weights.items():
        torch.testing.assert_close(weight, (first[f"now/{name}"] + last[f"now/{name}"]) / 2)


def test_what_it_hears_in_training_varies_and_when_judged_does_not(
    head: AdaptedHead, taught: list[EncodedPair]
) -> None:
    torch.manual_seed(0)
    once, again = (head.batch(taught[:2], training=True) for _ in range(2))
    assert once.frames.shape != again.frames.shape or not torch.equal(once.frames, again.frames)
    plain, same = (head.batch(taught[:2], training=False) for _ in range(2))
    assert torch.equal(plain.frames, same.frames)
    assert plain.lengths.tolist() == [len(each.samples) // 160 + 50 for each in taught[:2]]


def test_a_turn_hears_with_the_promoted_version_and_else_with_its_own_ears(
    learned: Checkpoint, llm: LlamaSession, taught: list[EncodedPair], tmp_path: Path
) -> None:
    wants = settings(tmp_path, encode__path=WHISPER)
    folder, encoder = BridgeFolder(wants.bridges), open_encoder(wants.encode)
    said = utterances()[0]
    plain = taught[0].features
    assert composition.bridge(wants, encoder, llm, pytest.fail) is None
    assert encoder.encode(said).transcript == plain.transcript
    folder.promote(folder.add(learned))
    bridge = composition.bridge(wants, encoder, llm, pytest.fail)
    assert bridge is not None
    assert bridge.learned
    heard = encoder.encode(said)
    assert bridge.reads(heard)
    assert not bridge.reads(plain)
    assert bridge.soft_prompt(heard).heard == heard.transcript.spoken
    with pytest.raises(MismatchError, match="What was learned reads features of encoder"):
        bridge.soft_prompt(plain)
    folder.rollback()
    assert composition.bridge(wants, encoder, llm, pytest.fail) is None
    np.testing.assert_array_equal(encoder.encode(said).frames, plain.frames)


def test_it_is_trained_judged_recorded_and_erased_like_any_bridge(tmp_path: Path) -> None:
    wants = settings(
        tmp_path,
        encode__path=WHISPER,
        personalise__steps=1,
        personalise__replay=2,
        personalise__canaries=2,
        personalise__held_out=0.5,
        generate__max_tokens=4,
    )
    texts = list(SAID)
    random.Random(1).shuffle(texts)
    with Journal.open(wants.journal) as journal:
        turns = [
            journal.enrolled(
                Utterance(
                    said.samples,
                    BEGAN + timedelta(minutes=number),
                    EndReason.STOP,
                    source=MICROPHONE,
                ),
                text,
                Taught.ENROLLED,
            )
            for number, (said, text) in enumerate(zip(utterances(), texts, strict=True))
        ]
        events: list[Event] = []
        verdict = retrain(wants, Request(), events.append, threading.Event())
        assert isinstance(verdict, Judged)
        # replayed sentences are learned from as they sound, so only four and two canaries are
        assert [each for each in events if isinstance(each, Encoded)][-1] == Encoded(6, 6)
        assert not verdict.accepted  # of texts that nobody said
        folder = BridgeFolder(wants.bridges)
        record = record_of(Lineage(journal), verdict.version)
        assert (record.head, record.start) == ("adapted", "scratch")
        stored = folder.read(verdict.version)
        assert stored.config.kind == "adapted"
        assert stored.table == ""
        assert folder.path(verdict.version).stat().st_mode & 0o777 == 0o600
        done = erase(journal, folder, turns, None)
    assert done.bridges == (verdict.version,)
    assert not list(wants.bridges.glob("*.safetensors"))
    # nothing that was learned lies anywhere else: the recogniser is changed only in memory
    assert not [path for path in tmp_path.rglob("*") if path.suffix in {".bin", ".part"}]


def test_other_encoders_cannot_be_adapted(learned: Checkpoint, llm: LlamaSession) -> None:
    source = Source("another", 512)
    kind = kinds.named("adapted")
    assert kinds.fitting("auto", source) == "letters"
    assert "CTranslate2" in (kind.obstacle(source) or "")
    with pytest.raises(TrainingError, match="own weights cannot learn"):
        kind.untrained(TrainingContext(wished(), source, Unasked()), ())
    other = open_encoder(settings(Path()).encode)
    adapt(other, None)
    with pytest.raises(Exception, match="changes the weights of a Whisper model"):
        adapt(other, Bridge(learned, llm.vocabulary).adaptation)
