"""A daemon that answers what the test says, and knows what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from assistant.control.messages import Record, Status
from assistant.control.methods import Methods, RefusalError, Start
from assistant.household.nouns import Act, Noun
from assistant.personalise.training.request import Request

STATUS = Status(
    pid=7, bridge="1a2b3c", state="waiting", waits=("2 more examples",), last_verdict={"event": "x"}
)


@dataclass
class Knowing(Methods):
    status_now: Status = STATUS
    refusal: str | None = None
    records: Sequence[Record] = ()  # exchanges, newest first
    found: Sequence[Record] = ()  # bridges, or what is kept
    before: str | None = None  # version to go back to
    done: list[tuple[Any, ...]] = field(default_factory=list)
    may_answer: threading.Event | None = None  # awaited before a question is answered

    def status(self) -> Status:
        return self.status_now

    def retrain(self, start: Start = "current", minutes: float | None = None) -> None:
        self.do("retrain", Request(start, minutes))

    def ask(self, text: str, *, aloud: bool = True) -> Record:
        self.do("ask", text, aloud)
        if self.may_answer is not None:
            assert self.may_answer.wait(60)
        return self.records[0]

    def say(self, text: str) -> None:
        self.do("say", text)

    def mute(self) -> None:
        self.do("mute")

    def unmute(self) -> None:
        self.do("unmute")

    def stop(self) -> None:
        self.do("stop")

    def reload(self) -> None:
        self.do("reload")

    def talk(self, *, down: bool) -> None:
        self.do("talk", down)

    def log(self, last: int = 20) -> list[Record]:
        self.do("log", last)
        return list(self.records[:last])

    def correct(self, turn_id: int, text: str) -> None:
        self.do("correct", turn_id, text)

    def confirm(self, turn_id: int) -> str:
        self.do("confirm", turn_id)
        return "what time is it"

    def kept(self, noun: Noun) -> list[Record]:
        self.do("kept", noun)
        return list(self.found)

    def past_reminders(self, days: int = 7) -> list[Record]:
        self.do("past_reminders", days)
        return list(self.found)

    def keep(self, noun: Noun, words: list[str]) -> list[Record]:
        self.do("keep", noun, words)
        return list(self.found)

    def change(self, noun: Noun, act: Act, ids: list[int]) -> list[Record]:
        self.do("change", noun, act, ids)
        return list(self.found)

    def bridges(self) -> list[Record]:
        self.do("bridges")
        return list(self.found)

    def promote(self, version: str | None) -> None:
        self.do("promote", version)

    def rollback(self) -> str | None:
        self.do("rollback")
        return self.before

    def do(self, *what: Any) -> None:
        """Note what was asked, or refuse it."""
        if self.refusal is not None:
            raise RefusalError(self.refusal)
        self.done.append(what)
