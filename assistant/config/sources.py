"""Where settings come from, and how the sources are merged."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, cast

from platformdirs import user_config_path
from pydantic import ValidationError

from assistant.config.doors import ControlSettings
from assistant.config.settings import Settings
from assistant.config.tuning import Tuning
from assistant.errors import ConfigError, refused, translated

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SYSTEM_FILE = Path("/etc/attune/attune.toml")
ENV_PREFIX = "ATTUNE_"

_SOCKET = "control.path"

_Merged: TypeAlias = dict[str, tuple[object, str]]
"""Values and their origins by dotted keys."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings together with the origin of every value that is not a default."""

    settings: Settings
    origins: Mapping[str, str]  # "listen.silence_ms" -> "environment ATTUNE_LISTEN__SILENCE_MS"
    files: tuple[Path, ...] = ()  # searched, in rising priority, whether they exist or not
    flags: Mapping[str, object] = field(default_factory=dict[str, object])

    def again(self) -> Loaded:
        """The same sources, read again; raises ``ConfigError`` as ``load`` does."""
        return load(self.flags, files=self.files)

    def rows(self) -> list[tuple[str, object, str]]:
        """Every setting as (dotted key, value, origin), in the order of the blocks.

        A former setting is included if a source still sets it.
        """
        named = [(_name(k), k, v) for k, v in _flatten(self.settings.model_dump(mode="json"))]
        return [
            (name, value, self.origins.get(name, "default"))
            for name, key, value in named
            if name == key or name in self.origins
        ]

    def value(self, key: str) -> object:
        """A setting as a JSON value; ``None`` if there is none of this name."""
        return next((value for name, value, _ in self.rows() if name == key), None)

    def moved(self) -> list[str]:
        """A sentence for each name that a source sets and that is no longer a setting."""
        moved = {
            name: f"a setting but a constant ({type(tuning).__name__} in {Tuning.__module__}): it "
            "still works in this version and will be ignored in the next one."
            for name, tuning in _moved().items()
        }
        gone = {name: f"a setting and is ignored: {why}." for name, why in _GONE.items()}
        return [
            f"{name}, from {self.origins[name]}, is no longer {became}"
            for name, became in (moved | gone).items()
            if name in self.origins
        ]


@cache
def _moved() -> Mapping[str, Tuning]:
    """Settings of version 0.1 that have become constants; to be removed in the next version."""
    return {
        f"{block}.{each.name}": settings.tuned
        for block, settings in Settings.model_validate({})
        if hasattr(settings, "tuned")
        for each in fields(settings.tuned)
    }


_TESTED = "whether a new bridge is better is now decided by a statistical test"

_GONE: Mapping[str, str] = {
    f"personalise.{name}": _TESTED for name in ("reply_margin", "reading_margin")
}
"""Settings of version 0.1 without which it does, and why; to be removed in the next version."""


def load(
    flags: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    files: tuple[Path, ...] | None = None,
) -> Loaded:
    """Read all sources and merge them.

    Args:
        flags: dotted keys to values; ``None`` values are ignored.
        environ: environment to read, by default the process's own.
        files: TOML files in rising priority, by default the system's and the user's; files
            that do not exist are skipped.

    Raises:
        ConfigError: on an unknown key, a value out of range or a file that is not TOML.
    """
    files = files_read() if files is None else files
    merged = given(environ=environ, files=files)
    for key, value in (flags or {}).items():
        if value is not None:
            merged[key] = (value, "command line")

    with translated(ConfigError, "use the settings", "Fix or remove them."):
        try:
            settings = Settings.model_validate(_tree(merged))
        except ValidationError as error:
            raise ConfigError(_explain(error, merged)) from None
    return Loaded(
        settings, {key: origin for key, (_, origin) in merged.items()}, files, flags or {}
    )


def given(
    *, environ: Mapping[str, str] | None = None, files: tuple[Path, ...] | None = None
) -> dict[str, tuple[object, str]]:
    """What files and environment set, unchecked: values and origins by dotted keys.

    The arguments are those of ``load``. Raises ``ConfigError`` for a file that is not TOML.
    """
    merged: _Merged = {}
    for path in files_read() if files is None else files:
        merged |= _of_file(path)
    return merged | _of_environment(environ)


