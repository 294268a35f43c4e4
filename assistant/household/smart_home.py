"""What is asked of the home, such as a light, on its way to the process that talks to it.

The daemon has no network. ``assistant home`` takes one request after another at the control socket,
asks Home Assistant, and brings back what that answered.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

ANSWER_S = 3.0
"""Longest that somebody waits for their home."""

TAKE_S = 1.0
"""Time in which a request is taken, if ``assistant home`` runs."""

GONE_S = 30.0
"""Time without a word from ``assistant home`` after which it is said to be missing."""

LONGEST = 300
"""Most letters of an answer that are said."""

_LOOK_S = 0.05  # how soon "stop" ends a wait

Outcome: TypeAlias = Literal[
    "done",  # confirmed for the devices that it named
    "partly",  # some of them failed
    "told",  # something was answered, and no device confirmed
    "answered",  # to a question
    "not_understood",
    "not_there",  # no such device or room
    "failed",
    "refused",  # Attune is not let in
    "unreachable",  # nothing was sent
    "unknown",  # it was sent, and nothing usable came back
]
"""How Home Assistant answered."""


@dataclass(frozen=True, slots=True)
class HomeAnswer:
    """What came of a request."""

    outcome: Outcome
    speech: str = ""  # in the words of Home Assistant, which are not to be trusted


@dataclass(slots=True, eq=False)
class HomeRequest:
    """One request."""

    words: str
    sound: bytes = b""  # in which they were said, if the home hears them itself
    number: int = 0
    until: float = 0.0  # when nobody waits for it any more, monotonic seconds
    is_taken: bool = False
    answer: HomeAnswer | None = None


class SmartHome:
    """At most one request at a time, between the answering thread and those of clients.

    The thread that waits for an answer does errands meanwhile, for the home may itself ask Attune
    something before it answers.

    Args:
        language: of the requests.
        can_ask: whether anything can be asked of it; else it is only told what happens.
        monotonic: a clock that never jumps.
    """

    answer_s: ClassVar[float] = ANSWER_S
    gone: ClassVar[str] = (
        "Your home can neither be asked nor told anything, because 'assistant home' does not run. "
        "Start it, as a service with 'sudo systemctl enable --now attune-home'."
    )

    def __init__(
        self,
        language: str = "en",
        *,
        can_ask: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.language = language
        self.can_ask = can_ask
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._request: HomeRequest | None = None
        self._count = 0
        self._takers = 0
        self._seen_at = monotonic()
        self._trouble: str | None = None
        self._is_closed = False
        self._is_waited_for = False
        self._errands: deque[Callable[[], None]] = deque()

    def put(self, request: HomeRequest) -> None:
        """Put a request where it is taken, in the place of one that nobody waits for any more.

        The same thread has to wait for the answer, and does errands from now on.
        """
        with self._changed:
            self._is_waited_for = True
            self._count += 1
            request.number, request.until = self._count, self._monotonic() + self.answer_s
            self._request = request
            self._changed.notify_all()

    def wait(self, request: HomeRequest, cancel: threading.Event) -> HomeAnswer:
        """The answer to what was put; if it is not taken soon, or cancelled, it is never sent."""
        take_by = request.until - self.answer_s + TAKE_S
        try:
            while request.answer is None and not cancel.is_set():
                left = (request.until if request.is_taken else take_by) - self._monotonic()
                if left <= 0:
                    break
                self._await_change(request, min(left, _LOOK_S))
                self._do_errands()
        finally:
            with self._changed:
                if self._request is request:
                    self._request = None
            self._wait_no_longer()
        if request.answer is not None:
            return request.answer
        return HomeAnswer("unknown" if request.is_taken else "unreachable")

    @property
    def is_waited_for(self) -> bool:
        """Whether somebody waits for its answer; from any thread."""
        return self._is_waited_for

    def errand(self, errand: Callable[[], None]) -> bool:
        """Have something done by the thread that waits for an answer; False if none does."""
        with self._changed:
            if self._is_waited_for:
                self._errands.append(errand)
                self._changed.notify_all()
            return self._is_waited_for

    def turn_ended(self) -> None:
        """The answering thread waits no longer, even if the turn has failed before it did."""
        self._wait_no_longer()

    def _wait_no_longer(self) -> None:
        with self._changed:
            self._is_waited_for = False
        self._do_errands()

    def _await_change(self, request: HomeRequest, most_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: request.answer is not None or self._errands, most_s)

    def _do_errands(self) -> None:
        while self._errands:  # which only this thread takes
            self._errands.popleft()()

    def take(self, wait_s: float, trouble: str | None = None) -> HomeRequest | None:
        """The next request, for whoever talks to the home; ``None`` if none comes in that time.

        Args:
            wait_s: longest wait.
            trouble: what keeps it from doing its work, in a sentence.
        """

        def is_waiting() -> bool:
            return self._request is not None and not self._request.is_taken

        with self._changed:
            self._trouble = trouble
            self._takers += 1
            try:
                self._changed.wait_for(lambda: self._is_closed or is_waiting(), wait_s)
            finally:
                self._takers -= 1
                self._seen_at = self._monotonic()
            if self._is_closed or not is_waiting() or self._request is None:
                return None
            self._request.is_taken = True
            return self._request

    def left_s(self, request: HomeRequest) -> float:
        """How long somebody will still wait for it."""
        return max(0.0, request.until - self._monotonic())

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for a request."""
        return self._takers > 0

    def answered(self, number: int, answer: HomeAnswer) -> None:
        """Bring the answer to a request; one that comes too late is dropped."""
        with self._changed:
            self._seen_at = self._monotonic()
            request = self._request
            if request is not None and request.is_taken and request.number == number:
                request.answer = answer
                self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any longer for a request."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def warnings(self) -> Iterator[str]:
        """What keeps it from working, one sentence each, from any thread."""
        with self._changed:
            is_gone = not self.is_awaited and self._monotonic() - self._seen_at > GONE_S
            trouble = self._trouble
        if is_gone:
            yield self.gone
        elif trouble is not None:
            yield trouble
