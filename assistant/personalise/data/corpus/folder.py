"""A folder of recordings, each with its text in a file of the same name beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from assistant.errors import AudioFileError, CorpusError
from assistant.listen import recordings
from assistant.personalise.data.corpus.encoding import encoding_of, guessed
from assistant.personalise.data.corpus.pair import (
    Found,
    Pair,
    Problem,
    Skipped,
    leads_out,
    load,
    text_of,
    too_much,
    unfit,
    unheard,
    written,
)
from assistant.spoken import spoken_form

TEXT_SUFFIXES = (".txt", ".lab")


def pairs(folder: Path) -> Iterator[Found]:
    """The recordings in a folder and its subfolders, sorted; ``CorpusError`` if there are none."""
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")
    )
    found = [path for path in files if path.suffix.lower() in recordings.SUFFIXES]
    if not found:
        raise CorpusError(
            f"The folder {folder} contains neither recordings nor CHAT transcripts (.cha). "
            "Name another folder, or the corpus's table itself (.csv, .tsv)."
        )
    for recording in found:
        text = _text_of(recording)
        if text is None:
            yield Problem(
                written(recording),
                f"has no text: write what is said in it to {recording.with_suffix('.txt').name}",
            )
        else:
            yield _pair(recording, text, folder)
    voiced = {path.with_suffix("") for path in found}
    for path in files:
        if path.suffix.lower() in TEXT_SUFFIXES and path.with_suffix("") not in voiced:
            yield Skipped(written(path), "text without a recording")


def pair(recording: Path, text: str, where: str, root: Path) -> Found:
    """A whole recording with its text.

    Args:
        recording: the file.
        text: what is said in it, as written.
        where: named in problems.
        root: the corpus's folder; files outside are refused.
    """
    if (outside := leads_out(recording, root)) is not None:
        return Problem(where, outside)
    try:
        said = spoken_form(text)
    except ValueError as error:
        return Skipped(where, str(error))
    try:
        samples = load(recording)
    except AudioFileError as error:
        return Problem(where, str(error))
    found = Pair(samples, said, written(recording.resolve()))
    if (fault := too_much(said, found.seconds)) is not None:
        return Problem(where, fault)
    if (why := unfit(found.seconds, said) or unheard(samples)) is not None:
        return Skipped(where, why)
    return found


def _text_of(recording: Path) -> Path | None:
    return next(
        (
            path
            for suffix in TEXT_SUFFIXES
            if (path := recording.with_suffix(suffix)).is_file()
        ),
        None,
    )  # fmt: skip


def _pair(recording: Path, text: Path, root: Path) -> Found:
    if (outside := leads_out(text, root)) is not None:
        return Problem(written(text), outside)
    try:
        data = text_of(text)
        return pair(recording, data.decode(encoding_of(data)), written(text), root)
    except UnicodeDecodeError as error:
        found = guessed(error.object)
        return Problem(written(text), f"is not in UTF-8 but in {found}: save it as UTF-8")
    except ValueError as error:
        return Problem(written(text), f"cannot be read: {error}")
    except OSError as error:
        return Problem(written(text), f"cannot be read: {error.strerror}")
