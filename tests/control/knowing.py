"""A daemon that answers what the test says, and knows what it was asked."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from assistant.control.declaring import RefusalError
from assistant.control.messages import (
    Abilities,
    Dictated,
    Lesson,
    Record,
    Sound,
    Spoken,
    Status,
    TimerAct,
)
from assistant.control.methods import Methods, Start
from assistant.household.nouns import Act, Noun
from assistant.household.smart_home import Outcome
from assistant.personalise.training.request import Request

STATUS = Status(
    pid=7, bridge="1a2b3c", state="waiting", waits=("2 more examples",), last_verdict={"event": "x"}
)


ABILITIES = Abilities(
    recogniser="whisper-base",
    is_whisper=True,
    hears=("de", "en"),
    model="smollm2-135m",
    engine="piper",
    voice="anna",
    speaks="en-gb-x-rp",
)


TYPED: Record = {
    **dict.fromkeys(
        ("seconds", "end_reason", "transcript", "confidence", "correction", "taught", "encoder",
         "llm", "bridge", "route", "heard", "bridge_confidence", "reply", "stop_reason",
         "timings_ms", "error", "replied_at")
    ),
    "id": 1, "started_at": "2026-03-01T12:00:00+00:00", "source": "text", "words": [],
    "consent": True, "has_audio": False,
}  # fmt: skip


@dataclass
class Knowing(Methods):
    status_now: Status = STATUS
    refusal: str | None = None
    records: Sequence[Record] = ()  # exchanges, newest first
    found: Sequence[Record] = ()  # bridges, or what is kept
    before: str | None = None  # version to go back to
    done: list[tuple[Any, ...]] = field(default_factory=list)
    lost: Record | None = None  # what is forgotten with any exchange
    flac: bytes = b""  # every recording
    heard: Lesson | None = None  # every lesson
    spoken: list[Spoken] = field(default_factory=list[Spoken])  # that the home is to answer
    may_answer: threading.Event | None = None  # awaited before a question is answered
    writing: Sequence[str] = ()  # sentences of the reply under way

    def status(self) -> Status:
        return self.status_now

    def retrain(self, start: Start = "current", minutes: float | None = None) -> None:
        self.do("retrain", Request(start, minutes))

    def ask(self, text: str, *, aloud: bool = True, session: str | None = None) -> Record:
        self.do("ask", text, aloud, *([] if session is None else [session]))
        if self.may_answer is not None:
            assert self.may_answer.wait(60)
        return self.records[0] if self.records else TYPED

    def written(self, session: str, after: int) -> list[str]:
        self.do("written", session, after)
        return list(self.writing[after:])

    def hear(self, path: str, *, aloud: bool = True) -> Record:
        self.do("hear", path, aloud)
        return self.records[0]

    def transcribe(self, path: str) -> Record:
        self.do("transcribe", path)
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

    def log(self, last: int = 20, before: int | None = None) -> list[Record]:
        self.do("log", last, *([] if before is None else [before]))
        found = [each for each in self.records if before is None or each["id"] < before]
        return found[:last]

    def correct(self, turn_id: int, text: str) -> None:
        self.do("correct", turn_id, text)

    def confirm(self, turn_id: int) -> str:
        self.do("confirm", turn_id)
        return "what time is it"

    def recording(self, turn_id: int) -> bytes:
        self.do("recording", turn_id)
        if not self.flac:
            raise RefusalError(f"There is no exchange {turn_id} in /somewhere/journal.db.")
        return self.flac

    def consent(self, turn_id: int, *, allowed: bool) -> None:
        self.do("consent", turn_id, allowed)

    def put_back(self, turn_id: int, was: Record) -> None:
        self.do("put_back", turn_id, was["correction"], was["taught"], was["consent"])

    def loss(self, turn_ids: list[int]) -> Record | None:
        self.do("loss", turn_ids)
        return self.lost

    def erase(self, turn_ids: list[int]) -> Record:
        self.do("erase", turn_ids)
        gone = ["1a2b3c"] if self.lost else []
        return {"turns": len(turn_ids), "bridges": gone, "wiped": True, "current": None}

    def read_aloud(self) -> list[str]:
        return []

    def lesson(self, wait_s: float, text: str | None = None) -> Lesson | None:
        self.do("lesson", wait_s, *([] if text is None else [text]))
        return self.heard

    def enroll(self, text: str) -> None:
        self.do("enroll", text)

    def abilities(self) -> Abilities:
        return ABILITIES

    def dictate(
        self, session: str, sound: str, place: int, expected: list[str] | None = None
    ) -> bool:
        self.do("dictate", session, sound, place, *([] if expected is None else [expected]))
        return False

    def dictated(self, session: str, *, forget: bool = False) -> Dictated:
        self.do("dictated", session, *([forget] if forget else []))
        return Dictated(text="hello", confidence=1.0)

    def synthesise(self, text: str) -> Sound:
        self.do("synthesise", text)
        return Sound(rate=16_000, pcm=base64.b64encode(bytes(320)))

    def said_to_home(self, wait_s: float, trouble: str | None = None) -> Spoken | None:
        del trouble
        time.sleep(min(wait_s, 0.05))  # it is asked without end, which is not noted
        return self.spoken.pop() if self.spoken else None

    def said_by_home(self, number: int, outcome: Outcome, speech: str = "") -> None:
        self.do("said_by_home", number, outcome, speech)

    def is_over(self, number: int, wait_s: float) -> bool:
        time.sleep(min(wait_s, 0.05))
        return any(each[:2] == ("said_by_home", number) for each in self.done)

    def play(self, session: str, rate: int, sound: str, place: int) -> None:
        self.do("play", session, rate, len(sound), place)

    def home_timer(self, timer: str, act: TimerAct, left_s: float = 0.0, name: str = "") -> None:
        self.do("home_timer", timer, act, left_s, name)

    def call_by(self, *, first: bool) -> None:
        self.do("call_by", first)

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
