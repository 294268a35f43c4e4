"""The doctor's checks as the daemon has them done, with its own rights."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import closing

from assistant.config import Loaded, Settings, load
from assistant.control.declaring import RefusalError
from assistant.control.messages import Finding, Status
from assistant.doctor import bundle, settings
from assistant.doctor.checks import CHECKS, Check
from assistant.doctor.examine import examine
from assistant.doctor.finding import Finding as Found
from assistant.doctor.subject import Daemon, Subject
from assistant.errors import ConfigError

LONGEST_S = 600.0
"""Time after which no further check is begun."""

QUIET = tuple(check for check in CHECKS if not check.is_loud)
"""Those that nobody in the room hears."""


class Examination:
    """The checks and what they have found.

    Args:
        checks: which.
        clock: monotonic seconds.
    """

    def __init__(
        self, checks: Iterable[Check] = QUIET, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._checks = tuple(checks)
        self._clock = clock
        self._found: dict[str, Found] = {}

    def run(self, subject: Subject) -> None:
        """Do all of them.

        Raises:
            RefusalError: if they take too long; what was found until then stays.
        """
        began = self._clock()
        _, about_settings = _settings()
        self._found = {"settings": about_settings}
        with closing(examine(subject, self._checks)) as found:
            for check, finding in found:
                # a new one each time, because others read it meanwhile
                self._found = {**self._found, check.name: finding}
                if check is not self._checks[-1] and self._clock() - began > LONGEST_S:
                    raise RefusalError(
                        f"The checks took longer than {LONGEST_S / 60:.0f} minutes and were ended. "
                        "Try again when the device has less to do."
                    )

    def findings(self) -> list[Finding]:
        """What was found so far."""
        return [
            Finding(check=name, level=each.level.value, text=each.text)
            for name, each in self._found.items()
        ]

    def support(self) -> bytes:
        """An archive for whoever helps from afar, without anything that was said."""
        loaded, _ = _settings()
        return bundle.packed(bundle.contents(self._found, loaded))


def subject(in_force: Settings, status: Status) -> Subject:
    """What is checked, with what the running daemon reports."""
    return Subject(in_force, reported(status))


def reported(status: Status) -> Daemon:
    """What a running daemon reports about its health."""
    return Daemon(
        running=True,
        pid=status.pid,
        uptime_s=status.uptime_s,
        turns=status.turns,
        warnings=len(status.warnings),
        failures=status.failures,
        microphone=status.microphone and status.microphone.state,
        level_dbfs=status.microphone and status.microphone.level_dbfs,
    )


def _settings() -> tuple[Loaded, Found]:
    """Those of the files as they are now, which are not in force before they are taken up."""
    try:
        loaded = load()
    except ConfigError as error:
        return settings.broken(error)
    return loaded, settings.valid(loaded)
