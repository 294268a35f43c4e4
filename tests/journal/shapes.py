"""Journals as earlier versions of Attune left them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database

from assistant.journal import flac
from assistant.journal.schema import MIGRATIONS, migrate
from tests.journal.exchanges import sound

RECORDING = flac.encode(sound(0.5, 7))

_FIRST = """
INSERT INTO turns (started_at, source, hypothesis, confidence)
    VALUES ('2026-03-01T18:30:00.000000+00:00', 'text', 'hello', 1.0);
INSERT INTO turns (
    started_at, source, seconds, end_reason, hypothesis, confidence, words, correction, consent,
    encoder, llm, bridge, route, heard, bridge_confidence, reply, stop_reason, timings, replied_at
) VALUES (
    '2026-03-01T18:31:00.000000+00:00', 'microphone', 0.5, 'silence', 'what dime is it', 0.5,
    '[{"text": "what", "start_s": 0.0, "end_s": 0.5, "confidence": 0.5}]', 'what time is it', 0,
    'encoder-1', 'llm-1', 'bridge-1', 'bridge', 'what lime is it', 0.75, 'half past six',
    'end_of_turn', '{"total": 12.5}', '2026-03-01T18:31:02.000000+00:00'
);
INSERT INTO turns (started_at, source) VALUES ('2026-03-01T18:32:00.000000+00:00', 'text');
DELETE FROM turns WHERE id = 3; -- whose number is never given again
"""
_SECOND = """
UPDATE turns SET taught = 'corrected' WHERE id = 2;
INSERT INTO features VALUES (
    2, 'encoder-1', 50.0, 2, 2, 'what dime is it', 0.5, '[]', x'003c003c003c003c'
);
INSERT INTO bridges (version, created_at, head, start, turns, curve)
    VALUES ('1a2b', '2026-03-02T00:00:00.000000+00:00', 'linear', 'base', '[2]', '[]');
INSERT INTO learning VALUES ('due', 'erasure');
"""

_THIRD = """
INSERT INTO agenda (kind, name, created_at, due_at, wall, zone, days) VALUES (
    'reminder', 'take the blue pill', '2026-03-01T18:30:00.000000+00:00',
    '2026-03-02T08:00:00.000000+00:00', '2026-03-02T08:00:00', 'UTC', '0123456'
);
INSERT INTO rings (item, kind, name, due_at, began_at, late, how) VALUES (
    1, 'reminder', 'take the blue pill', '2026-03-01T08:00:00.000000+00:00',
    '2026-03-01T08:00:00.000000+00:00', 0, 'done'
);
INSERT INTO entries (list, text, added_at) VALUES ('shopping', 'milk', '2026-03-01T18:30:00+00:00');
INSERT INTO notes (subject, text, written_at)
    VALUES ('Peter', 'Peter is your son.', '2026-03-01T18:30:00+00:00');
"""

_FOURTH = ""  # it changed what is in the tables, not the tables

_FIFTH = """
INSERT INTO acts (at, "by", what, about)
    VALUES ('2026-03-01T18:30:00.000000+00:00', 'Anna', 'correct', '[2]');
"""

_SIXTH = """
INSERT INTO agenda (kind, name, created_at, due_at, length_s, theirs) VALUES (
    'timer', 'egg', '2026-03-01T18:30:00.000000+00:00', '2026-03-01T18:40:00.000000+00:00', 600.0,
    '01HV0'
);
"""

CONTENTS = (
    "",
    _FIRST,
    _FIRST + _SECOND,
    _FIRST + _SECOND + _THIRD,
    _FIRST + _SECOND + _THIRD + _FOURTH,
    _FIRST + _SECOND + _THIRD + _FOURTH + _FIFTH,
    _FIRST + _SECOND + _THIRD + _FOURTH + _FIFTH + _SIXTH,
)
"""What a journal of each version holds, beside the recording of its second exchange."""


def write(path: Path, version: int) -> None:
    """Write a journal of this version."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        migrate(Database(connection, execute_plugins=False), MIGRATIONS[:version])
        connection.executescript(CONTENTS[version])
        if version:
            connection.execute("UPDATE turns SET audio = ? WHERE id = 2", [RECORDING])
