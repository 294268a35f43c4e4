"""One exchange as stored in the journal, and its database row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import MAXYEAR, MINYEAR, datetime, timezone
from enum import Enum
from typing import Any, TypeVar

from pydantic import TypeAdapter

from assistant.values import EndReason, Route, StopReason, Timings, Word

_T = TypeVar("_T")

_WORDS, _TIMINGS = TypeAdapter(tuple[Word, ...]), TypeAdapter(Timings)

TEXT_SOURCE = "text"
"""Source of an exchange that was typed, not spoken."""

COLUMNS = (
    "id", "started_at", "source", "seconds", "end_reason", "hypothesis", "confidence", "words",
    "correction", "taught", "consent", "encoder", "llm", "bridge", "route", "heard",
    "bridge_confidence", "reply", "stop_reason", "timings", "error", "replied_at",
)  # fmt: skip
"""Everything but the recording."""


class Taught(str, Enum):
    """How a recording got a text that a person has confirmed."""

    ENROLLED = "enrolled"  # a given text was read aloud
    IMPORTED = "imported"  # recording and text came together from elsewhere
    CORRECTED = "corrected"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange without its recording; ``None`` where a stage was not reached."""

    id: int
    started_at: datetime  # UTC
    source: str  # "microphone", "text" or the path of a recording
    seconds: float | None  # length of the recording
    end_reason: EndReason | None
    hypothesis: str | None  # the encoder's transcript, or what was typed
    confidence: float | None  # of the hypothesis, 0 to 1
    words: tuple[Word, ...]
    correction: str | None  # what was really said, by the user or a carer
    taught: Taught | None  # how the correction came about
    consent: bool  # whether Attune may learn from it
    encoder: str | None  # fingerprint
    llm: str | None  # fingerprint
    bridge: str | None  # version
    route: Route | None
    heard: str | None  # the bridge's reading
    bridge_confidence: float | None  # 0 to 1
    reply: str | None
    stop_reason: StopReason | None
    timings: Timings | None
    error: str | None  # why there is no reply
    replied_at: datetime | None  # UTC
    has_audio: bool

    @property
    def text(self) -> str | None:
        """What was said, as far as known: the correction, else what was understood."""
        return self.understood if self.correction is None else self.correction

    @property
    def understood(self) -> str | None:
        """What was answered: the bridge's reading where it took the turn, else the hypothesis."""
        return self.heard if self.route is Route.BRIDGE else self.hypothesis

    def record(self) -> dict[str, object]:
        """The exchange as JSON values, under the names that every ``--json`` output uses."""
        return {
            "id": self.id,
            "started_at": self.started_at.isoformat(),
            "source": self.source,
            "seconds": self.seconds,
            "end_reason": self.end_reason and self.end_reason.value,
            "transcript": self.hypothesis,
            "confidence": self.confidence,
            "words": [asdict(word) for word in self.words],
            "correction": self.correction,
            "taught": self.taught and self.taught.value,
            "consent": self.consent,
            "route": self.route and self.route.value,
            "heard": self.heard,
            "bridge_confidence": self.bridge_confidence,
            "reply": self.reply,
            "stop_reason": self.stop_reason and self.stop_reason.value,
            "timings_ms": self.timings and asdict(self.timings),
            "error": self.error,
            "replied_at": self.replied_at and self.replied_at.isoformat(),
            "encoder": self.encoder,
            "bridge": self.bridge,
            "llm": self.llm,
            "has_audio": self.has_audio,
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Turn:
        """The exchange in a row with ``COLUMNS`` and ``has_audio``.

        Raises:
            ValueError: if this version of Attune does not understand a column.
        """
        fields = {name: row[name] for name in (*COLUMNS, "has_audio")}
        try:
            fields |= {
                "started_at": moment(row["started_at"]),
                "end_reason": _given(EndReason, row["end_reason"]),
                "words": _WORDS.validate_json(row["words"] or "[]"),
                "taught": _given(Taught, row["taught"]),
                "consent": bool(row["consent"]),
                "route": _given(Route, row["route"]),
                "stop_reason": _given(StopReason, row["stop_reason"]),
                "timings": _given(_TIMINGS.validate_json, row["timings"] or None),
                "replied_at": _given(moment, row["replied_at"]),
                "has_audio": bool(row["has_audio"]),
            }
        except TypeError as error:
            raise ValueError(str(error)) from error
        return cls(**fields)


def stamp(at: datetime) -> str:
    """ISO 8601 in UTC with microseconds, so that text order is time order."""
    return at.astimezone(timezone.utc).isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    """What ``stamp`` wrote.

    Raises:
        ValueError: if it is something else, or in a year that another time zone would leave.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None or not MINYEAR < at.year < MAXYEAR:
        raise ValueError(f"{text!r} is no moment")
    return at


def _given(convert: Callable[[str], _T], value: str | None) -> _T | None:
    return None if value is None else convert(value)
