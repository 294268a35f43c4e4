"""A time between two runtimes in which no file of theirs is open."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from assistant.errors import BackupError

LONGEST_S = 120.0
"""Longest wait until what is being answered is answered."""

_BEAT_S = 0.5


class Interlude:
    """Lets another thread exchange files while the answering thread waits.

    Args:
        make_way: has the runtime in use closed soon, and another one opened after that.
    """

    def __init__(self, make_way: Callable[[], None]) -> None:
        self._make_way = make_way
        self._is_on = threading.Event()
        self._over = threading.Event()
        self._over.set()

    @contextmanager
    def held(self) -> Generator[None, None, None]:
        """Within the block no runtime is open; for one thread at a time.

        Raises:
            BackupError: if the runtime in use does not end in time.
            ConfigError: if no other one could be opened.
        """
        self._over.clear()
        try:
            self._make_way()
            if not self._is_on.wait(LONGEST_S):
                raise BackupError(
                    "Attune is still answering, so nothing was changed. Try again in a moment."
                )
            yield
        finally:
            self._over.set()

    def take_place(self, beat: Callable[[], None]) -> None:
        """Wait for who wants it, if anybody does; by the answering thread.

        Args:
            beat: called now and then meanwhile.
        """
        if self._over.is_set():
            return
        self._is_on.set()
        while not self._over.wait(_BEAT_S):
            beat()
        self._is_on.clear()
