from __future__ import annotations

from datetime import datetime, timezone

import pytest

from assistant.errors import JournalError, TrainingError
from assistant.journal.lineage import CurvePoint, Lineage
from assistant.journal.store import Journal
from tests.journal.exchanges import exchange, record_of

CURVE = (CurvePoint(1, 0.5, 2.25, None), CurvePoint(10, 4.0, 0.5, 0.75))


@pytest.fixture
def lineage(journal: Journal) -> Lineage:
    for _ in range(4):
        exchange(journal)
    return Lineage(journal)


def test_a_trained_bridge_is_recorded_with_all_it_came_from(lineage: Lineage) -> None:
    before = datetime.now(timezone.utc)
    number = lineage.trained("aa11", "ctc", "base", [3, 1, 3], CURVE)
    (record,) = lineage.records()
    assert (record.id, record.version, record.head, record.start) == (number, "aa11", "ctc", "base")
    assert (record.turns, record.curve) == ((1, 3), CURVE)
    assert (record.verdict, record.accepted, record.erased_at) == (None, None, None)
    assert before <= record.created_at <= datetime.now(timezone.utc)


def test_a_verdict_is_kept_with_its_numbers(lineage: Lineage) -> None:
    first = lineage.trained("aa11", "ctc", "base", [1], CURVE)
    second = lineage.trained("bb22", "ctc", "aa11", [1], CURVE)
    lineage.judged(first, {"rouge1": 0.5, "why": "worse"}, accepted=False)
    lineage.judged(second, {"rouge1": 0.75}, accepted=True)
    newest, oldest = lineage.records()
    assert (newest.version, newest.verdict, newest.accepted) == ("bb22", {"rouge1": 0.75}, True)
    assert (oldest.verdict, oldest.accepted) == ({"rouge1": 0.5, "why": "worse"}, False)
    with pytest.raises(JournalError, match="Nothing learned has the number 9"):
        lineage.judged(9, {}, accepted=True)


def test_a_bridge_trained_on_an_erased_exchange_is_not_recorded(
    journal: Journal, lineage: Lineage
) -> None:
    journal.delete([2])
    with pytest.raises(TrainingError, match=r"have been erased.*assistant retrain"):
        lineage.trained("aa11", "ctc", "base", [1, 2], CURVE)
    assert lineage.records() == []


def test_bridges_are_found_by_what_taught_them(lineage: Lineage) -> None:
    lineage.trained("a1", "ctc", "base", [1, 2], CURVE)
    lineage.trained("b2", "ctc", "base", [2, 3], CURVE)
    lineage.trained("c3", "ctc", "base", [4], CURVE)

    def taught_by(*turn_ids: int) -> list[str]:
        return [record.version for record in lineage.taught_by(turn_ids)]

    assert taught_by(1) == ["a1"]
    assert taught_by(2) == ["b2", "a1"]
    assert taught_by(3, 4, 99) == ["c3", "b2"]
    assert taught_by() == taught_by(99) == []
    lineage.erased("b2")
    assert taught_by(2) == ["a1"]
    assert record_of(lineage, "b2").erased_at is not None


def test_what_a_bridge_learned_is_in_those_that_started_from_it(lineage: Lineage) -> None:
    lineage.trained("a1", "ctc", "base", [1], CURVE)
    lineage.trained("b2", "ctc", "a1", [2], CURVE)
    lineage.trained("c3", "ctc", "b2", [3], CURVE)
    lineage.trained("d4", "ctc", "scratch", [3], CURVE)
    assert [record.version for record in lineage.taught_by([1])] == ["c3", "b2", "a1"]
    assert [record.version for record in lineage.taught_by([2])] == ["c3", "b2"]
    lineage.erased("b2")
    assert [record.version for record in lineage.taught_by([2])] == ["c3"]


def test_the_moment_of_erasure_is_kept(lineage: Lineage) -> None:
    lineage.trained("a1", "ctc", "base", [1], CURVE)
    lineage.erased("a1")
    first = record_of(lineage, "a1").erased_at
    lineage.erased("a1")
    assert record_of(lineage, "a1").erased_at == first


def test_a_damaged_record_is_named(journal: Journal, lineage: Lineage) -> None:
    lineage.trained("a1", "ctc", "base", [1], CURVE)
    for column, value in (("curve", '[{"no": 1}]'), ("turns", "{"), ("created_at", "soon")):
        before = journal.database.conn.execute(f"SELECT {column} FROM bridges").fetchone()[0]  # noqa: S608
        journal.database.conn.execute(f"UPDATE bridges SET {column} = ?", [value])  # noqa: S608
        with pytest.raises(JournalError, match=r"record of version a1 in .* cannot be read"):
            lineage.records()
        journal.database.conn.execute(f"UPDATE bridges SET {column} = ?", [before])  # noqa: S608
