"""One trainer process: starting it with the lowest priority, pausing, monitoring and ending it.

It is a child of the daemon or, if ``personalise.socket`` is set, of a service manager. ``pause`` is
thread-safe; everything else belongs to one thread.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import IO, cast

from assistant import child
from assistant.allocator import FEW_KERNELS
from assistant.config import Settings
from assistant.errors import TrainingError
from assistant.personalise.background.activated import ActivatedProcess
from assistant.personalise.background.trainer_service import TRAINER
from assistant.personalise.training.events import Event, from_line
from assistant.personalise.training.request import Request

STOP_S = 10.0
"""Longest wait for a trainer that was asked to stop."""

DRAIN_S = 1.0
"""Longest wait for the last lines of a trainer that has ended."""

LINE_BYTES = 1 << 16
"""Longest line read at once; only a broken trainer writes longer ones."""

_LAST_LINES = 20
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_OF_A_TRACEBACK = re.compile(r'  File ".+", line \d+.*|[\w.]*(Error|Exception|Interrupt)\b')

log = logging.getLogger("attune.training")


class How(str, Enum):
    """How a trainer ended."""

    DONE = "done"
    STOPPED = "stopped"  # because we asked it to
    DIED = "died"
    HUNG = "hung"


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a trainer."""

    how: How
    why: str = ""  # follows "the training broke off: "
    last_lines: tuple[str, ...] = ()  # of a traceback, without anything that may have been said


