"""A table of recordings and texts: CSV or TSV with a header."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from assistant.errors import CorpusError
from assistant.personalise.data.corpus.encoding import SAMPLE, encoding_of, guessed
from assistant.personalise.data.corpus.folder import pair
from assistant.personalise.data.corpus.pair import Found, Problem, written

SUFFIXES = (".csv", ".tsv")

AUDIO_COLUMNS = ("path", "file", "audio")
TEXT_COLUMNS = ("text", "sentence", "transcript", "transcription")

_SEPARATOR = re.compile(r"""["']?sep=(.)["']?\r?\n?$""", re.IGNORECASE)


def pairs(path: Path, audio: Path | None = None) -> Iterator[Found]:
    """The rows of a table, in order.

    Args:
        path: the table.
        audio: the folder of the recordings, by default the table's own.

    Raises:
        CorpusError: if the table cannot be read or lacks a column.
    """
    try:
        with path.open("rb") as raw:
            encoding = encoding_of(raw.read(SAMPLE))
        # a byte that is not of this encoding must spoil only its own row
        errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
        with path.open(encoding=encoding, errors=errors, newline="") as file:
            head, n_head = file.readline(), 1
            separator = _SEPARATOR.match(head)
            if separator is not None:  # Excel's first line
                head, n_head = file.readline(), 2
            delimiter = separator[1] if separator else max("\t", ";", ",", key=head.count)
            names = [name.strip(' "\r\n').lower() for name in head.split(delimiter)]
            named = _column(path, names, AUDIO_COLUMNS)
            said = _column(path, names, TEXT_COLUMNS)
            # in tab-separated corpora, quotation marks belong to the sentence
            quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
            rows = csv.reader(file, delimiter=delimiter, quoting=quoting)
            for row in rows:
                if row:
                    where = f"{written(path)}:{rows.line_num + n_head}"
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
    raw = "\n".join(row).encode("utf-8", "surrogateescape")
    try:
        raw.decode()
    except UnicodeDecodeError:
        return Problem(where, f"is not in UTF-8 but in {guessed(raw)}: save the table as UTF-8")
    if not (name + text).isprintable():  # line breaks within a row, control characters
        return Problem(where, "is not plain text, or has an unclosed quotation mark")
    if not name:
        return Problem(where, "names no recording")
    return pair(folder / name, text, where, folder)
