"""What takes longer than an answer may: one task at a time, in a thread of its own."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from datetime import datetime, timezone

from assistant.control.declaring import RefusalError
from assistant.control.messages import Task, Work
from assistant.errors import AttuneError, traced

_BUSY = {
    "checks": "Attune is still checking its parts",
    "backup": "Attune is still making a backup",
    "restore": "Attune is still putting a backup back",
}


class Background:
    """Does one task at a time, and knows how each went the last time."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._tasks: dict[Task, Work] = {}

    def begin(self, task: Task, work: Callable[[], None]) -> None:
        """Begin a task.

        Args:
            task: which.
            work: does it; what it raises is told as the reason why it failed.

        Raises:
            RefusalError: while one is under way.
        """
        with self._guard:
            for each in self._tasks.values():
                if each.running:
                    raise RefusalError(f"{_BUSY[each.task]}. Try again when that is done.")
            began = Work(task=task, running=True, began_at=datetime.now(timezone.utc))
            self._tasks[task] = began
        threading.Thread(target=self._do, args=(began, work), name=task, daemon=True).start()

    def tasks(self) -> list[Work]:
        """Those under way or done."""
        with self._guard:
            return list(self._tasks.values())

    def _do(self, began: Work, work: Callable[[], None]) -> None:
        why = None
        try:
            work()
        except (AttuneError, RefusalError) as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001 - it must not end the daemon
            sys.stderr.write(traced(error))
            why = (
                f"Attune could not do that ({type(error).__name__}). Its log says where it failed."
            )
        with self._guard:
            self._tasks[began.task] = began.model_copy(update={"running": False, "why": why})
