"""How the daemon's process ends: promptly, and with a sentence about what failed."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

from assistant.daemon.loop import Stopper
from assistant.errors import named, traced

if TYPE_CHECKING:
    from typing_extensions import Self  # typing has it from Python 3.11 on

END_S = 4.5
"""How long shutdown may take before the process exits at once; all speech is on disk."""


class Ending:
    """Within ``with``, a thread that dies ends the process, and a shutdown that hangs is cut short.

    Args:
        stopper: asks the whole daemon to end.
    """

    def __init__(self, stopper: Stopper) -> None:
        self.why = ""  # why it died, in a sentence
        self._stopper = stopper
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        self._before, threading.excepthook = threading.excepthook, self._died
        self._stopper.also(self._set_deadline)
        return self

    def __exit__(self, *_exc: object) -> None:
        threading.excepthook = self._before
        self._ended.set()

    def die(self, thread: str, error: BaseException) -> None:
        """End because a thread has died, from any thread."""
        sys.stderr.write(traced(error))
        self.why = (
            self.why or f"Attune is stopping because its thread {thread!r} died ({named(error)})."
        )
        self._stopper.stop()

    def _died(self, what: threading.ExceptHookArgs) -> None:
        name = what.thread.name if what.thread is not None else "unknown"
        self.die(name, what.exc_value or what.exc_type())

    def _set_deadline(self) -> None:
        threading.Thread(target=self._end_hard, name="deadline", daemon=True).start()

    def _end_hard(self) -> None:
        if not self._ended.wait(END_S):
            why = self.why or "Stopping took too long, so Attune was ended at once."
            sys.stderr.write(f"assistant: {why}\n")
            sys.stderr.flush()
            os._exit(1)
