"""Checks of the journal, which is only read here, neither created nor migrated."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from sqlite_utils import Database

from assistant.doctor.finding import Figure, Finding, fail, ok, warn
from assistant.doctor.subject import Subject
from assistant.journal.connection import BUSY_S, explained
from assistant.journal.schema import MIGRATIONS, recognise, version
from assistant.journal.turn import Taught
from assistant.listen.full_duplex import MEMORY, FullDuplex
from assistant.values import Route, Timings
from assistant.verification import LEAST

_MB = 1 << 20

_FIGURE = re.compile(
    r"held_out|canaries|gain(_at_least|_p)?"
    r"|(transcript|(canary_)?(before|after))_(rouge1|rougeL|equal|token_error|word_error|right)"
)
"""Names of a verdict's figures."""

_COUNTS = {
    "exchanges": "SELECT count(*) FROM turns",
    "recordings": "SELECT count(*) FROM turns WHERE audio IS NOT NULL",
    "taught": "SELECT count(*) FROM turns WHERE correction IS NOT NULL",
    "not to be learned from": "SELECT count(*) FROM turns WHERE NOT consent",
    "not answered": "SELECT count(*) FROM turns WHERE error IS NOT NULL",
    "bridges trained": "SELECT count(*) FROM bridges",
    "bridges accepted": "SELECT count(*) FROM bridges WHERE accepted",
    "bridges erased": "SELECT count(*) FROM bridges WHERE erased_at IS NOT NULL",
}


def journal(subject: Subject) -> Finding:
    """Whether the database is intact, of a known version, and writable."""
    path = subject.settings.journal.path
    folder = next(each for each in (path.parent, *path.parent.absolute().parents) if each.exists())
    if not path.exists():
        if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
            return fail(
                f"There is no journal yet, and you may not write to {folder}. Change its "
                "permissions, or set journal.path to another file."
            )
        return ok("There is no journal yet; it is created with the first exchange.")
    with opened(path) as database, explained(path, "check the journal"):
        number = version(database)
        faults = [row[0] for row in database.conn.execute("PRAGMA integrity_check(10)")]
    figures: dict[str, Figure] = {
        "version": number,
        "megabytes": round(sum(each.stat().st_size for each in _files(path)) / _MB, 1),
    }
    if faults != ["ok"]:
        return fail(
            f"{path} is damaged ({len(faults)} faults, the first: {faults[0].splitlines()[-1]}). "
            "Restore a backup with 'assistant restore', or move it away and keep it (sqlite3's "
            "'.recover' can save what is left).",
            **figures,
        )
    if not (os.access(path, os.W_OK) and os.access(folder, os.W_OK)):
        return fail(
            f"You may not write to {path} or its folder. Change their permissions, or run this as "
            "the user that Attune runs as.",
            **figures,
        )
    if number < len(MIGRATIONS):
        return warn(
            f"It is intact, but of version {number}; the next start of Attune upgrades it to "
            f"{len(MIGRATIONS)}. Make a copy first with 'assistant backup FILE'.",
            **figures,
        )
    return ok(f"{path} is intact: {figures['megabytes']} MB, version {number}.", **figures)


def known_voice(subject: Subject) -> Finding:
    """Whether the user's voice is known, where only the user is to be answered."""
    if subject.settings.listen.only is None:
        return ok("Not needed: everybody is answered.")
    path = subject.settings.journal.path
    count = 0
    if path.exists():
        with opened(path) as database, explained(path, "read the journal"):
            query = "SELECT count(*) FROM turns WHERE taught = ? AND audio IS NOT NULL"
            (count,) = database.conn.execute(query, [Taught.ENROLLED.value]).fetchone()
    if count < LEAST:
        return warn(
            f"Until {LEAST} sentences are read aloud everybody is answered; so far there are "
            f"{count}. Read some with 'assistant enroll', or unset listen.only.",
            sentences=count,
        )
    return ok(f"It is known from {count} sentences that were read aloud.", sentences=count)


def interruptions(subject: Subject) -> Finding:
    """Whether somebody who speaks over a reply is heard."""
    listen, path = subject.settings.listen, subject.settings.journal.path
    found = FullDuplex(listen)
    if listen.barge_in == "auto" and path.exists():
        with opened(path) as database, explained(path, "read the journal"):
            query = "SELECT value FROM learning WHERE name = ?"
            row = database.conn.execute(query, [MEMORY]).fetchone()
        if row is not None:
            found.load(row[0], row[0][2:])  # whichever devices it was
    how = "found out" if listen.barge_in == "auto" else f"listen.barge_in is '{listen.barge_in}'"
    return ok(f"{found.sentence} ({how})" if found.works is not None else found.sentence)


def counts(path: Path) -> dict[str, int]:
    """How many entries of each kind are in the journal; ``JournalError`` if it cannot be read."""
    with opened(path) as database, explained(path, "read the journal"):
        return {
            name: int(database.conn.execute(query).fetchone()[0]) for name, query in _COUNTS.items()
        }


def latest(path: Path, limit: int) -> list[dict[str, Figure]]:
    """Figures of the latest exchanges, newest first, without anything that was said or answered.

    Raises:
        JournalError: if the journal cannot be read.
    """
    with opened(path) as database, explained(path, "read the journal"):
        rows = database.conn.execute(
            "SELECT id, seconds, confidence, bridge_confidence, audio IS NOT NULL, "
            "error IS NOT NULL, route, timings FROM turns ORDER BY id DESC LIMIT ?",
            [limit],
        ).fetchall()
    names = ("id", "seconds", "confidence", "bridge_confidence", "has_audio", "has_error")
    return [
        {
            **dict(zip(names, row, strict=False)),
            "route": row[6] if row[6] in {each.value for each in Route} else None,
            **_timings(row[7]),
        }
        for row in rows
    ]


def verdicts(path: Path) -> list[dict[str, Figure]]:
    """Figures of the gate's verdicts, newest first; ``JournalError`` if it cannot be read."""
    with opened(path) as database, explained(path, "read the journal"):
        rows = database.conn.execute(
            "SELECT id, accepted, CASE WHEN json_valid(turns) THEN json_array_length(turns) END, "
            "verdict FROM bridges ORDER BY id DESC"
        ).fetchall()
    return [
        {"id": number, "accepted": accepted, "examples": examples, **_numbers(verdict)}
        for number, accepted, examples, verdict in rows
    ]


@contextmanager
def opened(path: Path) -> Generator[Database]:
    """The journal, read-only.

    Raises:
        JournalError: if it cannot be opened, or belongs to another program or a newer Attune.
    """
    with explained(path, "open the journal"):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S, isolation_level=None
        )
    with closing(connection):
        database = Database(connection, execute_plugins=False)
        with explained(path, "open the journal"):
            recognise(database, path)
        yield database


def _files(path: Path) -> list[Path]:
    """The database and what SQLite keeps beside it."""
    return [each for each in (path, path.with_name(f"{path.name}-wal")) if each.exists()]


def _timings(text: str | None) -> dict[str, Figure]:
    """Milliseconds per stage."""
    kept = _mapping(text)
    return {f"{each.name}_ms": _number(kept.get(each.name)) for each in fields(Timings)}


def _numbers(verdict: str | None) -> dict[str, Figure]:
    """The figures of a verdict, without its reason."""
    return {
        name: _number(value) for name, value in _mapping(verdict).items() if _FIGURE.fullmatch(name)
    }


def _mapping(text: str | None) -> dict[str, Any]:
    """A JSON object; empty if there is none."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
