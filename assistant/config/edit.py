"""Changes a settings file as a person would: everything else stays, including comments."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import tomlkit
from tomlkit.exceptions import TOMLKitError

from assistant import durable
from assistant.config.sources import SYSTEM_FILE
from assistant.errors import ConfigError


def take_up(
    values: Mapping[str, object],
    origins: Mapping[str, str],
    files: Sequence[Path],
    file: Path,
) -> None:
    """Write values to a settings file, as ``change`` does, if they will count there.

    Args:
        values: by dotted keys; ``None`` removes the key.
        origins: what sets each key now.
        files: all settings files, in rising priority.
        file: the one to change.

    Raises:
        ConfigError: if something else overrides one, or the file cannot be changed.
    """
    require_a_say(values, origins, files, file)
    change(file, values)


def require_a_say(
    values: Mapping[str, object],
    origins: Mapping[str, str],
    files: Sequence[Path],
    file: Path,
) -> None:
    """Raise ``ConfigError`` if something overrides what would be written; see ``take_up``."""
    lower = [f"file {each}" for each in files[: files.index(file)]]
    for key, value in values.items():
        origin = origins.get(key)
        if origin is not None and origin not in (f"file {file}", *lower):
            raise ConfigError(
                f"The setting {key} is set by {origin}, which overrides {file}. Remove it there, "
                "then run this again."
            )
        if value is None and origin in lower:
            raise ConfigError(
                f"The setting {key} is set by {origin}. Remove it there to go back to the default."
            )


def change(path: Path, values: Mapping[str, object]) -> None:
    """Write values to a settings file, all or none; it is created if it does not exist.

    Args:
        path: the file.
        values: by dotted keys; ``None`` removes the key.

    Raises:
        ConfigError: if the file is not TOML, or cannot be written.
    """
    path = path.resolve()  # a symbolic link to the file stays one
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        # names and reminders may stand in it; the system's is read by the service's user
        fresh = 0o666 if path == SYSTEM_FILE.resolve() else 0o600
        mode = stat.S_IMODE(path.stat().st_mode) if text else fresh
        changed = _changed(path, text, values)
        if changed != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            durable.write(path, changed.encode(), mode=mode)
    except (UnicodeDecodeError, TOMLKitError) as error:
        raise ConfigError(
            f"Cannot change the settings in {path}: {error}. Fix or remove it."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"Cannot change the settings in {path}: {error.strerror}. Make sure that you may "
            "write there."
        ) from None


def _changed(path: Path, text: str, values: Mapping[str, object]) -> str:
    document = cast("dict[str, Any]", tomlkit.parse(text))
    for key, value in values.items():
        block, _, name = key.rpartition(".")
        if value is not None and block:
            document.setdefault(block, tomlkit.table())
        held: object = document.get(block, {}) if block else document
        if not isinstance(held, dict):
            raise ConfigError(
                f"Cannot change the settings in {path}: {block} is not a block. Fix or remove it."
            )
        table = cast("dict[str, object]", held)
        if value is None:
            table.pop(name, None)
        else:
            table[name] = value
    return tomlkit.dumps(document)  # pyright: ignore[reportUnknownMemberType]
