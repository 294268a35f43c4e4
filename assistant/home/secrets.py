"""Secrets in files, which nobody else may read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from assistant.errors import ConfigError, reason

MOST = 4_096
"""Longest secret in bytes."""


def secret(path: Path, setting: str) -> str:
    """What stands in a file, read anew each time, so that it can be changed.

    Raises:
        ConfigError: if it is missing, empty, no ordinary file, or open to other users.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise ConfigError(f"{path} is no ordinary file. Change {setting}.")
            if about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigError(
                    f"Other users of this machine may read {path}. Close it with 'chmod 600 "
                    f"{path}'."
                )
            text = file.read(MOST).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"Cannot read {path}: {reason(error)}. Put it there, or change {setting}."
        ) from None
    if not text or not text.isprintable():
        raise ConfigError(f"What stands in {path} cannot be used. Change it, or {setting}.")
    return text
