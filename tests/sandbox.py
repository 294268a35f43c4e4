"""Runs a program as a unit file would confine it: ``python -m tests.sandbox UNIT COMMAND...``.

Applies the lines that stand between a process and the network, and those that forbid system
calls, as systemd.exec(5) tells them, with the library that systemd applies them with. A plain
user needs nothing for it but the right to a namespace.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
PR_SET_NO_NEW_PRIVS = 38

ALLOW = 0x7FFF0000
ERRNO = 0x00050000  # less the error's number

_EQUAL, _LESS, _GREATER = 4, 2, 6


class Comparison(ctypes.Structure):
    """One condition on a system call's argument, as libseccomp has it."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("value", ctypes.c_uint64),
        ("other_value", ctypes.c_uint64),
    )


def settings(unit: Path) -> dict[str, list[str]]:
    """Every setting of a unit file with its values in their order, sections aside."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text(encoding="utf-8").splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def system_calls(lines: list[str]) -> set[str]:
    """The system calls that lines of SystemCallFilter allow; the first line must allow some."""
    allowed: set[str] = set()
    for line in lines:
        named = {call for name in line.removeprefix("~").split() for call in _members(name)}
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed


def confine(unit: Path) -> None:
    """Confine this process for good."""
    lines = settings(unit)
    calls = system_calls(lines.get("SystemCallFilter", []))  # asks another process: first of all
    if lines.get("PrivateNetwork") == ["yes"]:
        leave_the_network()
    if lines.get("NoNewPrivileges") == ["yes"]:
        _checked(ctypes.CDLL(None, use_errno=True).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if families := lines.get("RestrictAddressFamilies"):
        _restrict_families({int(getattr(socket, name)) for name in families[0].split()})
    if calls:
        _restrict_calls(calls, getattr(errno, lines["SystemCallErrorNumber"][0]))


def leave_the_network() -> None:
    """Go where there is nothing but a loopback that is down.

    Raises:
        OSError: if this user may not.
    """
    users = 0 if os.geteuid() == 0 else CLONE_NEWUSER
    _checked(ctypes.CDLL(None, use_errno=True).unshare(users | CLONE_NEWNET))


def _members(name: str) -> set[str]:
    """A system call, or those of a set such as ``@chown``."""
    if not name.startswith("@"):
        return {name}
    shown = subprocess.run(
        ["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True
    ).stdout
    lines = [line.strip() for line in shown.splitlines()[1:]]
    return {call for line in lines if line and not line.startswith("#") for call in _members(line)}


def _restrict_families(families: set[int]) -> None:
    library, context = _filter(ALLOW)
    number = library.seccomp_syscall_resolve_name(b"socket")
    refused = [Comparison(0, _LESS, min(families)), Comparison(0, _GREATER, max(families))]
    refused += [
        Comparison(0, _EQUAL, family)
        for family in range(min(families), max(families))
        if family not in families
    ]
    for condition in refused:
        one = ctypes.byref(condition)
        action = ctypes.c_uint32(ERRNO | errno.EAFNOSUPPORT)
        _checked(library.seccomp_rule_add_array(context, action, number, 1, one))
    _checked(library.seccomp_load(context))


def _restrict_calls(allowed: set[str], refusal: int) -> None:
    library, context = _filter(ERRNO | refusal)
    for name in allowed:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # less than that on other machines only
            _checked(
                library.seccomp_rule_add_array(context, ctypes.c_uint32(ALLOW), number, 0, None)
            )
    _checked(library.seccomp_load(context))


def _filter(otherwise: int) -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    return library, ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(otherwise)))


def _checked(result: int) -> None:
    if result < 0:
        number = -result if result < -1 else ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    confine(Path(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell is wanted
