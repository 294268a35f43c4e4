"""Exchanges as ordinary files: one FLAC per recording, one JSON line and one CSV row each."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING

from assistant import durable
from assistant.errors import JournalError
from assistant.values import Timings

if TYPE_CHECKING:
    from assistant.journal.store import Journal
    from assistant.journal.turn import Turn

_CSV_COLUMNS = (
    "id", "started_at", "source", "seconds", "end_reason", "transcript", "confidence",
    "correction", "taught", "consent", "route", "heard", "bridge_confidence", "reply",
    "stop_reason", "error", "replied_at", "encoder", "bridge", "llm", "audio",
    *(f"{stage.name}_ms" for stage in fields(Timings)),
)  # fmt: skip

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export(
    journal: Journal, turns: Iterable[Turn], folder: Path, *, overwrite: bool = False
) -> None:
    """Write ``audio/ID.flac``, ``turns.jsonl`` and ``turns.csv``.

    Args:
        journal: holds the recordings.
        turns: the exchanges to write.
        folder: created if missing; made private to its owner if it is empty.
        overwrite: whether the folder may already contain something.

    Raises:
        JournalError: if the folder is not empty or cannot be written.
    """
    try:
        is_filled = folder.is_dir() and any(folder.iterdir())
        if is_filled and not overwrite:
            raise JournalError(
                f"{folder} is not empty. Name another folder, or add --force to overwrite an "
                "earlier export."
            )
        durable.folder(folder)
        if not is_filled:
            durable.close_to_others(folder)
        _write(journal, turns, folder)
    except OSError as error:
        raise JournalError(
            f"Cannot export to {folder}: {error.strerror}. Name another folder, or fix this one "
            "and add --force."
        ) from error


def _write(journal: Journal, turns: Iterable[Turn], folder: Path) -> None:
    durable.folder(folder / "audio")
    durable.close_to_others(folder / "audio")
    private = durable.private
    with (
        open(folder / "turns.jsonl", "w", encoding="utf-8", opener=private) as lines,
        open(folder / "turns.csv", "w", encoding="utf-8", newline="", opener=private) as table,
    ):
        rows = csv.DictWriter(table, _CSV_COLUMNS, extrasaction="ignore")
        rows.writeheader()
        for turn in turns:
            record = turn.record() | {"audio": _recording(journal, turn, folder)}
            del record["has_audio"]
            lines.write(json.dumps(record, ensure_ascii=False) + "\n")
            timings = asdict(turn.timings or Timings())
            rows.writerow(
                {name: _no_formula(value) for name, value in record.items()}
                | {f"{stage}_ms": ms for stage, ms in timings.items()}
            )


def _no_formula(value: object) -> object:
    """Text with an apostrophe in front where a spreadsheet would compute instead of showing it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _recording(journal: Journal, turn: Turn, folder: Path) -> str | None:
    """Write the recording, if there is one, and return its path inside the folder."""
    if not turn.has_audio:
        return None
    name = f"audio/{turn.id:06}.flac"
    with open(folder / name, "wb", opener=durable.private) as file:
        file.write(journal.flac(turn.id))
    return name
