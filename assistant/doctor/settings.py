"""Whether the settings can be read."""

from __future__ import annotations

from assistant.config import Loaded, load
from assistant.doctor.finding import Finding, fail, ok
from assistant.errors import ConfigError


def valid(loaded: Loaded) -> Finding:
    """The finding for settings that could be read."""
    found = " and ".join(str(path) for path in loaded.files if path.exists())
    files = f"read from {found}" if found else "no file has any, so the defaults apply"
    return ok(f"They are valid: {files}.")


def broken(error: ConfigError) -> tuple[Loaded, Finding]:
    """What to go by if they could not be, with the finding: what can be read, else the defaults."""
    try:
        loaded = load(files=())
    except ConfigError:
        loaded = load(environ={}, files=())
    return loaded, fail(f"{error} Until then the other checks use the defaults.")
