"""Where the control socket is, and who may use it."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import socket
import stat
import struct
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from assistant import durable
from assistant.errors import ControlError

PATH_BYTES = 107
"""Longest path of a Unix socket."""

BACKLOG = 128
"""How many clients may wait to be accepted."""


@contextmanager
def listening(path: Path, group: str | None = None) -> Generator[socket.socket, None, None]:
    """A listening socket for the user's own programs and for a group.

    Its folder is created if needed, and a socket left there by a dead daemon is replaced: a lock on
    a file next to it shows whether its daemon is still running.

    Args:
        path: the socket.
        group: whose members may use it; ``None``: nobody but the user.

    Raises:
        ControlError: if Attune is already running, or the socket cannot be made or shared.
    """
    require_length(path)
    if group is not None:
        _require_group(group)
    _make_folder(path, group)
    with _locked(path), made(path, group) as listener:
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def made(path: Path, group: str | None) -> Generator[socket.socket, None, None]:
    """A socket in the place of whatever socket is there; raises as ``listening``."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        _bind(listener, path, group)
        yield listener


def identity(path: Path) -> tuple[int, int] | None:
    """Which file is there, if any."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def require_length(path: Path) -> None:
    """Raise ``ControlError`` for a path that is too long for a socket."""
    if len(os.fsencode(path)) > PATH_BYTES:
        raise ControlError(
            f"The path {path} is too long for a socket: at most {PATH_BYTES} bytes are allowed. "
            "Set control.path to a shorter one."
        )


def how_to_start(path: Path) -> str:
    """The command, in quotes, that starts the daemon whose socket is there."""
    place = path.parent
    while not place.exists() and place != place.parent:  # a service's goes when it stops
        place = place.parent
    is_users = os.access(place, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
    return "'assistant run'" if is_users else "'sudo systemctl start attune'"


def may_ask(connection: socket.socket, path: Path) -> bool:
    """Whether the user at the other end of a connection may use the socket."""
    uid, gid = peer(connection)
    found = path.stat()
    group = found.st_gid if found.st_mode & stat.S_IRGRP else None
    return is_trusted(uid, _groups(uid, gid), os.geteuid(), group)


def peer(connection: socket.socket) -> tuple[int, int]:
    """User and group of whoever is at the other end of a connection."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, uid, gid = struct.unpack("3i", found)
    return uid, gid


def is_trusted(uid: int, groups: set[int], own_uid: int, socket_group: int | None) -> bool:
    """Whether a user may use it: the daemon's own, root, or a member of the socket's group."""
    return uid in (own_uid, 0) or socket_group in groups


def _groups(uid: int, gid: int) -> set[int]:
    try:
        return set(os.getgrouplist(pwd.getpwuid(uid).pw_name, gid))
    except KeyError:
        return {gid}


def _require_group(group: str) -> None:
    try:
        grp.getgrnam(group)
    except KeyError:
        raise ControlError(
            f"The group {group!r} for the control socket does not exist. Create it with 'sudo "
            f"groupadd --system {group}', or remove the setting control.group."
        ) from None


def _make_folder(path: Path, group: str | None) -> None:
    """Make a socket's folder accessible to its group; an existing folder is left as it is."""
    folder = path.parent
    try:
        if group is None:
            durable.folder(folder)
            return
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        _give(folder, group)
        folder.chmod(0o750)
    except FileExistsError:
        pass
    except OSError as error:
        raise _unusable(path, error) from None


def _give(path: Path, group: str) -> None:
    try:
        shutil.chown(path, group=group)
    except PermissionError:
        raise ControlError(
            f"Attune may not give {path} to the group {group!r}, because the user that it runs as "
            f"is not a member. Add that user with 'sudo usermod -aG {group} USER' and restart "
            "Attune, or remove the setting control.group."
        ) from None


@contextmanager
def _locked(path: Path) -> Generator[None]:
    """Be the only daemon at a socket."""
    busy = ControlError(
        f"Attune is already running, at {path}. 'assistant status' shows what it is doing; stop it "
        "before you start another one."
    )
    with ExitStack() as held:
        try:
            held.enter_context(durable.locked(path.with_name(f"{path.name}.lock"), busy))
        except OSError as error:
            raise _unusable(path, error) from None
        yield


def _bind(listener: socket.socket, path: Path, group: str | None) -> None:
    try:
        if _is_something_else(path):
            raise ControlError(
                f"{path} is not a socket. Move it away, or set control.path to another place."
            )
        path.unlink(missing_ok=True)
        listener.bind(os.fspath(path))
        if group is not None:
            _give(path, group)
        path.chmod(0o600 if group is None else 0o660)  # before anybody can connect
        listener.listen(BACKLOG)
    except OSError as error:
        raise _unusable(path, error) from None


def _is_something_else(path: Path) -> bool:
    try:
        return not stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _unusable(path: Path, error: OSError) -> ControlError:
    return ControlError(
        f"Cannot listen for commands at {path}: {error.strerror}. Make sure that you may write "
        "there, or set control.path to another folder."
    )
