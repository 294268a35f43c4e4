"""Makes private any file with what was said that others can still read."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from platformdirs import user_data_path

from assistant import durable
from assistant.config import Settings
from assistant.journal import sounds

_GROUP = 0o050  # needs to reach the socket in it


def seal(settings: Settings) -> str | None:
    """Close them; returns one sentence if others on this machine could read something."""
    own = user_data_path("attune")
    has_group = settings.control.group is not None and settings.control.path.parent == own
    folders = (own, settings.bridges, settings.journal.path.parent / "replies")
    # folders first: then nobody can swap a file for something else
    opened = [
        each
        for each in dict.fromkeys(folders)
        if durable.close_to_others(each, keeping=_GROUP if has_group and each == own else 0)
    ]
    opened += [each for each in dict.fromkeys(_files(settings, folders)) if _closed(each)]
    if not opened:
        return None
    more = f" and {len(opened) - 1} more" if opened[1:] else ""
    return f"Other users of this machine could read {opened[0]}{more}; now only you can."


def _files(settings: Settings, folders: tuple[Path, ...]) -> Iterator[Path]:
    journal = settings.journal.path
    yield from (journal.with_name(journal.name + log) for log in ("", "-wal", "-shm", "-journal"))
    for folder in folders:
        with suppress(OSError):
            yield from folder.iterdir()
    if settings.speak.wav_dir is not None:  # where there may be other files as well
        for path in settings.speak.wav_dir.glob("*.wav"):
            if sounds.belongs(path.name, None):
                yield path


def _closed(path: Path) -> bool:
    """Close a file, but no link, which may lead anywhere, and nothing that cannot be read."""
    with suppress(OSError):
        return stat.S_ISREG(path.lstat().st_mode) and durable.close_to_others(path)
    return False
