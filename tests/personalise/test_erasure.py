from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from assistant.config import JournalSettings
from assistant.errors import CheckpointError, JournalError, TrainingError
from assistant.journal.backup import Places, pack
from assistant.journal.lineage import Lineage
from assistant.journal.restore import restore
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.personalise.bridges.erasure import (
    RETRAIN_DUE,
    Erased,
    erase,
    forget,
    resume_erasure,
    retain,
)
from assistant.personalise.bridges.folder import BridgeFolder
from tests.journal.exchanges import STARTED_AT, record_of, utterance
from tests.personalise.lived_in import Traces, begin_training, learn, talk

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal.db"


@pytest.fixture
def folder(path: Path) -> BridgeFolder:
    return BridgeFolder(path.parent / "bridges")


@pytest.fixture
def daemon(path: Path) -> Iterator[Journal]:
    """The connection of a running daemon, which has read and written."""
    with Journal(path) as journal:
        journal.typed("how are you")
        yield journal


def lived_in(journal: Journal, folder: BridgeFolder) -> tuple[dict[int, Traces], list[str]]:
    """Four exchanges, numbered from 2, and three bridges: of 2, of 3, and of 4 from scratch."""
    traces = {number: talk(journal, number) for number in (2, 3, 4, 5)}
    versions: list[str] = []
    for seed, (taught, start) in enumerate([((2,), "base"), ((3, 4), "base"), ((4,), "scratch")]):
        version, weights = learn(journal, folder, taught, seed=seed, start=start)
        versions.append(version)
        for number in taught:
            traces[number] = Traces(traces[number].of + weights.of)
    return traces, versions


def test_an_erased_exchange_leaves_no_byte_behind(
    daemon: Journal, path: Path, folder: BridgeFolder
) -> None:
    traces, (first, second, third) = lived_in(daemon, folder)
    state = begin_training(folder)
    assert daemon.turn(3).correction == "meant number zero zero three"
    assert len(traces[3].left_in(path.parent)) >= len(traces[3].of)
    with Journal(path) as journal:
        assert erase(journal, folder, [3], None) == Erased(1, (second,), wiped=True)
    assert traces[3].left_in(path.parent) == state.left_in(path.parent) == []
    assert folder.versions() == sorted([first, third])
    assert folder.current == third
    assert [turn.id for turn in daemon.turns()] == [5, 4, 2, 1]
    for number in (2, 5):
        assert {trace for _, trace in traces[number].left_in(path.parent)} == set(traces[number].of)
    assert daemon.remembered(RETRAIN_DUE) == "erasure"
    assert record_of(Lineage(daemon), second).erased_at is not None
    assert daemon.memories("erasing") == {}


def test_the_newest_bridge_that_did_not_learn_from_it_answers(
    daemon: Journal, folder: BridgeFolder
) -> None:
    _, (first, second, third) = lived_in(daemon, folder)
    assert erase(daemon, folder, [4], None).bridges == tuple(sorted([second, third]))
    assert folder.current == first
    assert erase(daemon, folder, [2], None).bridges == (first,)
    assert folder.current is None
    assert folder.versions() == []


def test_what_started_from_an_erased_bridge_goes_with_it(
    daemon: Journal, folder: BridgeFolder
) -> None:
    _, (_, _, third) = lived_in(daemon, folder)
    child, _ = learn(daemon, folder, [5], seed=8, start=third)
    other, _ = learn(daemon, folder, [5], seed=9)
    assert set(erase(daemon, folder, [4], None).bridges) >= {third, child}
    assert folder.current == other


def test_what_taught_nothing_costs_no_bridge(daemon: Journal, folder: BridgeFolder) -> None:
    _, versions = lived_in(daemon, folder)
    assert erase(daemon, folder, [1, 5, 77], None) == Erased(2, (), wiped=True)
    assert folder.current == versions[-1]
    assert daemon.remembered(RETRAIN_DUE) is None