class Supervisor:
    """A running trainer.

    Raises:
        TrainingError: if the process cannot be started.
    """

    def __init__(
        self,
        settings: Settings,
        request: Request,
        *,
        command: Sequence[str] = TRAINER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start a trainer, with ``command`` if it is a child; ``clock`` gives monotonic seconds."""
        self._hang_s = settings.idle.tuned.hang_s
        self._clock = clock
        # held only during system calls that do not block, so that no signal goes to a process
        # number that has just been reused
        self._lock = threading.Lock()
        self._paused_at: float | None = None
        self._paused_s = 0.0  # of all completed pauses
        self._ending: How | None = None
        self._ended_at: float | None = None
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._stderr: deque[str] = deque(maxlen=_LAST_LINES)
        self._heard_s = clock()
        order = {"settings": settings.model_dump(mode="json"), "request": asdict(request)}
        threads = dict.fromkeys(_THREADS, str(settings.personalise.threads))
        environment = threads | FEW_KERNELS
        self._process: subprocess.Popen[str] | ActivatedProcess
        try:
            if (path := settings.personalise.socket) is not None:
                with _read_from(json.dumps(order)) as job:
                    self._process = ActivatedProcess(path, job, environment)
            else:
                with _read_from(json.dumps({**order, "daemon": os.getpid()})) as job:
                    self._process = subprocess.Popen(
                        child.in_background(command),
                        stdin=job,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE,
                        env=os.environ | environment,
                        encoding="utf-8",
                        errors="replace",
                    )
        except OSError as error:
            raise TrainingError(
                f"The trainer cannot be started: {error}. Attune will try again later."
            ) from None
        self._readers = [
            threading.Thread(target=read, args=(cast("IO[str]", stream),), name=name, daemon=True)
            for read, stream, name in (
                (self._read_events, self._process.stdout, "trainer"),
                (self._read_stderr, self._process.stderr, "trainer-stderr"),
            )
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        """The trainer's process number."""
        return self._process.pid

    @property
    def paused(self) -> bool:
        """Whether the trainer is paused."""
        return self._paused_at is not None

    def pause(self) -> bool:
        """Pause the trainer from any thread; returns at once whether it was running until now."""
        with self._lock:
            if self.paused or self._ending is not None or self._process.poll() is not None:
                return False
            self._process.send_signal(signal.SIGSTOP)
            self._paused_at = self._clock()
            return True

    def resume(self) -> bool:
        """Resume the trainer; returns whether it was paused until now."""
        with self._lock:
            if self._paused_at is None:
                return False
            self._process.send_signal(signal.SIGCONT)
            self._paused_s += self._clock() - self._paused_at
            self._paused_at = None
            return True

    def at_rest(self) -> bool:
        """Whether the trainer's main thread has actually stopped, paused or ended."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return True
        return stat.rpartition(")")[2].split()[0] in set("TtZX")

    def writing(self) -> bool:
        """Whether the trainer holds a database's write lock, as far as the kernel reports."""
        try:
            locks = Path("/proc/locks").read_text(encoding="ascii")
        except OSError:
            return False
        # "7: POSIX  ADVISORY  WRITE 4242 fe:00:131 120 120": kind, strictness, mode, holder, file
        held = (line.split()[1:5] for line in locks.splitlines())
        return ["POSIX", "ADVISORY", "WRITE", str(self.pid)] in held

    def events(self) -> Iterator[Event]:
        """What the trainer has reported since the last call."""
        while not self._events.empty():
            yield self._events.get_nowait()

    def poll(self) -> Ended | None:
        """How the trainer ended, once all its lines are read.

        Kills a trainer that has been silent for ``IdleTuning.hang_s``, not counting pauses.
        """
        with self._lock:
            status = self._process.poll()
            if status is None:
                if self._ending is None and self._running_s() - self._heard_s >= self._hang_s:
                    self._ending = How.HUNG
                    self._process.send_signal(signal.SIGKILL)
                return None
        if self._ended_at is None:
            self._ended_at = self._clock()
        # a process that the trainer left behind may hold its pipes open indefinitely
        reading = any(reader.is_alive() for reader in self._readers)
        if reading and self._clock() < self._ended_at + DRAIN_S:
            return None
        return self._ended(status)

    def stop(self, timeout_s: float = STOP_S) -> Ended:
        """Ask the trainer, paused or not, to save and end; kill it after ``timeout_s``."""
        with self._lock:
            self._ending = self._ending or How.STOPPED  # from here on it cannot be paused
        status = child.end(self._process, timeout_s)
        for reader in self._readers:
            reader.join(DRAIN_S)
        return self._ended(status)

    def _running_s(self) -> float:
        """The clock, stopped while the trainer is paused."""
        now = self._clock() if self._paused_at is None else self._paused_at
        return now - self._paused_s

    def _read_events(self, stream: IO[str]) -> None:
        for line in _lines(stream):
            with self._lock:
                self._heard_s = self._running_s()
            try:
                self._events.put(from_line(line))
            except ValueError:
                log.warning("event=nonsense letters=%d", len(line))

    def _read_stderr(self, stream: IO[str]) -> None:
        for line in _lines(stream):
            if found := _OF_A_TRACEBACK.match(line):
                self._stderr.append(found[0])

    def _ended(self, status: int) -> Ended:
        how = self._ending or How.DIED
        if status == 0:
            return Ended(How.DONE)
        if how is How.DIED:
            # it exits with EX_TEMPFAIL once its state is saved
            asked = status in (os.EX_TEMPFAIL, -signal.SIGTERM)
            why = "another program asked it to stop" if asked else f"it {child.ending(status)}"
        elif how is How.HUNG:
            why = f"it reported nothing for {self._hang_s:g} s"
        else:
            why = "it had to be killed" if status == -signal.SIGKILL else ""
        return Ended(how, why, tuple(self._stderr))


@contextmanager
def _read_from(text: str) -> Generator[int]:
    """A file descriptor for reading a text, in memory so that writing never blocks."""
    descriptor = os.memfd_create("job")
    try:
        with os.fdopen(os.dup(descriptor), "w", encoding="utf-8") as file:
            file.write(text)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def _lines(stream: IO[str]) -> Iterator[str]:
    with stream:
        while line := stream.readline(LINE_BYTES):
            yield line
