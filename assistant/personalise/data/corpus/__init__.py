"""Other people's recordings and texts, and one's own from elsewhere, as sentence-level pairs."""

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
    """What a corpus holds, read while it is iterated over.

    Args:
        path: a folder of recordings with texts beside them, a table (CSV or TSV), a CHAT
            transcript, or a folder of these.
        participant: whose sentences to take from CHAT transcripts.
        audio: where the recordings are, if not beside the transcripts or the table.

    Raises:
        CorpusError: if nothing of that kind is there.
    """
    if audio is not None and not audio.is_dir():
        raise CorpusError(f"There is no folder {audio}. Check what --audio names.")
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
        f"{path} is no corpus. Name a table (.csv, .tsv), a CHAT transcript ({chat.SUFFIX}), a "
        "folder of these, or a folder of recordings with a .txt file beside each."
    )
