"""What the daemon does when it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from assistant.control.messages import Record, Status
from assistant.personalise.training.request import Request


class RefusalError(Exception):
    """The daemon does not do what it was asked; the sentence says why."""


class Handlers(Protocol):
    """What the daemon does when it is asked, in the thread of the client.

    Any method may be called from several threads at once, ``talk`` from one at a time. One that
    raises ``RefusalError`` refuses.
    """

    def status(self) -> Status:
        """What there is to tell."""
        ...

    def retrain(self, request: Request) -> None:
        """Train as soon as there is room."""
        ...

    def ask(self, text: str, *, aloud: bool) -> Record:
        """Answer a question and give the exchange's record; refuse after ``ASK_S``."""
        ...

    def say(self, text: str) -> None:
        """Speak a text when what comes before it has been said; do not wait for it."""
        ...

    def mute(self) -> None:
        """Close the microphone."""
        ...

    def unmute(self) -> None:
        """Open it again."""
        ...

    def stop_speaking(self) -> None:
        """Fall silent, and break off the reply under way."""
        ...

    def reload(self) -> None:
        """Read the settings anew; refuse if they are broken, and keep the old ones."""
        ...

    def talk(self, *, down: bool) -> None:
        """The talk button goes down, or comes up; never twice the same."""
        ...

    def log(self, last: int) -> Sequence[Record]:
        """The last exchanges without their recordings, newest first."""
        ...

    def correct(self, turn_id: int, text: str) -> None:
        """Note what was really said in an exchange."""
        ...

    def confirm(self, turn_id: int) -> str:
        """Note that an exchange was understood rightly, and give its text."""
        ...

    def bridges(self) -> Sequence[Record]:
        """All bridges, the latest trained first."""
        ...

    def promote(self, version: str | None) -> None:
        """Let a bridge answer; ``None``: the base bridge."""
        ...

    def rollback(self) -> str | None:
        """Go back by one promotion, and give the version that answers; ``None``: the base."""
        ...