def test_a_rejected_bridge_is_noted_though_it_has_no_file(
    daemon: Journal, folder: BridgeFolder
) -> None:
    talk(daemon, 2)
    Lineage(daemon).trained("aa11", "ctc", "base", [2], ())
    assert erase(daemon, folder, [2], None).bridges == ()
    assert record_of(Lineage(daemon), "aa11").erased_at is not None
    assert daemon.remembered(RETRAIN_DUE) is None


def test_a_training_under_way_cannot_bring_it_back(daemon: Journal, folder: BridgeFolder) -> None:
    talk(daemon, 2)
    talk(daemon, 3)
    # the bridge is recorded, the exchange erased, and only then the bridge's file written
    version, _ = learn(daemon, folder, [2], seed=1)
    shutil.copy(folder.path(version), folder.folder.parent / "late")
    erase(daemon, folder, [2], None)
    shutil.move(folder.folder.parent / "late", folder.path(version))
    assert not daemon.exist([2])
    assert resume_erasure(daemon, folder, None) is None
    assert folder.versions() == []
    with pytest.raises(TrainingError, match="have been erased, so"):
        learn(daemon, folder, [2, 3], seed=2)


def test_spoken_files_go_wherever_they_were_written(
    daemon: Journal, path: Path, folder: BridgeFolder, tmp_path: Path
) -> None:
    talk(daemon, 2)
    usual, chosen = path.parent / "replies", tmp_path / "chosen"
    chosen.mkdir()
    gone = {
        usual / "turn-000002-2.wav", chosen / "turn-000002.wav", chosen / "exchange-2.wav",
        chosen / "exchange-2-3.wav", chosen / "enrolment.wav", usual / "enrolment-2.wav",
    }  # fmt: skip
    kept = {
        usual / "turn-000020.wav", chosen / "turn-1000002.wav", chosen / "turn-000012-2.wav",
        chosen / "turn-000002.txt", chosen / "enrolment-x.wav",
        chosen / "my turn-000002.wav", chosen / "exchange-22.wav",
    }  # fmt: skip
    for file in gone | kept:
        file.write_bytes(b"RIFF")
    erase(daemon, folder, [2], chosen)
    assert set(usual.iterdir()) | set(chosen.iterdir()) == kept


def test_everything_can_be_forgotten(daemon: Journal, path: Path, folder: BridgeFolder) -> None:
    traces, versions = lived_in(daemon, folder)
    everything = [*traces.values(), begin_training(folder)]
    daemon.enrolled(utterance(), "good morning", Taught.ENROLLED)
    daemon.remember("enrolled_up_to", "12")
    (path.parent / "attune.toml").write_text("[listen]\n", encoding="utf-8")
    with Journal(path) as journal:
        erased = forget(journal, folder, None)
    assert (erased.turns, sorted(erased.bridges), erased.wiped) == (6, sorted(versions), True)
    assert [each.left_in(path.parent) for each in everything] == [[]] * 5
    assert (daemon.count(), Lineage(daemon).records(), daemon.memories("")) == (0, [], {})
    assert (folder.current, folder.versions()) == (None, [])
    assert list((path.parent / "replies").iterdir()) == []
    assert (path.parent / "attune.toml").is_file()
    assert talk(daemon, 7).left_in(path.parent)


def test_forgetting_mends_a_damaged_record_of_promotions(
    daemon: Journal, folder: BridgeFolder
) -> None:
    lived_in(daemon, folder)
    folder.state.write_text("{", encoding="utf-8")
    forget(daemon, folder, None)
    assert (folder.current, folder.versions()) == (None, [])


def test_forgetting_finishes_a_destruction_that_was_broken_off(
    daemon: Journal, path: Path, folder: BridgeFolder
) -> None:
    version, weights = learn(daemon, folder, [1], seed=1)
    folder.path(version).rename(folder.path(version).with_suffix(".erasing"))
    assert weights.left_in(path.parent)
    forget(daemon, folder, None)
    assert weights.left_in(path.parent) == []


