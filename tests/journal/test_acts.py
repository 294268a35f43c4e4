from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from assistant.journal import acts
from assistant.journal.acts import Acts
from assistant.journal.schema import MIGRATIONS
from assistant.journal.store import Journal
from assistant.personalise.bridges.erasure import forget
from assistant.personalise.bridges.folder import BridgeFolder
from tests.journal import shapes
from tests.journal.exchanges import exchange


def test_what_was_done_is_told_newest_first(journal: Journal) -> None:
    before = datetime.now(timezone.utc)
    kept = Acts(journal)
    kept.add("Anna", "correct", [7])
    kept.add("Bert's phone", "mute")
    kept.add("Anna", "erase", (3, 2, 1))
    newest, middle, oldest = kept.last(20)
    assert (newest.by, newest.what, newest.about) == ("Anna", "erase", (3, 2, 1))
    assert (middle.by, middle.what, middle.about) == ("Bert's phone", "mute", ())
    assert (oldest.id, oldest.about) == (1, (7,))
    assert before <= oldest.at <= newest.at <= datetime.now(timezone.utc)
    assert [each.id for each in kept.last(2)] == [3, 2]
    assert kept.last(0) == []


def test_it_is_told_after_the_journal_was_closed(path: Path) -> None:
    with Journal(path) as journal:
        Acts(journal).add("Anna", "say")
    with Journal(path) as journal:
        assert [each.what for each in Acts(journal).last(5)] == ["say"]


def test_the_oldest_make_room(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acts, "MOST", 3)
    kept = Acts(journal)
    for number in range(7):
        kept.add("Anna", "change", [number])
    assert [each.about for each in kept.last(20)] == [(6,), (5,), (4,)]


@pytest.mark.parametrize("number", range(5))
def test_an_older_journal_keeps_acts_from_then_on(path: Path, number: int) -> None:
    shapes.write(path, number)
    with Journal(path) as journal:
        assert Acts(journal).last(5) == []
        Acts(journal).add("Anna", "mute")
        assert [each.what for each in Acts(journal).last(5)] == ["mute"]


def test_those_of_an_older_journal_are_there(path: Path) -> None:
    shapes.write(path, len(MIGRATIONS))
    with Journal(path) as journal:
        (act,) = Acts(journal).last(5)
    assert (act.by, act.what, act.about) == ("Anna", "correct", (2,))


def test_they_go_when_everything_is_erased_and_stay_otherwise(
    journal: Journal, tmp_path: Path
) -> None:
    number = exchange(journal)
    Acts(journal).add("Anna", "correct", [number])
    journal.delete([number])
    assert len(Acts(journal).last(5)) == 1
    forget(journal, BridgeFolder(tmp_path / "bridges"), None)
    assert Acts(journal).last(5) == []
