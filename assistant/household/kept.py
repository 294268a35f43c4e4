"""What a household keeps, as records of JSON values, and what commands can do to it.

Of a timer, an alarm or a reminder::

    {"id": 3, "kind": "reminder", "name": "take the blue pill", "state": "waiting",
     "due_at": "2026-11-30T07:00:00+00:00", "days": [0, 1, 2, 3, 4], "left_s": 3600.0,
     "length_s": null}

``state`` is "waiting", "paused" or "ringing"; ``due_at`` is UTC, null while paused; ``days`` are
weekdays on which it repeats, Monday is 0; ``length_s`` is a timer's. What repeats has two records
while it rings. Of an entry and of a note::

    {"id": 1, "list": "shopping", "text": "milk"}
    {"id": 1, "subject": "Peter", "text": "Peter is your son. He lives in Leeds."}
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta, timezone
from typing import Any, TypeAlias

from assistant.errors import HouseholdError
from assistant.household.agenda import Agenda, How, Item, Kind, Ring
from assistant.household.clocks import Moment, look
from assistant.household.lists import Entry, Lists
from assistant.household.notes import Notes
from assistant.household.nouns import ACTS, Act, Noun
from assistant.journal.database import JournalDatabase

Record: TypeAlias = dict[str, Any]

_KINDS: dict[Noun, Kind] = {
    "timers": Kind.TIMER,
    "alarms": Kind.ALARM,
    "reminders": Kind.REMINDER,
}
_RINGING = "ringing"
_STATES: dict[Act, str] = {
    "done": _RINGING, "stop": _RINGING, "pause": "waiting", "resume": "paused",
}  # fmt: skip
"""What a timer, an alarm or a reminder has to be before this can be done to it."""


class Kept:
    """What is kept in a journal; every method raises ``JournalError`` when it cannot be used.

    Args:
        journal: the journal.
        look: the clocks.
    """

    def __init__(self, journal: JournalDatabase, look: Callable[[], Moment] = look) -> None:
        self.agenda, self.lists, self.notes = Agenda(journal), Lists(journal), Notes(journal)
        self.look = look

    def kept(self, noun: Noun) -> list[Record]:
        """Everything of a kind: what rings, then the next first; entries and notes by name."""
        if noun == "lists":
            named = sorted(self.lists.entries(), key=lambda entry: (entry.list, entry.id))
            return [asdict(entry) for entry in named]
        if noun == "notes":
            return [asdict(note) for note in self.notes.all()]
        kind, moment = _KINDS[noun], self.look()
        rings = [_of_ring(ring, moment) for ring in self._rings(noun)]
        return [*rings, *(_of_item(item, moment) for item in self.agenda.items(kind))]

    def past_reminders(self, days: int) -> list[Record]:
        """Reminders of the last days that ring no more, with how and when that came, oldest first.

        ``state`` is "done", "stopped", "snoozed", "unanswered" or "missed" (nobody heard it before
        its next time came); ``ended_at`` is UTC, null if it was missed.
        """
        moment = self.look()
        return [
            _of_ring(ring, moment)
            | {
                "state": None if ring.how is None else ring.how.value,
                "ended_at": ring.ended_at.isoformat()
                if ring.ended_at is not None and ring.how is not How.MISSED
                else None,
            }
            for ring in self.agenda.past(moment.now - timedelta(days=days))
            if ring.kind is Kind.REMINDER
        ]

    def change(self, noun: Noun, act: Act, ids: Sequence[int]) -> list[Record]:
        """Do something to what has these numbers, and return its records as they were.

        Args:
            noun: where the numbers are from.
            act: one of its ``ACTS``.
            ids: if there are none, "done" and "stop" are meant for everything that rings.

        Raises:
            HouseholdError: if there is nothing of that kind to do it to; then nothing is done.
        """
        if act not in ACTS[noun]:
            raise HouseholdError(f"The {noun} take only {', '.join(ACTS[noun])}, not {act}.")
        found = self.kept(noun)
        if unknown := set(ids) - {record["id"] for record in found}:
            raise HouseholdError(
                f"There is no number {min(unknown)} among the {noun}, so nothing was changed. "
                f"'assistant {noun}' shows them."
            )
        state = _STATES.get(act) if noun in _KINDS else None
        if state is not None:
            found = [record for record in found if record["state"] == state]
        if ids or state != _RINGING:
            found = [record for record in found if record["id"] in ids]
        if not found:
            which = f"is {state} at the moment" if state else "was named"
            raise HouseholdError(f"None of the {noun} {which}, so nothing was changed.")
        self._do(noun, act, found)
        return found

    def _do(self, noun: Noun, act: Act, found: Sequence[Record]) -> None:
        ids, moment = {record["id"] for record in found}, self.look()
        if noun == "notes":
            self.notes.remove(ids)
        elif noun == "lists" and act == "done":
            self.lists.tick_off((Entry(**record) for record in found), moment.now)
        elif noun == "lists":
            self.lists.remove(ids)
        else:
            rings = [ring for ring in self._rings(noun) if ring.item in ids]
            items = [item for item in self.agenda.items(_KINDS[noun]) if item.id in ids]
            if act == "remove":
                self.agenda.cancel(ids)
            if act in ("remove", "stop", "done"):
                self.agenda.end(rings, How.DONE if act == "done" else How.STOPPED, moment)
            for item in items if act in ("pause", "resume") else ():
                if act == "pause":
                    self.agenda.pause(item, moment)
                else:
                    self.agenda.run(item, item.left(moment), moment)

    def _rings(self, noun: Noun) -> list[Ring]:
        return [ring for ring in self.agenda.rings() if ring.kind is _KINDS[noun]]


def _of_ring(ring: Ring, moment: Moment) -> Record:
    return {
        "id": ring.item,
        "kind": ring.kind.value,
        "name": ring.name,
        "state": _RINGING,
        "due_at": ring.due_at.isoformat(),
        "days": [],
        "left_s": (ring.due_at - moment.now).total_seconds(),
        "length_s": None,
    }


def _of_item(item: Item, moment: Moment) -> Record:
    left, is_paused = item.left(moment), item.left_s is not None
    due_at = (moment.now + left).astimezone(timezone.utc)
    return {
        "id": item.id,
        "kind": item.kind.value,
        "name": item.name,
        "state": "paused" if is_paused else "waiting",
        "due_at": None if is_paused else due_at.isoformat(),
        "days": sorted(item.days),
        "left_s": left.total_seconds(),
        "length_s": item.length_s,
    }
