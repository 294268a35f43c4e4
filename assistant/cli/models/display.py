"""Shows the progress of a download or an import: a bar on a terminal, else lines."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TextIO

from assistant.catalog.progress import Anew, Checking, Elsewhere, Moved, Progress, Waiting

LINE_S = 10.0
"""Time between two lines if there is no terminal."""


@contextmanager
def display(
    title: str, stream: TextIO | None = None
) -> Generator[Callable[[Progress], None], None, None]:
    """A function to be called with every step; shows them under a title, on standard output."""
    out = stream or sys.stdout
    if not out.isatty():
        yield Lines(title, out).show
        return
    # rich takes a while to load
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bars  # noqa: PLC0415

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    console = Console(file=out)
    with Bars(TextColumn("{task.description}"), *columns, console=console) as bars:
        task = bars.add_task(title, total=None)

        def show(step: Progress) -> None:
            if isinstance(step, Moved):
                bars.update(task, completed=step.done, total=step.of)
            else:
                bars.console.print(words(step), markup=False, highlight=False)

        yield show


class Lines:
    """A line at the start and at the end, and one every ``LINE_S`` in between."""

    def __init__(
        self, title: str, stream: TextIO, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._title = title
        self._stream = stream
        self._clock = clock
        self._printed_at = -math.inf
        self._last: Moved | None = None

    def show(self, step: Progress) -> None:
        """Print a step, if it is time."""
        if isinstance(step, Moved):
            is_end = step.done == step.of and step != self._last
            self._last = step
            if not is_end and self._clock() < self._printed_at + LINE_S:
                return
            self._printed_at = self._clock()
            text = f"{self._title}: {step.done / 1e6:.1f} of {step.of / 1e6:.1f} MB"
        else:
            text = words(step)
        self._stream.write(f"{text}\n")
        self._stream.flush()


def words(step: Waiting | Checking | Anew | Elsewhere) -> str:
    """A step in words."""
    match step:
        case Waiting(seconds, why):
            return f"The connection broke: {why}. Trying again in {seconds:g} s."
        case Checking(file):
            return f"Checking {file}."
        case Anew(file):
            return f"{file} arrived damaged and is downloaded again."
        case Elsewhere(why):
            return f"{why[:1].upper()}{why[1:]}; trying the next source."