def kept_before_restores(journal: Journal, folder: BridgeFolder) -> Places:
    """Back up and restore twice, as a person does; what restores keep holds all of it twice."""
    places = Places(journal.path, folder.folder)
    archive = journal.path.parent.parent / "saved.tar"
    journal.close()
    folder.folder.mkdir(exist_ok=True)
    pack(places, archive, STARTED_AT)
    for number in ("", "-2"):
        _, kept = restore(archive, places)
        assert [path.name for path in kept] == [
            f"journal.db.before-restore{number}", f"bridges.before-restore{number}",
        ]  # fmt: skip
    return places


def test_what_restores_have_kept_is_forgotten_too(
    daemon: Journal, path: Path, folder: BridgeFolder
) -> None:
    traces, _ = lived_in(daemon, folder)
    begun = begin_training(folder)
    places = kept_before_restores(daemon, folder)
    killed = shutil.copytree(places.bridges, places.bridges.with_name("bridges.restoring"))
    shutil.copy(places.journal, places.journal.with_name("journal.db.restoring"))
    places.journal.with_name("journal.db.before-restore-3-wal").write_bytes(b"zaid number 002")
    everything = [*traces.values(), begun]
    assert killed.is_dir()
    assert all(each.left_in(path.parent) for each in everything)
    with Journal(path) as journal:
        forget(journal, folder, None)
    assert [each.left_in(path.parent) for each in everything] == [[]] * 5
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "bridges", "journal.db", "journal.db.reserve", "replies",
    ]  # fmt: skip


def test_an_erased_exchange_is_erased_from_what_restores_have_kept(
    daemon: Journal, path: Path, folder: BridgeFolder
) -> None:
    traces, (first, _, third) = lived_in(daemon, folder)
    begun = begin_training(folder)
    places = kept_before_restores(daemon, folder)
    with Journal(path) as journal:
        assert erase(journal, folder, [3], None).wiped
        assert traces[3].left_in(path.parent) == begun.left_in(path.parent) == []
        assert {trace for _, trace in traces[2].left_in(path.parent)} == set(traces[2].of)
    for suffix in ("", "-2"):
        before = places.journal.with_name(f"journal.db.before-restore{suffix}")
        with Journal(before) as kept:
            assert [turn.id for turn in kept.turns()] == [5, 4, 2, 1]
        bridges = BridgeFolder(places.bridges.with_name(f"bridges.before-restore{suffix}"))
        assert bridges.versions() == sorted([first, third])


def test_another_exchange_of_the_same_number_stays_in_what_restores_have_kept(
    daemon: Journal, path: Path, folder: BridgeFolder
) -> None:
    talk(daemon, 2)
    places = kept_before_restores(daemon, folder)
    before = places.journal.with_name("journal.db.before-restore")
    with Journal(before) as kept, kept.writing("let it be another one") as database:
        database.conn.execute("UPDATE turns SET started_at = '2026-03-02T18:30:00.000000+00:00'")
    with Journal(path) as journal:
        assert erase(journal, folder, [2], None).turns == 1
    with Journal(before) as kept:
        assert kept.turn(2).correction == "meant number zero zero two"


def test_what_cannot_be_searched_is_erased_altogether(
    daemon: Journal, path: Path, folder: BridgeFolder
) -> None:
    traces, _ = lived_in(daemon, folder)
    places = kept_before_restores(daemon, folder)
    damaged = places.journal.with_name("journal.db.before-restore")
    damaged.write_bytes(b"zaid number 003" * 500)
    with Journal(path) as journal:
        erase(journal, folder, [3], None)
    assert traces[3].left_in(path.parent) == []
    assert not damaged.exists()
    assert not places.bridges.with_name("bridges.before-restore").exists()
    assert places.journal.with_name("journal.db.before-restore-2").is_file()


