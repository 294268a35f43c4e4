"""A daemon that lets devices in as the real one does, with clocks that the test turns."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from assistant.control.declaring import refusing
from assistant.control.messages import Finding, Helper, Record, Role, Stored, Work
from assistant.control.methods import Choice
from assistant.daemon.admission import Admission
from tests.control.knowing import Knowing

DAY_S = 86_400.0


@dataclass
class Helped(Knowing):
    folder: Path = Path()
    now: float = 1_700_000_000.0  # seconds since the epoch
    clock: float = 0.0  # monotonic seconds
    acted_on: list[tuple[str, str, list[int]]] = field(default_factory=list)
    chosen: dict[Choice, JsonValue] = field(
        default_factory=lambda: {
            "generate.user_name": None,
            "household.help_name": None,
            "listen.only": None,
            "listen.profile": "default",
            "turn.ask_back": 0.4,
            "turn.wake_phrase": None,
        }
    )

    tasks: list[Work] = field(default_factory=list[Work])
    findings_now: list[Finding] = field(default_factory=list[Finding])
    archive: bytes = b""  # the backup that waits
    sent: dict[str, bytes] = field(default_factory=dict[str, bytes])  # what has been uploaded

    def __post_init__(self) -> None:
        self.admission = Admission(
            self.folder / "helpers.json", now=lambda: self.now, clock=lambda: self.clock
        )

    def manner(self) -> Record:
        return {"gain_db": 0.0, "tempo": 1.0}

    def speak_so(self, gain_db: float, tempo: float) -> None:
        self.do("speak_so", gain_db, tempo)

    def quiet(self, minutes: float | None) -> None:
        self.do("quiet", minutes)

    def choices(self) -> dict[Choice, JsonValue]:
        return self.chosen

    def choose(self, choice: Choice, value: JsonValue) -> None:
        self.do("choose", choice, value)

    def forget_me(self) -> Record:
        self.do("forget_me")
        return {"turns": 0, "bridges": [], "wiped": True, "current": None}

    def stored(self) -> Stored:
        return Stored(exchanges=0, taught=0, since=None, n_bytes=4_096, free_bytes=10**9)

    def invite(self, role: Role = "helper") -> str:
        with refusing():
            return self.admission.invite(role)

    def invite_aloud(self) -> None:
        with refusing():
            code = self.admission.invite("helper", aloud=True)
        self.do("invite_aloud", code)

    def admit(self, code: str, name: str, key: str) -> Helper:
        with refusing():
            return self.admission.admit(code, name, key)

    def who(self, key: str) -> Helper | None:
        with refusing():
            return self.admission.who(key)

    def helpers(self) -> list[Helper]:
        with refusing():
            return self.admission.all()

    def shut_out(self, number: int) -> None:
        with refusing():
            self.admission.remove(number)

    def working(self) -> list[Work]:
        self.do("working")
        return self.tasks

    def examine(self) -> None:
        self.do("examine")

    def findings(self) -> list[Finding]:
        self.do("findings")
        return self.findings_now

    def support(self) -> bytes:
        self.do("support")
        return b"support"

    def back_up(self) -> None:
        self.do("back_up")

    def backup(self, begin: int) -> bytes:
        self.do("backup")
        return self.archive[begin : begin + 1_000]

    def upload(self, key: str, piece: str, place: int) -> None:
        self.do("upload", place)
        self.sent[key] = self.sent.get(key, b"") + base64.b64decode(piece)

    def drop(self, key: str) -> None:
        self.sent.pop(key, None)

    def restore(self, key: str) -> None:
        self.do("restore", self.sent.pop(key))

    def calendars(self) -> list[Record]:
        self.do("calendars")
        return list(self.found)

    def appointments(self, days: int = 14) -> list[Record]:
        self.do("appointments", days)
        return []

    def add_calendar(self, key: str, name: str) -> Record:
        self.do("add_calendar", name, self.sent.pop(key))
        return {"name": name, "entries": 1}

    def remove_calendar(self, name: str) -> None:
        self.do("remove_calendar", name)

    def acts(self, last: int = 20) -> list[Record]:
        del last
        return []

    def acted(self, by: str, what: str, about: list[int]) -> None:
        self.acted_on.append((by, what, about))

    @property
    def changes(self) -> list[tuple[Any, ...]]:
        """What it was asked to do, without what it was only asked to tell."""
        telling = (
            *("log", "kept", "past_reminders", "bridges", "recording", "lesson", "loss"),
            *("working", "findings", "support", "backup", "calendars", "appointments"),
        )
        return [each for each in self.done if each[0] not in telling]
