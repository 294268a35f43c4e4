"""Shows a training while it runs, what it is waiting for, and how it ended."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from assistant.cli.shared.output import print_line
from assistant.cli.shared.verdict import print_figures
from assistant.config import Settings
from assistant.control.messages import Status
from assistant.personalise.training.events import (
    Collected,
    Encoded,
    Event,
    Judged,
    Judging,
    Nothing,
    Stepped,
)
from assistant.personalise.training.request import Request

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

STOPPED = 75
"""Exit status of a training that was stopped and has saved its state (EX_TEMPFAIL)."""

NOTHING_LEARNED = "nothing yet: everybody is heard alike"
"""While no voice has been learned."""

LINE_S = 10.0
"""Time between two lines about one stage if there is no terminal."""

Stage = Encoded | Stepped | Judging


def followed(
    train: Callable[[Callable[[Event], None], threading.Event], Judged | Nothing],
) -> Judged | Nothing:
    """Train in this process and show the progress, until the verdict or a signal.

    Args:
        train: passes its events to its first argument, and stops when the second is set.

    Raises:
        Interrupted: if it was stopped; its state is saved.
    """
    # torch takes seconds to load
    from assistant.daemon.loop import Stopper  # noqa: PLC0415
    from assistant.personalise.training.trainer import Interrupted  # noqa: PLC0415

    stopper, stop = Stopper(), threading.Event()
    stopper.also(stop.set)
    with stopper.on_signals(), display() as shown:

        def follow(event: Event) -> None:
            # the training steps check for the stop themselves and save their state first
            if stop.is_set() and isinstance(event, Encoded | Judging):
                raise Interrupted
            shown.event(event)

        return train(follow, stop)


def train_here(settings: Settings, request: Request, *, verbose: bool) -> int:
    """Train in this process, print how it ended, and return the command's exit status."""
    # torch and llama.cpp take seconds to load
    from assistant.personalise.training.retrain import retrain  # noqa: PLC0415
    from assistant.personalise.training.trainer import Interrupted  # noqa: PLC0415

    try:
        outcome = followed(lambda report, stop: retrain(settings, request, report, stop))
    except Interrupted:
        print_line("Stopped. 'assistant retrain' resumes this training.")
        return STOPPED
    tell(outcome, verbose=verbose)
    return 0


@contextmanager
def display() -> Generator[Lines | Bar, None, None]:
    """A progress bar, or lines if there is no terminal."""
    if sys.stdout.isatty():
        # rich takes a while to load
        from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

        columns = (
            "{task.description}",
            "{task.completed:.0f}/{task.total:.0f}",
            "{task.fields[detail]}",
        )
        name, count, detail = map(TextColumn, columns)
        with Progress(name, BarColumn(), count, detail) as progress:
            yield Bar(progress)
    else:
        yield Lines()


class Lines:
    """A line at the start and the end of each stage, and one every ``LINE_S`` in between."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._noted = ""
        self._stage: type[Stage] | None = None
        self._printed_at = -math.inf

    def note(self, text: str) -> None:
        """Print it, unless it is what was noted last."""
        if text != self._noted:
            self._noted = text
            _print(text)

    def event(self, event: Event) -> None:
        """Print the progress, if it is time."""
        if isinstance(event, Collected):
            _print(collected(event))
        elif isinstance(event, Stage):
            done, of = extent(event)
            due = self._clock() >= self._printed_at + LINE_S
            if due or done == of or self._stage is not type(event):
                self._stage, self._printed_at = type(event), self._clock()
                _print(f"{name(event)}: {done} of {of}{', ' * bool(detail(event))}{detail(event)}")


class Bar:
    """One bar that starts over with every stage; its columns show the field ``detail``."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None
        self._stage: type[Stage] | None = None
        self._noted = ""

    def note(self, text: str) -> None:
        """Print it above the bar, unless it is what was noted last."""
        if text != self._noted:
            self._noted = text
            self._progress.console.print(text, markup=False, highlight=False)

    def event(self, event: Event) -> None:
        """Move the bar."""
        if isinstance(event, Collected):
            self.note(collected(event))
        elif isinstance(event, Stage):
            done, of = extent(event)
            if self._task is None or self._stage is not type(event):
                self._stage = type(event)
                self._task = self._progress.add_task(name(event), total=of, detail="")
            self._progress.update(self._task, completed=done, total=of, detail=detail(event))


def tell(outcome: Judged | Nothing, *, verbose: bool = False) -> None:
    """Print how a training ended, and what was measured if that is wished."""
    if isinstance(outcome, Nothing):
        print_line(f"Nothing was trained. {outcome.why}")
        return
    why = f"{outcome.why[:1].upper()}{outcome.why[1:]}."
    if outcome.accepted:
        print_line(f"Learned, and used from now on: version {outcome.version}. {why}")
    else:
        print_line(f"Not good enough yet, so nothing changes. {why}")
    if verbose:
        print_figures(outcome.numbers)


def collected(event: Collected) -> str:
    """How many examples a training uses, in a sentence."""
    return f"Sentences to learn from: {event.train}; kept as a test: {event.held_out}."


def name(event: Stage) -> str:
    """The name of a stage."""
    return {Encoded: "Listening", Stepped: "Training", Judging: "Judging"}[type(event)]


def extent(event: Stage) -> tuple[int, int]:
    """How much of a stage is done, and out of how much."""
    return (event.step if isinstance(event, Stepped) else event.done), event.of


def detail(event: Stage) -> str:
    """Losses and the time left, during the training steps."""
    if not isinstance(event, Stepped):
        return ""
    parts = [f"loss {event.loss:.3f}"]
    if event.held_out is not None:
        parts.append(f"in the test {event.held_out:.3f}")
    if math.isfinite(event.seconds_left):
        minutes, seconds = divmod(max(0, math.ceil(event.seconds_left)), 60)
        parts.append(f"{minutes}:{seconds:02} left")
    return ", ".join(parts)


def learning(daemon: Status) -> str:
    """What the daemon's trainer is doing, or waiting for."""
    if daemon.state == "off":
        return "off; 'assistant retrain' trains all the same"
    if daemon.state == "waiting":
        return waiting(daemon.waits)
    state = "paused while somebody speaks" if daemon.state == "paused" else daemon.state
    if daemon.progress is not None:
        state += f", {daemon.progress:.0%} done"
    if daemon.seconds_left is not None and math.isfinite(daemon.seconds_left):
        state += f", {math.ceil(daemon.seconds_left)} s left"
    return state


def waiting(waits: Sequence[str]) -> str:
    """What the next training is waiting for."""
    return f"waiting for: {'; '.join(waits)}" if waits else "starting in a moment"


def _print(text: str) -> None:
    print_line(text)
    sys.stdout.flush()
