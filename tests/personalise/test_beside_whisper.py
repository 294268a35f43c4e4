"""A bridge over words, learned beside the bundled Whisper."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import numpy as np

from assistant.bridge import checkpoint
from assistant.config import starter_dir
from assistant.encode.encoder import open_encoder
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.training.events import Encoded, Event, Judged, Stepped
from assistant.personalise.training.request import Request
from assistant.personalise.training.retrain import retrain
from assistant.values import MICROPHONE, EndReason, Utterance
from models.recipe.pack import EXAMPLES
from tests.encode.sounds import examples
from tests.journal.exchanges import record_of
from tests.personalise.pupil import BEGAN, settings


def test_beside_the_bundled_whisper_a_bridge_is_learned_and_judged(tmp_path: Path) -> None:
    wished = settings(
        tmp_path,
        encode__path=starter_dir() / "whisper",
        personalise__head="anchored",
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
            said = Utterance(samples, moment, EndReason.STOP, source=MICROPHONE)
            journal.enrolled(said, text, Taught.ENROLLED)
        verdict = retrain(wished, Request(), events.append, threading.Event())
        assert isinstance(verdict, Judged)
        assert verdict.why
        record = record_of(Lineage(journal), verdict.version)
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
