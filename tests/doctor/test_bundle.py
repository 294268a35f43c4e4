"""The support archive holds nothing that anybody said, whatever column it stands in."""

from __future__ import annotations

import json
import sqlite3
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest

from assistant.config import Loaded, load
from assistant.doctor import bundle
from assistant.doctor.__main__ import run
from assistant.doctor.checks import chosen
from assistant.doctor.finding import ok
from assistant.doctor.subject import Subject
from assistant.errors import ConfigError
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.personalise.bridges.folder import BridgeFolder
from tests.journal.exchanges import exchange
from tests.personalise.lived_in import Traces, begin_training, learn, talk

WORD = "zebrafish"


def loaded(path: Path, **environ: str) -> Loaded:
    return load(environ={"ATTUNE_JOURNAL__PATH": str(path), **environ}, files=())


SAFELY: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
"""How archives are unpacked, where Python is not older than that; Debian's is."""


def archived(folder: Path, settings: Loaded) -> dict[str, str]:
    """Write the archive and read it: texts by the names of their files."""
    subject = Subject(settings.settings)
    findings = {check.name: run(check, subject) for check in chosen(["journal", "disk", "memory"])}
    archive = folder / "doctor.tar.gz"
    bundle.write(archive, bundle.contents(findings, settings))
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    with tarfile.open(archive) as opened:
        opened.extractall(folder / "unpacked", **SAFELY)  # noqa: S202 - our own
    unpacked = folder / "unpacked" / "attune-doctor"
    return {each.name: each.read_text(encoding="utf-8") for each in unpacked.iterdir()}


def fill_texts(path: Path) -> int:
    """Put the word into every column that takes a text, and give how many there are."""
    connection = sqlite3.connect(path, isolation_level=None)
    filled = 0
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        if table.startswith("sqlite_"):
            continue
        for _, column, kind, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall():
            if kind == "TEXT":
                connection.execute(f"UPDATE {table} SET {column} = ?", [WORD])  # noqa: S608
                filled += 1
    connection.close()
    return filled


def test_no_word_of_any_column_gets_in(path: Path, tmp_path: Path) -> None:
    with Journal(path) as journal:
        exchange(journal)
        Lineage(journal).trained("ba5e", "letters", "base", [1], ())
        journal.remember("a name", "a value")
    assert fill_texts(path) > 20
    files = archived(tmp_path, loaded(path))
    assert json.loads(files["journal.json"])["counts"]["exchanges"] == 1
    assert not [name for name, text in files.items() if WORD in text]


def test_no_word_within_json_gets_in(path: Path, tmp_path: Path) -> None:
    with Journal(path) as journal:
        exchange(journal)
        record = Lineage(journal).trained("ba5e", "letters", "base", [1], ())
        verdict: dict[str, object] = {"why": WORD, WORD: 1.0, "after_rouge1": WORD, "held_out": 4}
        Lineage(journal).judged(record, verdict, accepted=False)
    connection = sqlite3.connect(path, isolation_level=None)
    timings = json.dumps({"total": WORD, "encode": 12.5, WORD: 1.0})
    connection.execute("UPDATE turns SET timings = ?, words = ?", [timings, json.dumps([WORD])])
    connection.close()
    files = archived(tmp_path, loaded(path))
    kept = json.loads(files["journal.json"])
    assert (kept["latest"][0]["encode_ms"], kept["latest"][0]["total_ms"]) == (12.5, None)
    assert kept["verdicts"] == [
        {"id": 1, "accepted": 0, "examples": 1, "after_rouge1": None, "held_out": 4.0}
    ]
    assert not [name for name, text in files.items() if WORD in text]


def test_nothing_of_a_device_that_was_lived_with_gets_in(path: Path, tmp_path: Path) -> None:
    with Journal(path) as journal:
        folder = BridgeFolder(path.parent / "bridges")
        traces = [talk(journal, number) for number in range(3)]
        version, of_weights = learn(journal, folder, [1, 2, 3], seed=1)
        traces += [of_weights, begin_training(folder)]
    files = archived(tmp_path, loaded(path))
    unpacked = tmp_path / "unpacked"
    assert version not in "".join(files.values())
    for each in traces:
        assert each.left_in(unpacked) == []
    assert Traces((b"exchanges",)).left_in(unpacked)  # it looks, and finds


def test_texts_among_the_settings_stay_out_unless_they_are_known_to_be_harmless(
    path: Path, tmp_path: Path
) -> None:
    secret = 0
    for key, _, _ in load(environ={}, files=()).rows():
        name = f"ATTUNE_{key.replace('.', '__').upper()}"
        for text in (WORD, f'["{WORD}"]'):
            try:
                settings = loaded(path, **{name: text})
            except ConfigError:
                continue
            if key in bundle.TEXTS:
                continue
            secret += 1
            files = archived(tmp_path, settings)
            assert not [name for name, text in files.items() if WORD in text], key
            break
    assert secret >= 3  # instruction, user_name, reminders
    assert not bundle.TEXTS.difference(key for key, _, _ in load(environ={}, files=()).rows())
    kept = bundle.settings(loaded(path, ATTUNE_LISTEN__DEVICE="Headset"))
    assert kept["listen.device"] == {
        "value": "Headset",
        "origin": "environment ATTUNE_LISTEN__DEVICE",
    }
    assert kept["generate.n_ctx"] == {"value": 1_024, "origin": "default"}
    assert kept["generate.instruction"] == {"value": bundle.LEFT_OUT, "origin": "default"}


def test_homes_are_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "erika"
    monkeypatch.setenv("HOME", str(home))
    archive = tmp_path / "doctor.tar.gz"
    finding = ok(f"There is nothing at {home}/attune/journal.db, nor at /home/hans/bridges.")
    bundle.write(archive, {"findings": {"journal": finding.as_json()}})
    with tarfile.open(archive) as opened:
        file = opened.extractfile("attune-doctor/findings.json")
        assert file is not None
        text = file.read().decode()
    assert "There is nothing at ~/attune/journal.db, nor at ~/bridges." in text


def test_a_journal_that_cannot_be_read_is_told_in_the_archive(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"rubbish" * 1_000)
    files = archived(tmp_path, loaded(path))
    assert "is not a database" in json.loads(files["journal.json"])["trouble"]
    path.unlink()
    files = archived(tmp_path, loaded(path))
    assert json.loads(files["journal.json"]) == {}


def test_an_archive_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "folder", tmp_path / "no" / "doctor.tar.gz"):
        with pytest.raises(ConfigError, match="Make room there, or choose another file"):
            bundle.write(place, {})
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]
