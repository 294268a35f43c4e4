"""Recordings with texts from outside Attune, as sentence-level pairs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from assistant.errors import CorpusError
from assistant.personalise.data.corpus import chat, folder, table
from assistant.personalise.data.corpus.pair import Found, Pair, Problem, Skipped

__all__ = ["Found", "Pair", "Problem", "Skipped", "pairs"]


def pairs(
    path: Path, *, participant: str | None = None, audio: Path | None = None
) -> Iterator[Found]:
    """The contents of a corpus, read during iteration.

    Args:
        path: a folder of recordings with texts beside them, a table (CSV or TSV), a CHAT
            transcript, or a folder of these.
        participant: whose sentences to use from CHAT transcripts.
        audio: folder of the recordings, if not beside the transcripts or the table.

    Raises:
        CorpusError: if no corpus is found there.
    """
    if audio is not None and not audio.is_dir():
        raise CorpusError(f"There is no folder {audio}. Check --audio.")
    if path.is_dir():
        transcripts = chat.transcripts(path)
        if not transcripts:
            return folder.pairs(path)
        return (
            found
            for transcript in transcripts
            for found in chat.pairs(transcript, path, participant, audio)
        )
    if not path.is_file():
        raise CorpusError(f"There is no {path}. Check the path.")
    if path.suffix.lower() in table.SUFFIXES:
        return table.pairs(path, audio)
    if path.suffix.lower() == chat.SUFFIX:
        return chat.pairs(path, path.parent, participant, audio)
    raise CorpusError(
        f"{path} is not a corpus. Name a table (.csv, .tsv), a CHAT transcript ({chat.SUFFIX}), a "
        "folder of these, or a folder of recordings with a .txt file beside each."
    )