def test_what_a_killed_backup_has_left_goes_with_any_exchange(
    daemon: Journal, path: Path, folder: BridgeFolder
) -> None:
    traces, _ = lived_in(daemon, folder)
    left = path.parent / ".attune-backup-x"
    left.mkdir()
    pack(Places(path, folder.folder), left / "attune.tar", STARTED_AT)
    shutil.copy(path, left / "journal.db")
    assert len(traces[3].left_in(left)) > 0
    erase(daemon, folder, [3], None)
    assert traces[3].left_in(path.parent) == []
    assert not left.exists()


def test_a_second_name_of_the_journal_is_not_overwritten(
    daemon: Journal, path: Path, folder: BridgeFolder
) -> None:
    alias = path.with_name("journal.db.before-restore")
    alias.hardlink_to(path)  # where a restore was killed between two renames
    forget(daemon, folder, None)
    assert not alias.exists()
    assert daemon.database.conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("name", ["training.safetensors", "bootstrap.safetensors", "bootstrap-own"])
def test_names_of_what_trainings_keep_stand_in_one_file(name: str) -> None:
    holding = [
        path.name
        for path in (ROOT / "assistant").rglob("*.py")
        if f'"{name}' in path.read_text(encoding="utf-8")
    ]
    assert holding == ["training_files.py"]


def test_erasing_before_anything_was_learned(daemon: Journal, folder: BridgeFolder) -> None:
    assert erase(daemon, folder, [1], None) == Erased(1, (), wiped=True)
    assert forget(daemon, folder, None) == Erased(0, (), wiped=True)
    assert resume_erasure(daemon, folder, None) is None


def test_what_could_not_be_wiped_at_once_is_made_up_for(
    daemon: Journal, path: Path, folder: BridgeFolder
) -> None:
    traces, _ = lived_in(daemon, folder)
    with closing(sqlite3.connect(path)) as other:  # a reader keeps the log from being emptied
        journal = Journal(path, busy_s=0.2)
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM turns").fetchone()
        with journal, pytest.raises(JournalError, match="is finished when Attune starts next"):
            erase(journal, folder, [3], None)
        other.rollback()
    assert not daemon.exist([3])
    assert traces[3].left_in(path.parent)
    left = resume_erasure(daemon, folder, None, stop=lambda: True)
    assert left == Erased(0, (), wiped=False)
    assert resume_erasure(daemon, folder, None) == Erased(0, (), wiped=True)
    assert traces[3].left_in(path.parent) == []
    assert resume_erasure(daemon, folder, None) is None


def test_an_erasure_that_fails_is_told_and_finished_by_the_next(
    daemon: Journal, path: Path, folder: BridgeFolder
) -> None:
    traces, _ = lived_in(daemon, folder)
    reply = path.parent / "replies" / "turn-000003.wav"
    sound = reply.read_bytes()
    reply.unlink()
    reply.mkdir()
    with pytest.raises(JournalError, match=r"Cannot erase .*turn-000003.wav: Is a directory\."):
        erase(daemon, folder, [3], None)
    reply.rmdir()
    reply.write_bytes(sound)
    assert erase(daemon, folder, [5], None) == Erased(1, (), wiped=True)
    for number in (3, 5):
        assert traces[number].left_in(path.parent) == []


def test_a_folder_in_use_by_another_change_is_told(
    daemon: Journal, path: Path, folder: BridgeFolder
) -> None:
    traces, _ = lived_in(daemon, folder)
    impatient = BridgeFolder(folder.folder, busy_s=0.1)
    with folder._changing(), pytest.raises(CheckpointError, match="Try again"):
        erase(daemon, impatient, [3], None)
    assert not daemon.exist([3])
    assert resume_erasure(daemon, folder, None) is not None
    assert traces[3].left_in(path.parent) == []


