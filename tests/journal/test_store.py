from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from assistant.config import JournalSettings
from assistant.errors import JournalError
from assistant.journal.store import Journal
from assistant.values import EndReason, Route, SoftPrompt, StopReason, Timings, Utterance, Word
from tests.journal.exchanges import (
    STARTED_AT,
    exchange,
    features,
    reply,
    soft_prompt,
    sound,
    utterance,
)


def test_a_whole_exchange_comes_back_as_it_was(journal: Journal) -> None:
    before = datetime.now(timezone.utc)
    turn_id = exchange(journal, "hello there", "good evening")
    turn = journal.turn(turn_id)
    assert turn.started_at == STARTED_AT
    assert (turn.source, turn.seconds, turn.end_reason) == ("microphone", 0.5, EndReason.SILENCE)
    assert (turn.hypothesis, turn.confidence, turn.encoder) == ("hello there", 0.75, "encoder-1")
    assert turn.words == (Word("hello", 0.0, 0.5, 0.5), Word("there", 1.0, 1.5, 0.5))
    assert (turn.llm, turn.bridge, turn.route) == ("llm-1", "bridge-1", Route.BRIDGE)
    assert (turn.heard, turn.bridge_confidence) == ("hello there", 0.875)
    assert (turn.reply, turn.stop_reason) == ("good evening", StopReason.END_OF_TURN)
    assert turn.timings == Timings(endpoint=800.0, total=1234.5)
    assert turn.replied_at is not None
    assert before <= turn.replied_at <= datetime.now(timezone.utc)
    assert (turn.correction, turn.consent, turn.error) == (None, True, None)
    assert turn.has_audio


def test_an_utterance_is_on_disk_before_anything_is_made_of_it(path: Path) -> None:
    with Journal(path) as journal, Journal(path) as reader:
        turn_id = journal.hear(utterance())
        turn = reader.turn(turn_id)
        assert (turn.hypothesis, turn.encoder, turn.reply, turn.error) == (None, None, None, None)
        assert reader.audio(turn_id).shape == (8_000,)


def test_every_stage_is_on_disk_when_its_call_returns(path: Path) -> None:
    with Journal(path) as journal, Journal(path) as reader:
        turn_id = journal.hear(utterance())
        journal.transcribed(turn_id, features("hello"))
        assert reader.turn(turn_id).hypothesis == "hello"
        assert reader.turn(turn_id).route is None
        journal.answering(turn_id, llm="llm-1", route=Route.TRANSCRIPT)
        assert reader.turn(turn_id).route is Route.TRANSCRIPT
        assert reader.turn(turn_id).heard is None
        assert reader.turn(turn_id).reply is None
        journal.answered(turn_id, reply("good evening"))
        assert reader.turn(turn_id).reply == "good evening"


def test_audio_and_words_are_one_row(journal: Journal) -> None:
    exchange(journal)
    rows = journal.database.conn.execute("SELECT audio, hypothesis, reply FROM turns").fetchall()
    assert len(rows) == 1
    assert all(rows[0])


def test_the_recording_comes_back_within_one_step_of_16_bit(journal: Journal) -> None:
    turn_id = journal.hear(utterance(1.0, seed=3))
    assert np.abs(journal.audio(turn_id) - sound(1.0, 3)).max() <= 1 / 32_768
    assert journal.flac(turn_id).startswith(b"fLaC")


def test_what_the_bridge_heard_is_kept_when_the_transcript_was_preferred(journal: Journal) -> None:
    turn_id = journal.hear(utterance())
    prompt = SoftPrompt(np.zeros((0, 16), dtype=np.float32), "bridge-2", 0.0, "")
    journal.answering(turn_id, llm="llm-1", route=Route.TRANSCRIPT, prompt=prompt)
    turn = journal.turn(turn_id)
    assert (turn.route, turn.bridge) == (Route.TRANSCRIPT, "bridge-2")
    assert (turn.heard, turn.bridge_confidence) == ("", 0.0)


def test_a_failure_is_kept_beside_what_was_said(journal: Journal) -> None:
    turn_id = journal.hear(utterance())
    journal.transcribed(turn_id, features("hello"))
    journal.failed(turn_id, "llama.cpp gave up")
    turn = journal.turn(turn_id)
    assert (turn.hypothesis, turn.reply, turn.error) == ("hello", None, "llama.cpp gave up")
    assert turn.has_audio


def test_a_typed_question_has_no_recording(journal: Journal) -> None:
    turn_id = journal.typed("what day is it?")
    turn = journal.turn(turn_id)
    assert (turn.source, turn.hypothesis, turn.confidence) == ("text", "what day is it?", 1.0)
    assert (turn.seconds, turn.end_reason, turn.has_audio) == (None, None, False)
    with pytest.raises(JournalError, match=f"Exchange {turn_id} was typed"):
        journal.audio(turn_id)


