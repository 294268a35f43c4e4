"""A command in a terminal of its own, with a person before it."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.cli.house import ROOT, TIMEOUT_S, command
from tests.plain_words import looked_at


class Terminal:
    """What a person sees and presses."""

    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self._process = process
        self._screen = screen
        self._unread = ""
        self.seen = ""

    def wait_for(self, text: str) -> str:
        """Look until this is on the screen; what came since the last look, up to its end."""
        deadline = time.monotonic() + TIMEOUT_S
        while text not in self._unread:
            if not self._more(deadline):
                raise AssertionError(f"{text!r} did not appear after:\n{self.seen}")
        before, _, self._unread = self._unread.partition(text)
        return before + text

    def press(self, keys: str) -> None:
        """Press keys, one after another."""
        os.write(self._screen, keys.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End the command without a warning."""
        self._process.kill()

    def end(self) -> tuple[int, str]:
        """Wait for the end of the command: its exit status and the rest of what it wrote."""
        deadline = time.monotonic() + TIMEOUT_S
        while self._more(deadline):
            pass
        return self._process.wait(TIMEOUT_S), self._unread

    def _more(self, deadline: float) -> bool:
        if not select.select([self._screen], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return False
        try:
            new = os.read(self._screen, 65_536).decode(errors="replace").replace("\r\n", "\n")
        except OSError:  # how Linux says that the other side has closed
            return False
        self._unread += new
        self.seen += new
        return bool(new)


@contextmanager
def terminal(
    *words: object, environment: Mapping[str, str], site: Path | None = None, cwd: Path = ROOT
) -> Generator[Terminal]:
    """Start the command, of this checkout or of a copy elsewhere, in a new terminal."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as behind "&"; no terminal begins so
        signal.signal(signal.SIGINT, signal.default_int_handler)
    screen, inside = pty.openpty()
    try:
        with subprocess.Popen(
            command(*words, site=site),
            cwd=cwd,
            env=environment,
            stdin=inside,
            stdout=inside,
            stderr=inside,
        ) as process:
            os.close(inside)
            try:
                shown = Terminal(process, screen)
                yield shown
                looked_at(words, shown.seen)
            finally:
                process.kill()
    finally:
        os.close(screen)