def test_retention_erases_what_is_too_old(daemon: Journal, folder: BridgeFolder) -> None:
    days = [STARTED_AT + timedelta(days=day) for day in range(5)]
    ids = [daemon.hear(utterance(1.5, started_at=at)) for at in days]
    daemon.correct(ids[0], "keep this")
    settings = JournalSettings.model_validate({"keep_days": 2})
    now = days[-1] + timedelta(hours=1)
    assert retain(daemon, folder, settings, None, now) == Erased(2, (), wiped=True)
    assert retain(daemon, folder, settings, None, now) is None
    unsparing = settings.model_copy(update={"keep_taught": False})
    assert retain(daemon, folder, unsparing, None, now) == Erased(1, (), wiped=True)
    assert [turn.id for turn in daemon.turns()] == [ids[4], ids[3], 1]
    assert retain(daemon, folder, JournalSettings.model_validate({}), None, now) is None


def test_retention_keeps_to_a_size(daemon: Journal, folder: BridgeFolder) -> None:
    ids = [daemon.hear(utterance(20.0, seed=seed)) for seed in range(3)]
    settings = JournalSettings.model_validate({"keep_mb": 1})
    assert retain(daemon, folder, settings, None, STARTED_AT) == Erased(2, (), wiped=True)
    assert [turn.id for turn in daemon.turns()] == [ids[2], 1]


KILLED = """
import os
import shutil
import sys
from pathlib import Path
from assistant.journal.store import Journal
from assistant.personalise.bridges.erasure import erase, forget
from assistant.personalise.bridges.folder import BridgeFolder

house, moments = Path(sys.argv[1]), [float(word) for word in sys.argv[2:]]


def run(data, act, last):
    # dies before the line of Attune's that comes after so many others
    lines = 0

    def trace(frame, event, _argument):
        nonlocal lines
        if "assistant" not in frame.f_code.co_filename:
            return None
        lines += event == "line"
        if lines == last:
            os.kill(os.getpid(), 9)
        return trace

    journal, folder = Journal(data / "journal.db"), BridgeFolder(data / "bridges")
    sys.settrace(trace)
    erase(journal, folder, [3, 4], None) if act == "erase" else forget(journal, folder, None)
    sys.settrace(None)
    return lines


for act in ("erase", "forget"):
    whole = run(shutil.copytree(house / "data", house / "whole"), act, -1)
    shutil.rmtree(house / "whole")
    for number, moment in enumerate(moments):
        data = shutil.copytree(house / "data", house / f"{act}-{number}")
        if not (child := os.fork()):
            run(data, act, max(1, round(moment * whole)))
            os._exit(0)
        print(os.waitpid(child, 0)[1], flush=True)
"""


def test_an_erasure_killed_at_any_moment_is_finished_by_the_next_start(
    path: Path, folder: BridgeFolder, tmp_path: Path
) -> None:
    with Journal(path) as journal:
        journal.typed("how are you")
        traces, versions = lived_in(journal, folder)
        state = begin_training(folder)
    draw = random.Random(0)
    moments = sorted(draw.random() for _ in range(12))
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), *map(str, moments)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert killed.stdout.split() == [str(int(signal.SIGKILL))] * 2 * len(moments), killed.stderr
    unfinished = 0
    for data in sorted(tmp_path.glob("erase-*")) + sorted(tmp_path.glob("forget-*")):
        forgotten = data.name.startswith("forget")
        bridges = BridgeFolder(data / "bridges")
        with Journal(data / "journal.db") as journal:
            if resume_erasure(journal, bridges, None) is None and journal.count() == 5:
                # killed before it was noted: nobody was told that it is erased
                assert all(each.left_in(data) for each in traces.values())
                continue
            unfinished += 1
            assert journal.database.conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            gone = [state, *(traces.values() if forgotten else (traces[3], traces[4]))]
            assert [each.left_in(data) for each in gone] == [[]] * len(gone)
            assert bridges.current == (None if forgotten else versions[0])
            assert [turn.id for turn in journal.turns()] == ([] if forgotten else [5, 2, 1])
            assert resume_erasure(journal, bridges, None) is None
    assert unfinished > len(moments)