def test_an_utterance_without_samples_is_kept_without_a_recording(journal: Journal) -> None:
    nothing = np.zeros(0, dtype=np.float32)
    turn_id = journal.hear(Utterance(nothing, STARTED_AT, EndReason.STOP, source="empty.wav"))
    assert journal.turn(turn_id).source == "empty.wav"
    with pytest.raises(JournalError, match="contains no sound"):
        journal.flac(turn_id)


@pytest.mark.parametrize("turn_id", [0, -1, 99, 2**63, 10**30])
def test_an_unknown_exchange_is_named(journal: Journal, turn_id: int) -> None:
    exchange(journal)
    for read in (journal.turn, journal.audio, journal.flac):
        with pytest.raises(JournalError, match=f"There is no exchange {turn_id} in "):
            read(turn_id)


def test_nothing_is_added_to_an_unknown_exchange(journal: Journal) -> None:
    with pytest.raises(JournalError, match="There is no exchange 7 in "):
        journal.transcribed(7, features())
    with pytest.raises(JournalError, match="There is no exchange 7 in "):
        journal.answering(7, llm="llm-1", route=Route.BRIDGE, prompt=soft_prompt())
    with pytest.raises(JournalError, match="There is no exchange 7 in "):
        journal.answered(7, reply())
    with pytest.raises(JournalError, match="There is no exchange 7 in "):
        journal.failed(7, "no")
    assert journal.count() == 0


def test_turns_come_newest_first_over_several_pages(journal: Journal) -> None:
    ids = [journal.typed(f"question {number}") for number in range(600)]
    assert [turn.id for turn in journal.turns()] == ids[::-1]
    assert [turn.id for turn in journal.turns(limit=300)] == ids[:-301:-1]
    assert [turn.id for turn in journal.turns(limit=256)] == ids[:-257:-1]
    assert list(journal.turns(limit=0)) == []
    assert journal.count() == 600


def test_turns_since_a_moment_in_any_time_zone(journal: Journal) -> None:
    east = timezone(timedelta(hours=9))
    for hour in (3, 4, 5):  # 18, 19 and 20 o'clock UTC of the day before
        journal.hear(utterance(0.1, started_at=datetime(2026, 3, 2, hour, tzinfo=east)))
    since = datetime(2026, 3, 1, 19, tzinfo=timezone.utc)
    assert [turn.started_at.hour for turn in journal.turns(since=since)] == [20, 19]
    assert list(journal.turns(since=since + timedelta(hours=2))) == []


def test_writing_goes_on_while_turns_are_read(journal: Journal) -> None:
    for number in range(300):
        journal.typed(f"question {number}")
    turns = journal.turns()
    first = next(turns)
    later = journal.typed("one more")
    rest = [turn.id for turn in turns]
    assert len(rest) == 299
    assert later not in rest
    assert first.id == 300


def test_bytes_that_are_no_text_do_not_lose_an_exchange(journal: Journal) -> None:
    samples = sound(0.1)
    source = b"caf\xe9.wav".decode("utf-8", "surrogateescape")
    turn_id = journal.hear(Utterance(samples, STARTED_AT, EndReason.STOP, source=source))
    assert journal.turn(turn_id).source == r"caf\udce9.wav"


def test_the_number_of_an_erased_exchange_is_not_used_again(journal: Journal) -> None:
    exchange(journal)
    last = exchange(journal)
    journal.database.conn.execute("DELETE FROM turns WHERE id = ?", [last])
    assert exchange(journal) == last + 1


def test_a_row_from_elsewhere_is_an_error_that_names_it(journal: Journal) -> None:
    turn_id = exchange(journal)
    turns = journal.database.table("turns")
    for column, value in (("route", "telepathy"), ("words", "[{}]"), ("timings", '{"no": 1}')):
        turns.update(turn_id, {column: value})
        with pytest.raises(JournalError, match=rf"Exchange {turn_id} in .* cannot be read"):
            journal.turn(turn_id)
        turns.update(turn_id, {column: None})
    turns.update(turn_id, {"audio": b"\x00"})
    with pytest.raises(JournalError, match=rf"recording of exchange {turn_id} in .* is damaged"):
        journal.audio(turn_id)


def test_a_correction_is_what_was_said(journal: Journal) -> None:
    turn_id = exchange(journal, "what dime is it")
    assert journal.turn(turn_id).text == "what dime is it"
    journal.database.table("turns").update(turn_id, {"correction": "what time is it"})
    assert journal.turn(turn_id).text == "what time is it"


def test_threads_share_a_journal(journal: Journal) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda number: exchange(journal, seed=number), range(40)))
    assert sorted(ids) == list(range(1, 41))
    for number, turn_id in enumerate(ids):
        assert np.abs(journal.audio(turn_id) - sound(0.5, number)).max() <= 1 / 32_768
    assert all(turn.reply for turn in journal.turns())


def test_the_settings_name_the_file(path: Path) -> None:
    with Journal.open(JournalSettings.model_validate({"path": path})) as journal:
        journal.typed("hello")
    assert path.is_file()


def test_a_closed_journal_refuses_in_words(journal: Journal) -> None:
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match=r"Cannot keep what was said: .*closed database"):
        journal.typed("hello")
