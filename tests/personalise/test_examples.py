from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from assistant.config import PersonaliseSettings
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.personalise.data.examples import examples, is_held_out, spoken
from assistant.values import MICROPHONE, EndReason, SpeechFeatures, Transcript, Utterance
from tests.settings import block

SETTINGS = PersonaliseSettings.model_validate({})
BEGAN = datetime(2026, 3, 1, 9, tzinfo=timezone.utc)


def said(
    journal: Journal, minute: int, hypothesis: str, confidence: float, source: str = MICROPHONE
) -> int:
    samples = np.full(16_000, 0.1, np.float32)
    began = BEGAN + timedelta(minutes=minute)
    turn = journal.hear(Utterance(samples, began, EndReason.SILENCE, source=source))
    frames = np.zeros((4, 3), np.float32)
    journal.transcribed(
        turn, SpeechFeatures(frames, 25.0, Transcript(hypothesis, confidence), "encoder")
    )
    return turn


def test_what_a_person_vouches_for_counts_in_full(journal: Journal) -> None:
    corrected = said(journal, 0, "good warning", 0.4)
    journal.correct(corrected, "Good morning!")
    confirmed = said(journal, 1, "i am tired", 0.5)
    journal.confirm(confirmed)
    read = journal.enrolled(
        Utterance(np.full(8_000, 0.1, np.float32), BEGAN, EndReason.STOP, source=MICROPHONE),
        "The kettle is on.",
        Taught.ENROLLED,
    )
    found = examples(journal.turns(), SETTINGS)
    assert [(each.turn, each.text, each.weight) for each in found] == [
        (corrected, "good morning", 1.0),
        (confirmed, "i am tired", 1.0),
        (read, "the kettle is on", 1.0),
    ]


def test_a_sure_hypothesis_counts_little_and_an_unsure_one_nothing(journal: Journal) -> None:
    sure = said(journal, 0, "what time is it", 0.99)
    said(journal, 1, "what lime is it", 0.7)
    assert [(each.turn, each.weight) for each in examples(journal.turns(), SETTINGS)] == [
        (sure, SETTINGS.tuned.confident_weight)
    ]
    without = block(PersonaliseSettings, confident_weight=0.0)
    assert examples(journal.turns(), without) == []


def test_nothing_is_learned_without_consent_or_without_a_recording(journal: Journal) -> None:
    turn = said(journal, 0, "what time is it", 0.99)
    journal.consent(turn, allowed=False)
    journal.typed("good morning")
    assert examples(journal.turns(), SETTINGS) == []


def test_a_recording_that_was_played_to_it_teaches_nothing_whatever_is_said_of_it(
    journal: Journal,
) -> None:
    played = [said(journal, at, "what time is it", 0.99, source="talk.flac") for at in range(2)]
    journal.correct(played[0], "what lime is it")
    journal.confirm(played[1])
    assert examples(journal.turns(), SETTINGS) == []
    assert [journal.features(turn, "encoder") for turn in played] == [None, None]
    heard = said(journal, 5, "what time is it", 0.99)
    assert [each.turn for each in examples(journal.turns(), SETTINGS)] == [heard]
    assert journal.features(heard, "encoder") is not None


def test_what_nobody_said_where_it_comes_from_is_not_the_users(journal: Journal) -> None:
    turn = journal.hear(Utterance(np.zeros(8_000, np.float32), BEGAN, EndReason.STOP))
    assert not journal.turn(turn).consent


def test_held_out_are_about_as_many_as_wished_and_stay_so(journal: Journal) -> None:
    for minute in range(300):
        journal.confirm(said(journal, minute, "good morning", 0.5))
    before = {each.turn: each.held_out for each in examples(journal.turns(), SETTINGS)}
    assert 0.1 < sum(before.values()) / len(before) < 0.3
    journal.correct(7, "good evening")
    for minute in range(300, 320):
        journal.confirm(said(journal, minute, "good night", 0.5))
    after = {each.turn: each.held_out for each in examples(journal.turns(), SETTINGS)}
    assert {turn: after[turn] for turn in before} == before


def test_a_hypothesis_that_nobody_looked_at_never_judges(journal: Journal) -> None:
    turns = [said(journal, minute, "good morning", 0.99) for minute in range(100)]
    assert any(is_held_out(journal.turn(turn), SETTINGS.held_out) for turn in turns)
    assert not any(each.held_out for each in examples(journal.turns(), SETTINGS))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Good morning, Anna!", "good morning anna"),
        ("I don\N{RIGHT SINGLE QUOTATION MARK}t know", "i don't know"),
        ("'Tis the twenty-first", "tis the twenty first"),
        ("at 7 or 45", "at seven or forty five"),
        ("in 1984", "in nineteen eighty four"),
        ("?!", ""),
    ],
)
def test_text_becomes_words_that_can_be_spelled(text: str, words: str) -> None:
    assert spoken(text) == words
