"""What a caller can do about files and a socket that belong to another user of this machine."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import stat
from collections.abc import Sequence
from pathlib import Path

from assistant.config import Settings, files_read
from assistant.errors import refused


def places(settings: Settings | None, socket: Path | None) -> list[Path]:
    """Where Attune keeps what is its own, as far as that is known."""
    known = [*files_read(), *([] if socket is None else [socket])]
    if settings is not None:
        own = (settings.journal.path, settings.bridges, settings.models.folder)
        known += [settings.control.path, *own]
    return known


def for_caller(error: BaseException, known: Sequence[Path], words: Sequence[str]) -> str | None:
    """One sentence on a failure that comes of rights, if one of these places refused this user.

    Args:
        error: why a command failed.
        known: files and folders of Attune's own.
        words: of the command line.
    """
    path = refused(error)
    if path is None or not _is_among(Path(path), known):
        return None
    return because_of(Path(path), words)


def because_of(path: Path, words: Sequence[str]) -> str | None:
    """What to do to get at a file; ``None`` if it is this user's own, or open."""
    barrier, found = _barrier(path.absolute())
    if found.st_uid == os.geteuid():
        return None
    owner = _user(found.st_uid)
    if list(words[:1]) == ["run"]:
        return (
            f"What this needs belongs to the user {owner} ({barrier}). If Attune is a service "
            "here, 'sudo systemctl start attune' starts it; 'assistant status' shows whether it "
            "runs."
        )
    if (group := _helpful_group(found)) is not None:
        me = _user(os.getuid())
        again = "log out and in again, then repeat this"
        if group.gr_gid in os.getgrouplist(me, os.getgid()):
            return f"You have become a member of the group {group.gr_name!r}: {again}."
        return (
            f"Only members of the group {group.gr_name!r} may use {barrier}. Run 'sudo usermod "
            f"-aG {group.gr_name} {me}', {again}."
        )
    sudo = "sudo" if found.st_uid == 0 else f"sudo -u {shlex.quote(owner)}"
    command = f"{sudo} assistant {shlex.join(words)}"
    return f"What this needs belongs to the user {owner} ({barrier}). Run {_quoted(command)}."


def _is_among(path: Path, known: Sequence[Path]) -> bool:
    """Whether a file is one of these, beside or below one, or a folder that leads to one."""
    return any(path.is_relative_to(each.parent) or each.is_relative_to(path) for each in known)


def _barrier(path: Path) -> tuple[Path, os.stat_result]:
    """The file, or the folder above it at which this user gets no further."""
    try:
        return path, path.stat()
    except OSError:
        return _barrier(path.parent)


def _helpful_group(found: os.stat_result) -> grp.struct_group | None:
    """The group that has the right that others lack."""
    needed = {stat.S_IFDIR: 0o1, stat.S_IFSOCK: 0o2}.get(stat.S_IFMT(found.st_mode), 0o4)
    if not found.st_mode & needed << 3 or found.st_mode & needed:
        return None
    if found.st_gid in (os.getegid(), *os.getgroups()):
        return None
    try:
        return grp.getgrgid(found.st_gid)
    except KeyError:
        return None


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"  # as sudo has it


def _quoted(command: str) -> str:
    return command if "'" in command else f"'{command}'"
