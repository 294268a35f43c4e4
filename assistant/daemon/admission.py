"""Who may help from elsewhere: one-time codes, and the devices that were let in with one.

Nobody's key is kept, only its SHA-256: whoever reads the file is not let in. It is neither in the
journal nor in a backup, so that a device that was shut out does not come back with one.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from assistant import durable
from assistant.control.messages import Helper, Role
from assistant.errors import HouseholdError

CODE_S = 600.0
"""A code can be used for so long, once."""

TRIES = 5
"""Wrong codes after which the one that waits is void."""

HOURLY = 15
"""Wrong codes in an hour after which nobody is let in until it is over."""

ALOUD_S = 60.0
"""A code is said aloud at most so often: anybody in the local network may ask for that."""

UNSEEN_S = 90 * 86_400.0
"""A device that has not been seen for so long has to be let in again."""

MOST = 20
"""Devices at once."""

_SEEN_EVERY_S = 86_400.0
_HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True)
class _Code:
    digits: str
    role: Role
    until: float  # monotonic seconds
    tries: int = TRIES


@dataclass(frozen=True, slots=True)
class _Device:
    """One line of the file."""

    helper: Helper
    key: str  # SHA-256 of the key, in hexadecimal digits


_FILE = TypeAdapter(tuple[_Device, ...])


class Admission:
    """The devices in a file; every method raises ``HouseholdError`` if it cannot be used.

    Args:
        path: the file, made with the first device.
        now: seconds since the epoch.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        path: Path,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._now = now
        self._clock = clock
        self._guard = threading.Lock()
        self._code: _Code | None = None
        self._wrong: deque[float] = deque(maxlen=HOURLY)
        self._aloud_at: float | None = None

    def invite(self, role: Role, *, aloud: bool = False) -> str:
        """A code of six digits that lets one device in; the one before is void.

        Args:
            role: what the device may do then.
            aloud: it is going to be said aloud, which is refused when it has just been done.
        """
        with self._guard:
            now = self._clock()
            if aloud:
                if self._aloud_at is not None and now < self._aloud_at + ALOUD_S:
                    raise HouseholdError("A code was said a moment ago. Wait a minute for another.")
                self._require_patience(now)
                self._aloud_at = now
            self._code = _Code(f"{secrets.randbelow(10**6):06}", role, now + CODE_S)
            return self._code.digits

    def admit(self, code: str, name: str, key: str) -> Helper:
        """Let a device in that knows the code.

        Args:
            code: six digits.
            name: what the device is to be called.
            key: SHA-256 of the key that it will show, in hexadecimal digits.
        """
        with self._guard:
            now = self._clock()
            self._require_patience(now)
            waiting = self._code
            if waiting is None or now > waiting.until:
                raise HouseholdError("There is no code to enter at the moment. Ask for a new one.")
            if not secrets.compare_digest(code.encode(), waiting.digits.encode()):
                self._wrong.append(now)
                left = waiting.tries - 1
                self._code = replace(waiting, tries=left) if left else None
                raise HouseholdError(
                    "That is not the code. Try again."
                    if left
                    else "That is not the code, and it was one try too many. Ask for a new one."
                )
            self._code = None
            devices = self._read()
            if len(devices) >= MOST:
                raise HouseholdError(
                    f"There are {MOST} devices already. Remove one with 'assistant web remove'."
                )
            number = 1 + max((device.helper.id for device in devices), default=0)
            at = self._now()
            helper = Helper(id=number, name=name, role=waiting.role, paired_at=at, seen_at=at)
            self._write((*devices, _Device(helper, key)))
            return helper

    def who(self, key: str) -> Helper | None:
        """The device whose key has this SHA-256, if there is one and it has not been away long."""
        with self._guard:
            devices = self._read()
            found = next((d for d in devices if secrets.compare_digest(d.key, key)), None)
            now = self._now()
            if found is None or now > found.helper.seen_at + UNSEEN_S:
                return None
            if now > found.helper.seen_at + _SEEN_EVERY_S:
                seen = found.helper.model_copy(update={"seen_at": now})
                self._write(tuple(replace(d, helper=seen) if d is found else d for d in devices))
            return found.helper

    def all(self) -> list[Helper]:
        """All devices."""
        with self._guard:
            return [device.helper for device in self._read()]

    def remove(self, number: int) -> None:
        """Shut a device out."""
        with self._guard:
            devices = self._read()
            left = tuple(device for device in devices if device.helper.id != number)
            if left == devices:
                raise HouseholdError(
                    f"There is no device {number}. 'assistant web devices' lists all."
                )
            self._write(left)

    def _require_patience(self, now: float) -> None:
        if len(self._wrong) == HOURLY and now < self._wrong[0] + _HOUR_S:
            raise HouseholdError(
                "Too many wrong codes were entered. Wait an hour before you try again."
            )

    def _read(self) -> tuple[_Device, ...]:
        try:
            return _FILE.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return ()
        except (OSError, ValidationError):
            raise HouseholdError(
                f"Cannot read {self._path}, which says whose phones may help. Remove it; they then "
                "have to be let in again."
            ) from None

    def _write(self, devices: tuple[_Device, ...]) -> None:
        try:
            durable.write(self._path, _FILE.dump_json(devices))
        except OSError as error:
            raise HouseholdError(
                f"Cannot write {self._path}: {error.strerror}. Make room on the disk."
            ) from None
