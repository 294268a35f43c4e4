"""What a person types: answers, single keys, and whole lines."""

from __future__ import annotations

import os
import re
import select
import sys
import termios
import tty
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

ENTER = "\n"

_END = "\x04"  # Ctrl-D
_FUNCTION_KEY = re.compile(r"\x1b(\[[0-9;]*.|O.)?")  # arrows and the like, which are ignored


def answer(question: str) -> str | None:
    """What a person types, in lower case; ``None`` at the end of the input."""
    try:
        return input(question).strip().lower()
    except EOFError:
        sys.stdout.write("\n")
        return None


class Keys:
    """Single keys from the terminal within ``with``, which restores its mode afterwards.

    ``read`` and ``line`` raise ``EOFError`` at the end of the input.
    """

    def __init__(self) -> None:
        self._input = sys.stdin.fileno()
        self._before: list[Any] | None = None
        self._waiting: deque[str] = deque()

    def __enter__(self) -> Self:
        if os.isatty(self._input):
            self._before = termios.tcgetattr(self._input)
            tty.setcbreak(self._input)
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._before is not None:
            termios.tcsetattr(self._input, termios.TCSADRAIN, self._before)

    def poll(self) -> str | None:
        """A key that has been pressed on the terminal, without waiting for one."""
        if not self._waiting and select.select([self._input], [], [], 0)[0]:
            self._take()
        return self._waiting.popleft() if self._waiting else None

    def read(self) -> str:
        """The next key in lower case; without a terminal, the first letter of the next line."""
        if self._before is None:
            return self.line()[:1].lower() or ENTER
        while not self._waiting:
            self._take()
        if self._waiting[0] == _END:
            raise EOFError
        return self._waiting.popleft()

    def line(self) -> str:
        """A line as typed, without surrounding spaces."""
        if self._before is None:
            typed = sys.stdin.readline()
            if not typed:
                raise EOFError
            return typed.strip()
        raw = termios.tcgetattr(self._input)
        termios.tcsetattr(self._input, termios.TCSADRAIN, self._before)
        try:
            typed = os.read(self._input, 4_096)  # the terminal gives a whole line
        finally:
            termios.tcsetattr(self._input, termios.TCSADRAIN, raw)
        return typed.decode(errors="replace").strip()

    def _take(self) -> None:
        pressed = os.read(self._input, 64)
        if not pressed:
            raise EOFError
        typed = _FUNCTION_KEY.sub("", pressed.decode(errors="replace"))
        self._waiting.extend(typed.lower().replace("\r", ENTER))
