"""Whose files these are: the journal and the bridges of a system service are another user's."""

from __future__ import annotations

import os
from pathlib import Path

from assistant.config import Settings
from assistant.control.client import Client
from assistant.errors import ControlError


def stand_in(settings: Settings) -> Client | None:
    """The running daemon, where the journal is another user's; ``None``: the files are to be used.

    Raises:
        ControlError: if the journal is another user's, and so is the daemon.
    """
    if not is_anothers(settings.journal.path):
        return None
    client = Client(settings.control.path)
    return client if client.is_running() else None


def require_own(settings: Settings, what: str) -> None:
    """Refuse what only the owner of the bridges can do.

    Args:
        settings: name the journal, whose owner it is.
        what: is refused, such as "make a bridge here".

    Raises:
        ControlError: if the files are another user's.
    """
    if stand_in(settings) is not None:
        raise ControlError(
            f"Only the user that Attune runs as may {what}, because the bridges are that user's "
            "files. Ask as that user."
        )


def is_anothers(path: Path) -> bool:
    """Whether a file is there, or may be there, that this user may not open."""
    try:
        path.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return not (_may(path, os.R_OK | os.W_OK) and _may(path.parent, os.W_OK))


def _may(path: Path, what: int) -> bool:
    return os.access(path, what, effective_ids=os.access in os.supports_effective_ids)
