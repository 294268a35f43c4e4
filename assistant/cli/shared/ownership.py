"""Who owns the files: the journal and bridges of a system service are another user's."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from assistant.config import Settings
from assistant.control.client import Client
from assistant.errors import ControlError


def stand_in(settings: Settings) -> Client | None:
    """The running daemon, if the journal is another user's; ``None``: use the files directly.

    Raises:
        ControlError: if the journal is another user's, and the daemon refuses this one.
    """
    if not is_anothers(settings.journal.path):
        return None
    client = Client(settings.control.path)
    return client if client.is_running() else None


def require_own(settings: Settings, what: str) -> None:
    """Refuse what only the owner of the files can do, such as "make a bridge here".

    Raises:
        ControlError: if the files are another user's.
    """
    if is_anothers(settings.journal.path):
        raise ControlError(
            f"Only the user that Attune runs as may {what}, because the files are that user's. "
            "Ask as that user."
        ) from PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(settings.journal.path))


def is_anothers(path: Path) -> bool:
    """Whether a file exists, or may exist, that this user may not open."""
    try:
        path.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return not (_may(path, os.R_OK | os.W_OK) and _may(path.parent, os.W_OK))


def _may(path: Path, what: int) -> bool:
    return os.access(path, what, effective_ids=os.access in os.supports_effective_ids)
