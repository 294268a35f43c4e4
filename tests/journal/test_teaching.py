"""What the journal keeps to learn from: true texts, consent and features."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import JournalError
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.values import (
    EndReason,
    Route,
    SpeechFeatures,
    Transcript,
    Utterance,
    Word,
)
from tests.journal.exchanges import STARTED_AT, exchange, features, soft_prompt, sound, utterance


def noise(seed: int = 0, encoder: str = "encoder-1") -> SpeechFeatures:
    frames = np.random.default_rng(seed).normal(size=(7, 5)).astype(np.float32)
    words = (Word("hello", 0.25, 0.5, 0.75),)
    return SpeechFeatures(frames, 49.5, Transcript("hello", 0.625, words), encoder)


def understood(journal: Journal, hypothesis: str, heard: str | None, route: Route) -> int:
    turn_id = journal.hear(utterance())
    journal.transcribed(turn_id, features(hypothesis))
    prompt = None if heard is None else soft_prompt(heard)
    journal.answering(turn_id, llm="llm-1", route=route, prompt=prompt)
    return turn_id


@pytest.mark.parametrize("taught", [Taught.ENROLLED, Taught.IMPORTED])
def test_a_recording_and_its_text_come_back_together(journal: Journal, taught: Taught) -> None:
    turn_id = journal.enrolled(utterance(seed=3), "  What time\n is it? ", taught)
    turn = journal.turn(turn_id)
    assert (turn.correction, turn.text, turn.taught) == ("What time is it?",) * 2 + (taught,)
    assert (turn.started_at, turn.source, turn.seconds) == (STARTED_AT, "microphone", 0.5)
    assert (turn.hypothesis, turn.reply, turn.route, turn.consent) == (None, None, None, True)
    assert turn.record()["taught"] == taught.value
    assert np.abs(journal.audio(turn_id) - sound(0.5, 3)).max() <= 1 / 32_768


def test_without_sound_or_words_there_is_nothing_to_teach(journal: Journal) -> None:
    nothing = Utterance(np.zeros(0, dtype=np.float32), STARTED_AT, EndReason.STOP)
    with pytest.raises(JournalError, match="recording is empty"):
        journal.enrolled(nothing, "hello", Taught.ENROLLED)
    with pytest.raises(JournalError, match="text is empty"):
        journal.enrolled(utterance(), " \n", Taught.ENROLLED)
    assert journal.count() == 0


def test_a_correction_is_kept_beside_what_was_understood(journal: Journal) -> None:
    turn_id = exchange(journal, "what dime is it")
    journal.correct(turn_id, "what lime is it")
    journal.correct(turn_id, "  what time   is it ")
    turn = journal.turn(turn_id)
    assert (turn.correction, turn.taught) == ("what time is it", Taught.CORRECTED)
    assert (turn.hypothesis, turn.text) == ("what dime is it", "what time is it")
    with pytest.raises(JournalError, match="text is empty"):
        journal.correct(turn_id, "  ")
    assert journal.turn(turn_id) == turn


def test_what_was_read_aloud_stays_so_when_its_text_is_corrected(journal: Journal) -> None:
    turn_id = journal.enrolled(utterance(), "what dime is it", Taught.ENROLLED)
    journal.correct(turn_id, "what time is it")
    turn = journal.turn(turn_id)
    assert (turn.correction, turn.taught) == ("what time is it", Taught.ENROLLED)


@pytest.mark.parametrize(
    ("heard", "route", "confirmed"),
    [
        ("tell me more", Route.BRIDGE, "tell me more"),
        ("tell me more", Route.TRANSCRIPT, "tell me no"),
        (None, Route.TRANSCRIPT, "tell me no"),
    ],
)
def test_what_was_answered_is_what_is_confirmed(
    journal: Journal, heard: str | None, route: Route, confirmed: str
) -> None:
    turn_id = understood(journal, "tell me no", heard, route)
    assert journal.turn(turn_id).text == confirmed
    assert journal.confirm(turn_id) == confirmed
    turn = journal.turn(turn_id)
    assert (turn.correction, turn.taught) == (confirmed, Taught.CONFIRMED)


def test_confirming_changes_no_text_that_was_given(journal: Journal) -> None:
    corrected = exchange(journal, "what dime is it")
    journal.correct(corrected, "what time is it")
    read = journal.enrolled(utterance(), "good morning", Taught.ENROLLED)
    assert journal.confirm(corrected) == "what time is it"
    assert journal.confirm(read) == "good morning"
    assert journal.turn(corrected).taught is Taught.CORRECTED


def test_nothing_understood_cannot_be_confirmed(journal: Journal) -> None:
    unheard = journal.hear(utterance())
    empty = understood(journal, "hello", " ", Route.BRIDGE)
    for turn_id in (unheard, empty):
        with pytest.raises(JournalError, match=rf"Nothing was .* 'assistant log correct {turn_id}"):
            journal.confirm(turn_id)
        assert journal.turn(turn_id).correction is None


def test_without_a_recording_there_is_nothing_to_learn_from(journal: Journal) -> None:
    typed = journal.typed("hello")
    silent = journal.hear(Utterance(np.zeros(0, np.float32), STARTED_AT, EndReason.STOP))
    for turn_id, why in ((typed, "was typed"), (silent, "contains no sound")):
        with pytest.raises(JournalError, match=f"{why}, so there is nothing to learn from"):
            journal.correct(turn_id, "hello")
        with pytest.raises(JournalError, match=f"{why}, so there is nothing to learn from"):
            journal.confirm(turn_id)


@pytest.mark.parametrize("turn_id", [0, 7, 2**63, 10**30])
def test_an_unknown_exchange_is_taught_nothing(journal: Journal, turn_id: int) -> None:
    unknown = f"There is no exchange {turn_id} in "
    with pytest.raises(JournalError, match=unknown):
        journal.correct(turn_id, "hello")
    with pytest.raises(JournalError, match=unknown):
        journal.confirm(turn_id)
    with pytest.raises(JournalError, match=unknown):
        journal.consent(turn_id, allowed=False)
    with pytest.raises(JournalError, match=unknown):
        journal.keep_features(turn_id, noise())
    with pytest.raises(JournalError, match=unknown):
        journal.features(turn_id, "encoder-1")


def test_features_are_kept_with_the_transcript_to_half_precision(path: Path) -> None:
    with Journal(path) as journal, Journal(path) as trainer:
        turn_id = journal.hear(utterance())
        given = noise(1)
        journal.transcribed(turn_id, given)
        found = trainer.features(turn_id, "encoder-1")
        assert found is not None
        assert found.frames.dtype == np.float32
        assert np.array_equal(found.frames, given.frames.astype(np.float16).astype(np.float32))
        assert (found.frame_rate, found.transcript) == (49.5, given.transcript)
        assert found.encoder == "encoder-1"
        assert trainer.turn(turn_id).hypothesis == "hello"
        assert trainer.features(turn_id, "encoder-2") is None


def test_features_belong_to_their_encoder(journal: Journal) -> None:
    turn_id = exchange(journal)
    journal.keep_features(turn_id, noise(1, "encoder-2"))
    journal.keep_features(turn_id, noise(2, "encoder-2"))
    found = journal.features(turn_id, "encoder-2")
    assert found is not None
    assert np.array_equal(found.frames, noise(2).frames.astype(np.float16))
    assert journal.features(turn_id, "encoder-1") is not None
    assert journal.turn(turn_id).encoder == "encoder-1"


def test_features_beyond_half_precision_stay_finite(journal: Journal) -> None:
    turn_id = journal.hear(utterance())
    frames = np.array([[1e9, -1e9], [1e-9, 65_504.0]], dtype=np.float32)
    journal.keep_features(turn_id, SpeechFeatures(frames, 50.0, Transcript("", 0.0), "e"))
    found = journal.features(turn_id, "e")
    assert found is not None
    assert found.frames.tolist() == [[65_504.0, -65_504.0], [0.0, 65_504.0]]


def test_damaged_features_are_as_good_as_none(journal: Journal) -> None:
    turn_id = exchange(journal)
    for column, value in (("frames", b"\x00" * 3), ("words", "[{}]"), ("n_frames", 3)):
        journal.transcribed(turn_id, noise())
        assert journal.features(turn_id, "encoder-1") is not None
        journal.database.conn.execute(f"UPDATE features SET {column} = ?", [value])  # noqa: S608
        assert journal.features(turn_id, "encoder-1") is None


def test_a_transcript_whose_features_do_not_fit_is_not_kept_either(journal: Journal) -> None:
    turn_id = journal.hear(utterance())
    pages = journal.database.conn.execute("PRAGMA page_count").fetchone()[0]
    journal.database.conn.execute(f"PRAGMA max_page_count = {pages + 4}")
    large = SpeechFeatures(np.ones((500, 64), np.float32), 50.0, Transcript("hello", 1.0), "e")
    with pytest.raises(JournalError, match="is full"):
        journal.transcribed(turn_id, large)
    assert journal.turn(turn_id).hypothesis is None


def test_withdrawn_consent_takes_the_features_along(journal: Journal) -> None:
    turn_id, other = exchange(journal), exchange(journal)
    journal.consent(turn_id, allowed=False)
    assert not journal.turn(turn_id).consent
    assert journal.features(turn_id, "encoder-1") is None
    assert journal.turn(other).consent
    assert journal.features(other, "encoder-1") is not None
    journal.consent(turn_id, allowed=True)
    assert journal.turn(turn_id).consent


def test_deleting_takes_all_or_none(journal: Journal, path: Path) -> None:
    ids = [exchange(journal) for _ in range(5)]
    assert journal.delete([ids[0], ids[2], ids[2], 99]) == 2
    assert journal.delete([]) == 0
    assert [turn.id for turn in journal.turns()] == [ids[4], ids[3], ids[1]]
    with closing(sqlite3.connect(path)) as other:
        rows = other.execute("SELECT turn_id FROM features ORDER BY turn_id").fetchall()
    assert rows == [(ids[1],), (ids[3],), (ids[4],)]


def test_exchanges_exist_together_or_not(journal: Journal) -> None:
    ids = [exchange(journal) for _ in range(3)]
    assert journal.exist(ids)
    assert journal.exist(ids * 2)
    assert journal.exist([])
    assert not journal.exist([*ids, 99])
    journal.delete(ids[:1])
    assert not journal.exist(ids)
    assert journal.exist(ids[1:])


def test_clearing_keeps_only_the_notes_named(journal: Journal) -> None:
    exchange(journal)
    exchange(journal)
    for name in ("note:1", "other"):
        journal.remember(name, "x")
    assert journal.clear(keeping="note:") == 2
    assert journal.count() == 0
    assert journal.memories("") == {"note:1": "x"}
    assert exchange(journal) == 3


def test_room_is_counted_with_features_and_without_reading(journal: Journal) -> None:
    spoken = exchange(journal)
    typed = journal.typed("hello")
    read = journal.enrolled(utterance(), "hello", Taught.ENROLLED)
    journal.keep_features(spoken, noise(encoder="encoder-2"))
    first, second, third = journal.kept()
    recording = len(journal.flac(spoken))
    assert (first.id, first.n_bytes, first.taught) == (spoken, recording + 4 * 8 * 2 + 70, False)
    assert (second.id, second.n_bytes, second.taught) == (typed, 0, False)
    assert (third.id, third.n_bytes, third.taught) == (read, recording, True)
    since = datetime(2026, 3, 2, tzinfo=timezone.utc)
    assert [each.id for each in journal.kept(since=since)] == [typed]


def test_digits_are_spelled_out_and_what_no_recogniser_writes_is_refused(journal: Journal) -> None:
    turn_id = journal.hear(utterance(2.0))
    journal.correct(turn_id, "Call 112!")
    assert journal.turn(turn_id).correction == "call one hundred and twelve"
    for text, why in (("½ cup", "fractions"), ("Привет", "letters that the speech"), ("!", "no w")):
        with pytest.raises(JournalError, match=rf"^That cannot be learned: it contains {why}"):
            journal.correct(turn_id, text)
    assert journal.turn(turn_id).correction == "call one hundred and twelve"


def test_words_that_cannot_be_in_a_recording_are_refused(journal: Journal) -> None:
    turn_id = journal.hear(utterance(0.5))
    with pytest.raises(JournalError, match=r"lasts 0\.5 s, which is too short for these words"):
        journal.correct(turn_id, "my brother enjoys a cup of tea")
    assert journal.turn(turn_id).taught is None
    journal.correct(turn_id, "tea please")
