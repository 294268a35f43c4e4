"""A support archive: figures and versions, never a recording or anything that was said.

Whatever is not known to be harmless is left out: text settings go in only if they are named here,
and only numbers are read from the journal.
"""

from __future__ import annotations

import io
import json
import os
import platform
import re
import tarfile
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from assistant import durable
from assistant.config import Loaded
from assistant.doctor import journal
from assistant.doctor.finding import Finding
from assistant.doctor.machine import JETSON, requirements
from assistant.errors import ConfigError, JournalError

LATEST = 50
"""Exchanges whose timings are included."""

LEFT_OUT = "(left out)"

TEXTS = frozenset(
    (
        "bridge.path", "control.group", "control.path", "encode.adapter", "encode.path",
        "generate.adapter", "generate.path", "idle.hours", "journal.path", "listen.device",
        "listen.profile", "personalise.folder", "personalise.head", "personalise.socket", "route",
        "speak.device", "speak.voice", "speak.wav_dir",
    )
)  # fmt: skip
"""Text settings that are included."""

ABOUT = """\
What 'assistant doctor --bundle' found, to be sent to someone who helps you.

It contains the results of the checks, versions, settings, figures from the journal and the timings
of the latest exchanges. It contains no recordings and nothing that was said, understood or
answered; your name, the reminders, the instruction and the wake phrase are left out. The names of
microphone and loudspeaker are included. Every file is text: read them before you send it.
"""


def write(path: Path, contents: Mapping[str, object]) -> None:
    """Write the archive, readable only by its owner, whole or not at all.

    Args:
        path: the archive.
        contents: as for ``packed``.

    Raises:
        ConfigError: if it cannot be written.
    """
    try:
        durable.write(path, packed(contents))
    except OSError as error:
        raise ConfigError(
            f"Cannot write the archive {path}: {error.strerror}. Make room there, or choose "
            "another file."
        ) from None


def packed(contents: Mapping[str, object]) -> bytes:
    """The archive (.tar.gz) of JSON values by the names of their files."""
    files = {"README.txt": ABOUT} | {
        f"{name}.json": json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        for name, value in contents.items()
    }
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, text in files.items():
            whole = _at_home(text).encode("utf-8", "backslashreplace")
            member = tarfile.TarInfo(f"attune-doctor/{name}")
            member.size, member.mode, member.mtime = len(whole), 0o600, round(time.time())
            archive.addfile(member, io.BytesIO(whole))
    return data.getvalue()


def contents(findings: Mapping[str, Finding], loaded: Loaded) -> dict[str, object]:
    """What goes into the archive, given the findings by the names of their checks."""
    return {
        "findings": {name: finding.as_json() for name, finding in findings.items()},
        "versions": _versions(),
        "system": _system(),
        "settings": settings(loaded),
        "journal": _journal(loaded.settings.journal.path),
    }


def settings(loaded: Loaded) -> dict[str, object]:
    """Every setting with its origin, without texts that are not known to be harmless."""
    return {
        key: {"value": value if _is_harmless(key, value) else LEFT_OUT, "origin": origin}
        for key, value, origin in loaded.rows()
    }


def _is_harmless(key: str, value: object) -> bool:
    return value is None or isinstance(value, int | float) or key in TEXTS


def _versions() -> dict[str, str | None]:
    names = [re.split(r"[^\w.-]", each.strip(), maxsplit=1)[0] for each in requirements()]
    return {name: _version(name) for name in ("attune", *dict.fromkeys(names))}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _system() -> dict[str, object]:
    memory = psutil.virtual_memory()
    return {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "system": _release(),
        "board": _first_line(Path("/proc/device-tree/model")),
        "jetson": _first_line(JETSON),
        "cores": os.cpu_count(),
        "memory_mb": memory.total >> 20,
        "free_mb": memory.available >> 20,
        "load": psutil.getloadavg(),
        "up_s": round(time.time() - psutil.boot_time()),
    }


def _release() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


def _first_line(path: Path) -> str | None:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.partition("\n")[0].strip("\0 ")


def _journal(path: Path) -> dict[str, object]:
    try:
        if not path.exists():
            return {}
        return {
            "counts": journal.counts(path),
            "latest": journal.latest(path, LATEST),
            "verdicts": journal.verdicts(path),
        }
    except (JournalError, OSError) as error:
        return {"trouble": str(error)}


def _at_home(text: str) -> str:
    """A text with ``~`` for home folders, whose names may be people's names."""
    home = str(Path.home())
    if home != "/":
        text = text.replace(home, "~")
    return re.sub(r"/home/[^/\s\"']+", "~", text)