def socket_path(
    *, environ: Mapping[str, str] | None = None, files: tuple[Path, ...] | None = None
) -> Path:
    """Where the control socket is, whatever else is wrong with the settings.

    A file that cannot be read is passed over: nobody should be unable to mute Attune because of
    a slip in it. The arguments are those of ``load``.

    Raises:
        ConfigError: if ``control.path`` itself cannot be used, or may be set in a file that this
            user may not read.
    """
    merged: _Merged = {}
    closed: ConfigError | None = None
    for path in files_read() if files is None else files:
        try:
            merged |= _of_file(path)
        except ConfigError as error:  # noqa: PERF203 - two files
            closed = error if refused(error) is not None else closed
    merged |= _of_environment(environ)
    if closed is not None and _SOCKET not in merged:
        raise closed
    value, origin = merged.get(_SOCKET, (None, ""))
    try:
        return ControlSettings.model_validate({} if value is None else {"path": value}).path
    except ValidationError as error:
        raise ConfigError(_unfit(error, _SOCKET, origin)) from None


def files_read() -> tuple[Path, ...]:
    """The system's settings file and the user's, which need not exist."""
    return SYSTEM_FILE, user_config_path("attune") / "attune.toml"


def _of_file(path: Path) -> _Merged:
    return {key: (value, f"file {path}") for key, value in _read_toml(path)}


def _of_environment(environ: Mapping[str, str] | None) -> _Merged:
    return {
        name[len(ENV_PREFIX) :].lower().replace("__", "."): (_value(text), f"environment {name}")
        for name, text in sorted((os.environ if environ is None else environ).items())
        if name.startswith(ENV_PREFIX)
    }


def _tree(merged: _Merged) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, (value, origin) in merged.items():
        *parents, leaf = key.split(".")
        if parents and "tuned" in (*parents[1:], leaf):
            raise ConfigError(_unknown(key, origin))
        if key in _GONE:
            continue
        if key in _moved():
            parents.append("tuned")
        node = tree
        for parent in parents:
            below: object = node.setdefault(parent, {})
            if not isinstance(below, dict):
                raise ConfigError(f"Setting {key!r} does not fit: {parent!r} is not a block.")
            node = cast("dict[str, Any]", below)
        node[leaf] = value
    return tree


def _read_toml(path: Path) -> list[tuple[str, object]]:
    with translated(ConfigError, f"read settings from {path}", "Fix or remove it."):
        try:
            return list(_flatten(tomllib.loads(path.read_text(encoding="utf-8"))))
        except FileNotFoundError:
            return []
        except PermissionError:
            raise ConfigError(
                f"You may not read the settings in {path}. Ask whoever looks after this machine to "
                f"add you to the group of that file, such as with 'sudo usermod -aG attune USER'."
            ) from None


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for key, value in tree.items():
        if isinstance(value, dict):
            rows += _flatten(cast("dict[str, Any]", value), f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", value))
    return rows


def _value(text: str) -> object:
    """An environment value: lists and quoted text as in TOML, else text for pydantic to convert."""
    if not text.startswith(("[", '"', "'")):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # no TOML; pydantic says whether it can be used
        return text


def _explain(error: ValidationError, merged: _Merged) -> str:
    first = error.errors()[0]
    key = _name(".".join(str(part) for part in first["loc"]))
    name, origin = next(
        (
            (name, origin)
            for name, (_, origin) in merged.items()
            if f"{name}.".startswith(f"{key}.") or f"{key}.".startswith(f"{name}.")
        ),
        (key, "the settings"),
    )
    if first["type"] == "extra_forbidden":
        return _unknown(name, origin)
    return _unfit(error, key, origin)


def _unfit(error: ValidationError, key: str, origin: str) -> str:
    why = error.errors()[0]["msg"].removeprefix("Value error, ").lower()
    return f"Setting {key!r} from {origin} cannot be used: {why}."


def _unknown(key: str, origin: str) -> str:
    there_are = [each for each, _, _ in Loaded(Settings.model_validate({}), {}).rows()]
    alike = "".join(f"Did you mean {each!r}? " for each in get_close_matches(key, there_are, n=1))
    out = f"'assistant config unset {key}' takes it out, " if origin.startswith("file ") else ""
    return (
        f"Unknown setting {key!r} from {origin}. {alike}{out}'assistant config show' lists all "
        "settings."
    )


def _name(key: str) -> str:
    """What a value is called in a settings file, even if it is one of a room's constants."""
    return key.replace(".tuned.", ".")
