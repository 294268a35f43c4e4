from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.errors import EncoderError, JournalError
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.speaker.encoder import SpeakerEncoder
from assistant.values import EndReason, Utterance
from assistant.verification import LEAST, LOOK_S, MOST, UNANSWERED, UNLEARNED, SpeakerVerifier

NOW = datetime(2026, 3, 1, 18, 30, tzinfo=timezone.utc)
USER, VISITOR, SHORT = 0.5, 0.25, 0.125
"""Loudness by which the encoder below knows a voice."""


class ByLoudness(SpeakerEncoder):
    """Knows whose voice it is by how loud it is."""

    def __init__(self, visitor: float = 0.0) -> None:
        self.asked = 0
        self.voices = {
            USER: np.array([1.0, 0.0], np.float32),
            VISITOR: np.array([visitor, np.sqrt(1 - visitor**2)], np.float32),
        }

    def embed(self, samples: NDArray[np.float32]) -> NDArray[np.float32] | None:
        self.asked += 1
        return self.voices.get(round(float(samples.max()), 3))


def said(voice: float) -> Utterance:
    return Utterance(np.full(800, voice, np.float32), NOW, EndReason.SILENCE)


def enrol(journal: Journal, count: int, voice: float = USER) -> list[int]:
    return [journal.enrolled(said(voice), "good morning", Taught.ENROLLED) for _ in range(count)]


def rested(journal: Journal, encoder: SpeakerEncoder, times: int = 20) -> SpeakerVerifier:
    verifier = SpeakerVerifier(journal, lambda: encoder)
    for _ in range(times):
        verifier.rest()
    return verifier


def test_a_visitor_is_told_from_the_user(journal: Journal) -> None:
    enrol(journal, LEAST)
    verifier = rested(journal, ByLoudness())
    assert verifier.likeness(said(VISITOR)) < UNANSWERED
    assert verifier.likeness(said(USER)) == pytest.approx(1.0)


def test_likeness_is_told(journal: Journal) -> None:
    enrol(journal, LEAST)
    verifier = rested(journal, ByLoudness(0.2))
    assert verifier.likeness(said(VISITOR)) == pytest.approx(0.2)
    assert verifier.likeness(said(USER)) == pytest.approx(1.0)


def test_to_be_ignored_takes_more_than_not_to_be_learned_from() -> None:
    assert 0 < UNANSWERED < UNLEARNED < 0.5


def test_what_is_too_short_is_the_user_s(journal: Journal) -> None:
    enrol(journal, LEAST)
    assert rested(journal, ByLoudness()).likeness(said(SHORT)) == 1.0


def test_nobody_is_told_apart_before_enough_was_read_aloud(journal: Journal) -> None:
    enrol(journal, LEAST - 1)
    enrol(journal, 3, SHORT)
    journal.enrolled(said(USER), "imported", Taught.IMPORTED)
    journal.confirm(journal.enrolled(said(USER), "confirmed", Taught.CONFIRMED))
    assert rested(journal, ByLoudness()).likeness(said(VISITOR)) == 1.0


def test_without_recordings_no_encoder_is_opened(journal: Journal) -> None:
    def none() -> SpeakerEncoder:
        raise EncoderError("there is none")

    verifier = SpeakerVerifier(journal, none)
    verifier.rest()
    assert verifier.likeness(said(VISITOR)) == 1.0


def test_what_is_erased_is_forgotten_at_once(journal: Journal) -> None:
    turns = enrol(journal, LEAST + 1)
    verifier = rested(journal, ByLoudness())
    journal.delete(turns[:1])
    assert verifier.likeness(said(VISITOR)) == 1.0  # it begins anew
    for _ in range(20):
        verifier.rest()
    assert verifier.likeness(said(VISITOR)) < UNANSWERED
    journal.delete(turns)
    assert verifier.likeness(said(VISITOR)) == 1.0
    for _ in range(20):
        verifier.rest()
    assert verifier.likeness(said(VISITOR)) == 1.0
    assert not verifier._voices


def test_it_gets_to_know_one_recording_at_a_time_and_each_once(journal: Journal) -> None:
    enrol(journal, MOST + 3)
    encoder = ByLoudness()
    verifier = SpeakerVerifier(journal, lambda: encoder)
    for count in range(1, MOST + 4):
        verifier.rest()
        assert encoder.asked == min(count, MOST)


def test_new_recordings_are_found_after_a_while(journal: Journal) -> None:
    now = [0.0]
    verifier = SpeakerVerifier(journal, ByLoudness, lambda: now[0])
    verifier.rest()
    enrol(journal, LEAST)
    for now[0] in (1.0, LOOK_S, *(LOOK_S + at for at in range(1, LEAST))):
        assert verifier.likeness(said(VISITOR)) == 1.0
        verifier.rest()
    assert verifier.likeness(said(VISITOR)) < UNANSWERED


def test_a_recording_that_cannot_be_read_is_passed_over(journal: Journal) -> None:
    encoder = ByLoudness()
    enrol(journal, LEAST)
    (broken,) = enrol(journal, 1)
    with journal.writing("damage it") as database:
        database.conn.execute("UPDATE turns SET audio = x'00' WHERE id = ?", [broken])
    verifier = SpeakerVerifier(journal, lambda: encoder)
    with pytest.raises(JournalError, match="is damaged"):
        verifier.rest()
    for _ in range(LEAST):
        verifier.rest()
    assert verifier.likeness(said(VISITOR)) < UNANSWERED
