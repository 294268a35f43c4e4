"""What the language model is reminded of: the exchanges of the conversation that is under way.

It ends after some minutes of silence, and as soon as one of its exchanges has been erased. What is
remembered of an exchange is read from the journal afterwards, so a turn that failed, or that was
taken back because its speaker went on, is not. After a restart the conversation is taken up again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from assistant.errors import JournalError
from assistant.generate.llama import LlamaSession
from assistant.journal.buffered import BufferedJournal
from assistant.journal.turn import Turn
from assistant.values import SoftPrompt

PAGE = 32
"""Rows of the journal that are looked at after a restart."""


@dataclass(slots=True)
class _Answered:
    """An exchange as the language model was asked, or would have been."""

    turn_id: int
    request: SoftPrompt | str
    line: str


@dataclass(slots=True)
class Memory:
    """Keeps the conversation of a session in step with the journal; used by one thread."""

    llm: LlamaSession
    journal: BufferedJournal
    line: Callable[[datetime], str]  # the context line of a moment
    silence_s: float  # after which a new conversation begins
    _ids: deque[int] = field(default_factory=lambda: deque[int](maxlen=PAGE))  # what is remembered
    _new: _Answered | None = None  # not remembered yet: it may still be taken back
    _last_at: datetime | None = None
    _restored: bool = False
    _unsettled: bool = False  # something may have to be decoded

    def answered(self, turn_id: int, request: SoftPrompt | str, line: str, now: datetime) -> None:
        """An exchange is over.

        Args:
            turn_id: its number in the journal.
            request: the user's words as the language model was given them, or would have been.
            line: the context line before them.
            now: when it was over.
        """
        self._new, self._last_at = _Answered(turn_id, request, line), now

    def catch_up(self, now: datetime) -> bool:
        """Remember what has been answered, and forget what is over or has been erased.

        Returns:
            Whether anything has changed for the language model.
        """
        if not self.llm.remembers:
            return False
        before = list(self._ids)
        try:
            if not self._restored:
                self._restored = True
                self._restore(now)
            new, self._new = self._new, None
            if new is not None:
                self._remember(self.journal.turn(new.turn_id), new.request, new.line)
            if self._is_over(now) or (self._ids and not self.journal.exist(self._ids)):
                self.forget()
        except JournalError:  # what has been erased cannot be known
            self.forget()
        is_changed = list(self._ids) != before
        self._unsettled = self._unsettled or is_changed
        return is_changed

    def settle(self) -> None:
        """While nobody speaks, decode a part of what the next turn would have to decode.

        Raises:
            GenerationError: if that is not possible.
        """
        if self._unsettled:
            self._unsettled = self.llm.rest()

    def forget(self) -> None:
        """Begin a new conversation."""
        self.llm.forget()
        self._ids.clear()
        self._new = self._last_at = None

    def _restore(self, now: datetime) -> None:
        """Take up the conversation that a restart interrupted."""
        self.llm.forget()
        found: list[Turn] = []
        after = now
        for turn in self.journal.turns(limit=PAGE):
            if turn.replied_at is None or not _was_answered(turn):
                continue
            if len(found) == self.llm.remembers or self._is_silence(turn.replied_at, after):
                break
            found.append(turn)
            after = turn.started_at
        if found:
            self._last_at = found[0].replied_at
        for turn in reversed(found):
            line = self.line(turn.started_at.astimezone(now.tzinfo))
            self._remember(turn, self.llm.words(turn.understood or ""), line)

    def _remember(self, turn: Turn, request: SoftPrompt | str, line: str) -> None:
        # without a row it could not be erased
        if _was_answered(turn) and turn.id > 0:
            self.llm.remember(request, line, turn.reply or "")
            self._ids.append(turn.id)

    def _is_over(self, now: datetime) -> bool:
        return self._last_at is not None and self._is_silence(self._last_at, now)

    def _is_silence(self, since: datetime, until: datetime) -> bool:
        """Also if the clock has been set by more than that."""
        return abs(until - since) >= timedelta(seconds=self.silence_s)


def _was_answered(turn: Turn) -> bool:
    return bool(turn.reply) and turn.error is None
