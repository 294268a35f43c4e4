from __future__ import annotations

import csv
import json
import stat
from pathlib import Path

import numpy as np
import pytest
import soundfile

from assistant.errors import JournalError
from assistant.journal.export import export
from assistant.journal.store import Journal
from tests.journal.exchanges import exchange, sound


def test_an_export_holds_every_recording_and_every_word(journal: Journal, tmp_path: Path) -> None:
    exchange(journal, "bon appétit", 'she said "hello", twice\nand left', seed=5)
    journal.typed("what day is it")
    folder = tmp_path / "new" / "out"
    turns = list(journal.turns())
    export(journal, turns, folder)

    files = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    assert files == ["audio/000001.flac", "turns.csv", "turns.jsonl"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    samples, rate = soundfile.read(folder / "audio" / "000001.flac", dtype="float32")
    assert rate == 16_000
    assert np.abs(samples - sound(0.5, 5)).max() <= 1 / 32_768

    lines = [json.loads(line) for line in (folder / "turns.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [2, 1]
    assert [line["audio"] for line in lines] == [None, "audio/000001.flac"]
    record = turns[1].record() | {"audio": "audio/000001.flac"}
    del record["has_audio"]
    assert lines[1] == record
    assert lines[1]["words"][0] == {
        "text": "bon", "start_s": 0.0, "end_s": 0.5, "confidence": 0.5
    }  # fmt: skip

    with (folder / "turns.csv").open(encoding="utf-8", newline="") as table:
        typed, spoken = csv.DictReader(table)
    assert (typed["source"], typed["audio"], typed["total_ms"]) == ("text", "", "")
    assert spoken["transcript"] == "bon appétit"
    assert spoken["reply"] == 'she said "hello", twice\nand left'
    assert (spoken["audio"], spoken["total_ms"]) == ("audio/000001.flac", "1234.5")
    assert spoken["encode_ms"] == ""


def test_nothing_is_written_over_unless_told_to(journal: Journal, tmp_path: Path) -> None:
    exchange(journal, "the first")
    export(journal, journal.turns(), tmp_path / "out")
    before = (tmp_path / "out" / "turns.jsonl").read_bytes()
    exchange(journal, "the second")
    with pytest.raises(JournalError, match=r"is not empty.*--force"):
        export(journal, journal.turns(), tmp_path / "out")
    assert (tmp_path / "out" / "turns.jsonl").read_bytes() == before
    export(journal, journal.turns(), tmp_path / "out", overwrite=True)
    assert len((tmp_path / "out" / "turns.jsonl").read_text().splitlines()) == 2


def test_an_empty_folder_is_as_good_as_a_new_one(journal: Journal, tmp_path: Path) -> None:
    exchange(journal)
    (tmp_path / "out").mkdir()
    export(journal, journal.turns(), tmp_path / "out")
    assert (tmp_path / "out" / "audio" / "000001.flac").is_file()


def test_a_place_that_cannot_be_written_is_an_error_in_words(
    journal: Journal, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(JournalError, match=r"Cannot export to .*Name another folder"):
            export(journal, journal.turns(), folder)
