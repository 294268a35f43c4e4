from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from assistant.config import Settings
from assistant.doctor import journal as check
from assistant.doctor.finding import Finding, Level
from assistant.doctor.subject import Subject
from assistant.errors import JournalError
from assistant.journal.lineage import Lineage
from assistant.journal.schema import MIGRATIONS
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.listen.full_duplex import MEMORY
from tests.journal.exchanges import STARTED_AT, exchange, utterance
from tests.settings import whole


def found(path: Path) -> Finding:
    return check.journal(Subject(Settings.model_validate({"journal": {"path": path}})))


def test_a_new_device_has_none_and_none_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.db"
    finding = found(path)
    assert (finding.level, finding.text) == (
        Level.OK,
        "There is no journal yet; it is created with the first exchange.",
    )
    assert not path.parent.exists()


def test_a_place_where_none_can_be_made_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    finding = found(tmp_path / "file" / "journal.db")
    assert finding.level is Level.FAIL
    assert "There is no journal yet, and you may not write to" in finding.text


def test_a_whole_journal_is_told_and_left_as_it_is(journal: Journal, path: Path) -> None:
    exchange(journal)
    before = path.read_bytes()
    finding = found(path)
    assert finding.level is Level.OK
    assert finding.figures["version"] == len(MIGRATIONS)
    assert path.read_bytes() == before


def test_a_damaged_journal_is_a_failure(path: Path) -> None:
    with Journal(path) as journal:
        for seed in range(8):
            exchange(journal, seed=seed)
    connection = sqlite3.connect(path)
    (index,) = connection.execute(
        "SELECT rootpage FROM sqlite_master WHERE name = 'turns_started_at'"
    ).fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with path.open("r+b") as file:
        file.seek((index - 1) * size + 8)
        file.write(bytes(size - 8))
    finding = found(path)
    assert finding.level is Level.FAIL
    assert finding.text.startswith(f"{path} is damaged (")
    assert "'assistant restore'" in finding.text


@pytest.mark.parametrize(
    ("data", "told"),
    [(b"rubbish" * 1_000, "is not a database"), (b"", None)],
)
def test_what_is_no_journal_is_told(data: bytes, told: str | None, path: Path) -> None:
    path.write_bytes(data)
    if told is None:
        assert found(path).level is Level.WARN  # empty: the next start makes one of it
        return
    with pytest.raises(JournalError, match=told):
        found(path)


def test_another_programs_database_is_told(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    with pytest.raises(JournalError, match="a database of another program"):
        found(path)


def test_a_journal_of_another_version_is_told_and_not_migrated(path: Path) -> None:
    Journal(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 1")
    assert "of version 1; the next start of Attune" in found(path).text
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(JournalError, match="Install a newer Attune"):
        found(path)


def test_figures_are_read_without_words(journal: Journal, path: Path) -> None:
    for number in range(3):
        exchange(journal, started_at=STARTED_AT + timedelta(minutes=number))
    unanswered = journal.hear(utterance(0.5))
    journal.failed(unanswered, "nothing was understood")
    record = Lineage(journal).trained("ba5e", "letters", "base", [1, 2], ())
    verdict: dict[str, object] = {"why": "better", "held_out": 4, "after_rouge1": 0.5, "odd": 3}
    Lineage(journal).judged(record, verdict, accepted=True)
    assert check.counts(path) == {
        "exchanges": 4,
        "recordings": 4,
        "taught": 0,
        "not to be learned from": 0,
        "not answered": 1,
        "bridges trained": 1,
        "bridges accepted": 1,
        "bridges erased": 0,
    }
    last, before, *others = check.latest(path, 3)
    assert len(others) == 1
    assert last["id"] == unanswered
    assert (last["has_error"], last["route"], last["total_ms"]) == (1, None, None)
    assert (before["has_error"], before["route"], before["total_ms"]) == (0, "bridge", 1234.5)
    assert (before["confidence"], before["bridge_confidence"]) == (0.75, 0.875)
    assert check.verdicts(path) == [
        {"id": 1, "accepted": 1, "examples": 2, "held_out": 4.0, "after_rouge1": 0.5}
    ]


def test_whether_the_user_s_voice_is_known_is_told(tmp_path: Path) -> None:
    def told(path: Path, **listen: object) -> Finding:
        blocks = {"journal": {"path": path}, "listen": listen}
        return check.known_voice(Subject(Settings.model_validate(blocks)))

    path = tmp_path / "journal.db"
    assert told(path).level is Level.OK
    assert told(path, only="known").text.startswith("Until 5 sentences are read aloud everybody")
    with Journal(path) as journal:
        for count in range(5):
            finding = told(path, only="known")
            assert (finding.level, finding.figures) == (Level.WARN, {"sentences": count})
            journal.enrolled(utterance(), "good morning", Taught.ENROLLED)
    finding = told(path, only="known")
    assert (finding.level, finding.figures) == (Level.OK, {"sentences": 5})


@pytest.mark.parametrize(
    ("barge_in", "stored", "told"),
    [
        ("auto", None, "with its first replies it finds out whether it can."),
        ("auto", "1 None None open", "and it falls silent. (found out)"),
        ("auto", "0 jabra None open", "or use headphones. (found out)"),
        ("auto", "rubbish", "with its first replies it finds out whether it can."),
        ("off", "1 None None open", "(listen.barge_in is 'off')"),
        ("open", "0 None None open", "and it falls silent. (listen.barge_in is 'open')"),
    ],
)
def test_whether_it_can_be_interrupted_is_told(
    journal: Journal, path: Path, barge_in: str, stored: str | None, told: str
) -> None:
    if stored is not None:
        journal.remember(MEMORY, stored)
    settings = whole({"journal": {"path": path}, "listen": {"barge_in": barge_in}})
    finding = check.interruptions(Subject(settings))
    assert finding.level is Level.OK
    assert finding.text.endswith(told)
