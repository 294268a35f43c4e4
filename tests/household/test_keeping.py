"""Lists, notes and manners; and that backups, migrations and erasure know all that is kept."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from assistant.household.agenda import Agenda, How, Kind
from assistant.household.lists import Lists
from assistant.household.manners import Manners
from assistant.household.notes import Notes
from assistant.journal.acts import Acts
from assistant.journal.backup import Places, pack
from assistant.journal.restore import restore
from assistant.journal.schema import HOUSEHOLD
from assistant.journal.store import Journal
from assistant.personalise.bridges.erasure import forget
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.speak.manner import Manner
from tests.household.device import Device

NOW = datetime(2026, 11, 29, 15, 30, tzinfo=timezone.utc)
WORDS = ("zaffre pill", "zinnia timer", "zucchini", "Zenobia", "Zennor Street")


def lived_in(journal: Journal) -> None:
    """One of everything, changed, cancelled and answered."""
    agenda, device = Agenda(journal), Device.at("2026-11-29 07:00")
    lists, notes = Lists(journal), Notes(journal)
    agenda.add(Kind.REMINDER, f"take the {WORDS[0]}", device.local("2026-11-29 08:00"),
               device.moment, range(7))  # fmt: skip
    agenda.start_timer(timedelta(minutes=5), WORDS[1], device.moment)
    agenda.start_timer(timedelta(hours=5), WORDS[1], device.moment)
    agenda.pause(agenda.items(Kind.TIMER)[-1], device.moment)
    device.wait(hours=1)
    agenda.end(agenda.tick(device.moment), How.DONE, device.moment)
    lists.add("shopping", [WORDS[2], "milk"], NOW)
    lists.tick_off(lists.entries("shopping")[:1], NOW)
    notes.write(WORDS[3], f"{WORDS[3]} lives in {WORDS[4]}.", NOW)
    Manners(journal).put(Manner().changed(gain_db=6.0))
    Acts(journal).add("Anna", "keep", [1])


def test_a_list_keeps_the_order_and_what_is_done_is_gone(journal: Journal) -> None:
    lists = Lists(journal)
    lists.add("shopping", ["milk", "eggs"], NOW)
    lists.add("to do", ["call Anna"], NOW)
    lists.add("shopping", ["bread"], NOW)
    assert lists.names() == ["shopping", "to do"]
    assert [each.text for each in lists.entries("shopping")] == ["milk", "eggs", "bread"]
    done = lists.tick_off(lists.entries("shopping")[1:2], NOW)
    assert [each.text for each in lists.entries()] == ["milk", "call Anna", "bread"]
    Agenda(journal).undo(done)
    assert [each.text for each in lists.entries("shopping")] == ["milk", "eggs", "bread"]
    gone = lists.remove([each.id for each in lists.entries()])
    assert (lists.names(), lists.entries()) == ([], [])
    Agenda(journal).undo(gone)
    assert lists.names() == ["shopping", "to do"]


def test_notes_are_found_whatever_their_articles(journal: Journal) -> None:
    notes = Notes(journal)
    notes.write("my keys", "Your keys are in the drawer.", NOW)
    notes.write("The garden", "It is behind the house.", NOW)
    for subject in ("keys", "the keys", "My Keys"):
        assert [each.text for each in notes.about(subject)] == ["Your keys are in the drawer."]
    assert notes.about("key") == []
    Agenda(journal).undo(notes.remove([each.id for each in notes.all()]))
    assert len(notes.all()) == 2


def test_manners_outlive_the_process(journal: Journal) -> None:
    Manners(journal).put(Manner().changed(gain_db=6.0, tempo=0.8))
    with Journal(journal.path) as second:
        assert Manners(second).get() == Manner(6.0, 0.8)
    journal.remember("manner", "nonsense")
    assert Manners(journal).get() == Manner()


def test_every_table_of_the_household_is_named_for_erasure(journal: Journal) -> None:
    before = {"turns", "features", "bridges", "learning"}
    with journal.reading() as database:
        tables = {name for name in database.table_names() if not name.startswith("sqlite_")}
    assert tables - before == set(HOUSEHOLD)


def test_an_older_journal_gets_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal(path) as journal:
        journal.typed("how are you")
        for table in HOUSEHOLD:
            journal.database.conn.execute(f"DROP TABLE {table}")
        journal.database.conn.execute("PRAGMA user_version = 2")
    with Journal(path) as journal:
        lived_in(journal)
        assert journal.count() == 1


def test_a_backup_brings_everything_back(tmp_path: Path) -> None:
    places = Places(tmp_path / "journal.db", tmp_path / "bridges")
    places.bridges.mkdir()
    with Journal(places.journal) as journal:
        lived_in(journal)
        before = kept(places.journal)
        pack(places, tmp_path / "saved.tar", NOW)
        journal.clear(keeping="none")
    assert not any(kept(places.journal).values())
    restore(tmp_path / "saved.tar", places)
    assert kept(places.journal) == before
    assert all(before.values())


def test_forgetting_everything_leaves_no_word_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Journal(folder / "journal.db") as journal:
        lived_in(journal)
        assert all(left(folder, word) for word in WORDS)
        forget(journal, BridgeFolder(folder / "bridges"), None)
        assert [left(folder, word) for word in WORDS] == [[]] * len(WORDS)
        assert Manners(journal).get() == Manner()


def test_what_is_removed_leaves_no_word_in_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Journal(folder / "journal.db") as journal:
        lived_in(journal)
        notes = Notes(journal)
        notes.remove([each.id for each in notes.all()])
        assert journal.scrub()
        assert left(folder, WORDS[4]) == []


def kept(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        return {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()  # noqa: S608
            for table in HOUSEHOLD
        }


def left(folder: Path, word: str) -> list[str]:
    """Files that hold a word."""
    files = (each for each in folder.rglob("*") if each.is_file())
    return [each.name for each in files if word.encode() in each.read_bytes()]


@pytest.mark.parametrize("gain_db", [-100.0, 100.0])
def test_the_voice_stays_within_what_can_be_heard(gain_db: float) -> None:
    assert Manner().changed(gain_db=gain_db).gain_db in (-18.0, 12.0)
