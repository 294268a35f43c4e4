"""Tells others what happens in the household: a broker, a program.

Whatever they do, nobody in the daemon waits for them: what cannot be told soon is dropped.
"""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from pydantic import ValidationError

from assistant.control.client import Client
from assistant.control.messages import Happening, Notice
from assistant.errors import ControlError, HomeError, reason

WAITING = 64
"""Events that may wait to be told; more are dropped."""

OLD_S = 60.0
"""Time after which what has happened is told no more."""

COMMAND_S = 10.0
"""Longest that a program may take for one."""

_LOOK_S = 0.2
_AGAIN_S = 1.0


class Teller(Protocol):
    """Tells one event after another; used by one thread."""

    def tell(self, happening: Happening) -> None:
        """Tell it, or raise ``HomeError``."""
        ...


class Command:
    """A fixed program, without a shell: what happened is in its environment.

    Args:
        words: the program and its arguments.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words

    def tell(self, happening: Happening) -> None:
        """Run it, and wait for its end."""
        told = {
            "ATTUNE_EVENT": happening.what,
            "ATTUNE_IDS": " ".join(map(str, happening.ids)),
            "ATTUNE_AT": happening.at.isoformat(),
        }
        if happening.words:
            told["ATTUNE_WORDS"] = "\n".join(happening.words).replace("\0", "")
        program = self._words[0]
        try:
            ended = subprocess.run(
                self._words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=os.environ | told,
                check=False,
                timeout=COMMAND_S,
            )
        except subprocess.TimeoutExpired:
            raise HomeError(
                f"The program {program} takes longer than {COMMAND_S:g} s. Change "
                "home.event_command."
            ) from None
        except (OSError, ValueError) as error:
            raise HomeError(
                f"Cannot run {program}: {reason(error)}. Change home.event_command."
            ) from None
        if ended.returncode:
            raise HomeError(
                f"The program {program} failed with status {ended.returncode}. Mend it, or change "
                "home.event_command."
            )


class Events:
    """Passes the daemon's happenings on, in two threads of its own.

    Args:
        client: of the daemon.
        tellers: who is told.
        with_words: whether they are told names, too.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        client: Client,
        tellers: Sequence[Teller],
        *,
        with_words: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._tellers = tellers
        self._with_words = with_words
        self._clock = clock
        self._waiting: queue.Queue[tuple[float, Happening]] = queue.Queue(WAITING)
        self._ended = threading.Event()
        self._lost = 0  # in a row
        self._why: str | None = None
        self._threads = [
            threading.Thread(target=act, name=name, daemon=True)
            for act, name in ((self._follow, "follow"), (self._tell, "tell"))
        ]

    @property
    def trouble(self) -> str | None:
        """Why the last events were not told, in a sentence; from any thread."""
        if self._why is None:
            return None
        lost = f"{self._lost} events were" if self._lost > 1 else "An event was"
        return f"{lost} not passed on. {self._why}"

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; what still waits is dropped."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def take(self, happening: Happening) -> None:
        """Have it told, unless too many wait already."""
        if not self._with_words:
            happening = happening.model_copy(update={"words": ()})
        try:
            self._waiting.put_nowait((self._clock(), happening))
        except queue.Full:
            self._lose("Too much happened at once.")

    def _follow(self) -> None:
        while not self._ended.is_set():
            try:
                with self._client.notices(_LOOK_S) as notices:
                    for notice in notices:
                        if notice is not None:
                            self._read(notice)
                        if self._ended.is_set():
                            return
            except ControlError:  # noqa: PERF203 - whoever asks the daemon says so
                self._ended.wait(_AGAIN_S)

    def _read(self, notice: Notice) -> None:
        if notice.method == "happening":
            try:
                happening = Happening.model_validate(notice.params)
            except ValidationError:
                self._lose("The running Attune has another version. Restart both.")
            else:
                self.take(happening)

    def _tell(self) -> None:
        while not self._ended.is_set():
            try:
                came_at, happening = self._waiting.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if self._clock() - came_at > OLD_S:
                self._lose("It takes too long.")
                continue
            self._tell_all(happening)

    def _tell_all(self, happening: Happening) -> None:
        failed: HomeError | None = None
        for teller in self._tellers:
            try:
                teller.tell(happening)
            except HomeError as error:  # noqa: PERF203 - the others are told all the same
                failed = error
        if failed is not None:
            self._lose(str(failed))
        else:
            self._lost, self._why = 0, None

    def _lose(self, why: str) -> None:
        self._lost += 1
        self._why = why
