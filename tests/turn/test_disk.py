"""A disk or a database that refuses never costs an answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.config import SpeakSettings
from assistant.journal import sounds
from assistant.journal.buffered import BufferedJournal
from assistant.journal.store import Journal
from assistant.journal.turn import stamp
from assistant.speak.espeak import Espeak
from assistant.speak.voice import Aloud
from assistant.values import SpeechFeatures, Utterance
from tests.encode import tiny
from tests.journal.exchanges import on_disk, utterance
from tests.journal.locks import held_by_another
from tests.turn.rooms import Make, Saying
from tests.turn.test_voice import Sound


@pytest.fixture
def journal(patient_journal: BufferedJournal) -> BufferedJournal:
    return patient_journal


def test_a_locked_journal_is_answered_over(make: Make, path: Path, told: list[str]) -> None:
    assistant = make()
    before = assistant.hear(utterance(seed=1))
    with held_by_another(path):
        heard = assistant.hear(utterance(seed=2))
        read = assistant.read("how nice my hat is")
        assert (heard.hypothesis, heard.reply, heard.has_audio) == ("e", "Yes.", True)
        assert (read.hypothesis, read.reply) == ("how nice my hat is", "Yes.")
        assert heard.id < 0
        assert len(told) == 1
    after = assistant.hear(utterance(seed=3))
    kept = on_disk(path)
    assert [turn.reply for turn in kept] == ["Yes."] * 4
    assert (kept[0], kept[3]) == (before, after)
    for answered, turn in ((heard, kept[1]), (read, kept[2])):
        assert (answered.started_at, answered.timings) == (turn.started_at, turn.timings)
        assert answered.replied_at == turn.replied_at
    assert assistant.journal.flac(2) != assistant.journal.flac(4)
    assert len(told) == 2


def test_a_journal_that_may_not_be_written_is_answered_over(
    make: Make, path: Path, journal: BufferedJournal
) -> None:
    assistant = make()
    journal.database.conn.execute("PRAGMA query_only = ON")
    assert [assistant.hear(utterance()).reply for _ in range(3)] == ["Yes."] * 3
    assert journal.warnings[0].endswith("Waiting in memory: 3 exchanges.")
    journal.database.conn.execute("PRAGMA query_only = OFF")
    journal.close()
    assert [turn.reply for turn in on_disk(path)] == ["Yes."] * 3


def test_a_disk_that_fills_in_mid_turn_is_answered_over(
    make: Make, path: Path, journal: BufferedJournal
) -> None:
    class Filling(Saying):
        def encode(self, utterance: Utterance) -> SpeechFeatures:
            transcript = super().encode(utterance).transcript
            pages = journal.database.conn.execute("PRAGMA page_count").fetchone()[0]
            journal.database.conn.execute(f"PRAGMA max_page_count = {pages}")
            frames = np.ones((4_000, tiny.HIDDEN), np.float32)
            return SpeechFeatures(frames, 50.0, transcript, self.fingerprint)

    turn = make(encoder=Filling("hello")).hear(utterance())
    assert (turn.id, turn.hypothesis, turn.reply, turn.error) == (1, "hello", "Yes.", None)
    assert journal.warnings[0].endswith("Waiting in memory: 1 exchange.")
    assert journal.features(1, "saying") is None
    journal.database.conn.execute("PRAGMA max_page_count = 1000000")
    journal.close()
    with Journal(path) as second:
        assert second.turn(1) == turn
        features = second.features(1, "saying")
        assert features is not None
        assert features.frames.shape == (4_000, tiny.HIDDEN)


def test_the_sound_of_a_reply_without_a_row_is_named_so_that_forgetting_finds_it(
    make: Make, journal: BufferedJournal
) -> None:
    sound = Sound()
    journal.database.conn.execute("PRAGMA query_only = ON")
    turn = make(voice=Aloud(Espeak(SpeakSettings.model_validate({})), sound)).hear(utterance())
    (name,) = (event for event in sound.events if event.startswith("turn-"))
    assert not sounds.belongs(f"{name}.wav", {1: None})
    assert sounds.belongs(f"{name}.wav", {1: stamp(turn.started_at)})
    assert sounds.belongs(f"{name}-2.wav", None)
