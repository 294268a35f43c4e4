"""Changes a settings file as a person would: everything else stays, including comments."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import tomlkit
from tomlkit.exceptions import TOMLKitError

from assistant import durable
from assistant.errors import ConfigError


def change(path: Path, values: Mapping[str, str | None]) -> None:
    """Write values to a settings file, all or none; it is created if it does not exist.

    Args:
        path: the file.
        values: by dotted keys of a block and a name; ``None`` removes the key.

    Raises:
        ConfigError: if the file is not TOML, or cannot be written.
    """
    path = path.resolve()  # a symbolic link to the file stays one
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        mode = stat.S_IMODE(path.stat().st_mode) if text else 0o666
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


def _changed(path: Path, text: str, values: Mapping[str, str | None]) -> str:
    document = cast("dict[str, Any]", tomlkit.parse(text))
    for key, value in values.items():
        block, _, name = key.rpartition(".")
        if value is not None:
            document.setdefault(block, tomlkit.table())
        held: object = document.get(block, {})
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
