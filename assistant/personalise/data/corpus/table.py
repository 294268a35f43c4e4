"""A table of recordings and texts: CSV or TSV with a header."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from assistant.errors import CorpusError
from assistant.personalise.data.corpus.folder import pair
from assistant.personalise.data.corpus.pair import Found, Problem, written

SUFFIXES = (".csv", ".tsv")

AUDIO_COLUMNS = ("path", "file", "audio")
TEXT_COLUMNS = ("text", "sentence", "transcript", "transcription")


def pairs(path: Path, audio: Path | None = None) -> Iterator[Found]:
    """The rows of a table, in order.

    Args:
        path: the table.
        audio: the folder of the recordings, by default the table's own.

    Raises:
        CorpusError: if the table cannot be read or lacks a column.
    """
    try:
        # a byte that is not UTF-8 must spoil only its own row
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            head = file.readline()
            delimiter = max("\t", ";", ",", key=head.count)
            names = [name.strip(' "\r\n').lower() for name in head.split(delimiter)]
            named = _column(path, names, AUDIO_COLUMNS)
            said = _column(path, names, TEXT_COLUMNS)
            # in tab-separated corpora, quotation marks belong to the sentence
            quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
            rows = csv.reader(file, delimiter=delimiter, quoting=quoting)
            for row in rows:
                if row:
                    where = f"{written(path)}:{rows.line_num + 1}"
                    yield _found(row, named, said, audio or path.parent, where)
    except csv.Error as error:
        raise CorpusError(
            f"The table {path} is damaged ({error}). Save it again as CSV in UTF-8."
        ) from None
    except OSError as error:
        raise CorpusError(
            f"Cannot read {path}: {error.strerror}. Check the path and its permissions."
        ) from None


def _column(path: Path, names: Sequence[str], known: Sequence[str]) -> int:
    for name in known:
        if name in names:
            return names.index(name)
    raise CorpusError(
        f"The first line of {path} has no column {', '.join(known[:-1])} or {known[-1]}; its "
        f"columns are {', '.join(filter(None, names)) or 'unnamed'}. Rename the right one."
    )


def _found(row: Sequence[str], named: int, said: int, folder: Path, where: str) -> Found:
    if len(row) <= max(named, said):
        return Problem(where, "has fewer columns than the first line")
    name, text = row[named].strip(), row[said]
    if not (name + text).isprintable():
        # line breaks within a row, control characters, bytes that are not UTF-8
        return Problem(where, "is not plain text in UTF-8, or has an unclosed quotation mark")
    if not name:
        return Problem(where, "names no recording")
    return pair(folder / name, text, where, folder)
