"""Shows how far the bringing of a model is: a progress bar on a terminal, else lines."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from assistant.catalog.progress import Anew, Checking, Moved, Progress, Waiting
from assistant.cli.output import print_line

LINE_S = 10.0
"""Time between two lines, where there is no terminal."""


@contextmanager
def display(title: str) -> Generator[Callable[[Progress], None], None, None]:
    """What is to be told every step.

    Args:
        title: what goes on.
    """
    if not sys.stdout.isatty():
        yield Lines(title).show
        return
    # rich takes a while to load
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bars  # noqa: PLC0415

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Bars(TextColumn("{task.description}"), *columns) as bars:
        task = bars.add_task(title, total=None)

        def show(step: Progress) -> None:
            if isinstance(step, Moved):
                bars.update(task, completed=step.done, total=step.of)
            else:
                bars.console.print(words(step), markup=False, highlight=False)

        yield show


class Lines:
    """A line at the beginning and at the end, and one every ``LINE_S`` between."""

    def __init__(self, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._clock = clock
        self._told_at = -math.inf

    def show(self, step: Progress) -> None:
        """Print a step, if it is time."""
        if isinstance(step, Moved):
            if step.done != step.of and self._clock() < self._told_at + LINE_S:
                return
            self._told_at = self._clock()
            print_line(f"{self._title}: {step.done / 1e6:.1f} of {step.of / 1e6:.1f} MB")
        else:
            print_line(words(step))
        sys.stdout.flush()


def words(step: Waiting | Checking | Anew) -> str:
    """A step in words."""
    match step:
        case Waiting(seconds, why):
            return f"The connection broke: {why}. It is tried again in {seconds:g} s."
        case Checking(file):
            return f"Checking {file}."
        case Anew(file):
            return f"{file} came damaged, and is fetched once more."
