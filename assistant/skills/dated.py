"""What alarms and reminders have in common: adding one, and cancelling the one that is meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timezone

from assistant.household.agenda import Item, Kind
from assistant.household.changes import Change
from assistant.household.spelling import one_spelling
from assistant.skills.ringing import hushed
from assistant.skills.skill import Said, Situation
from assistant.skills.times import When, find, spoken_when
from assistant.skills.wording import joined, sentence, to_you
from assistant.spoken import said_words
from assistant.spoken_times import spoken_date


def added(kind: Kind, name: str, when: When, known: Situation) -> Said:
    """Adds an alarm or a reminder, and reads its time back."""
    agenda = known.household.agenda
    at = spoken_when(when, known.now)

    def act() -> Change:
        return agenda.add(kind, name, when.at, known.moment, when.days)

    day = f"on {said_words(spoken_date(when.at))} at {{}}"
    if kind is Kind.ALARM:
        instead = (f"set an alarm {day}", "set an alarm for {}")
        return Said(
            f"An alarm {at}.", act, f"An alarm {at}?", completes="set an alarm {}",
            about="the alarm", instead=instead,
        )  # fmt: skip
    return Said(
        sentence(f"I will remind you {at}: {name}"),
        act,
        f"Shall I remind you {at}: {name}?",
        about=f"the reminder about {name}",
        instead=(f"remind me {day} to {name}", f"remind me {{}} to {name}"),
    )


def shown_at(item: Item, known: Situation) -> str:
    """When an item is due, as it is said."""
    due = (item.due_at or known.now.astimezone(timezone.utc)).astimezone(known.now.tzinfo)
    return spoken_when(When(due, has_time=True, days=item.days), known.now)


def cancelling(kind: Kind) -> Callable[[Situation], Said | str]:
    """Cancels the one that is meant, and asks which if that is not clear."""
    noun = kind.value

    def cancel(known: Situation) -> Said | str:
        agenda = known.household.agenda
        items, what = agenda.items(kind), known.slots.get("what", "")
        is_of_items = kind is Kind.REMINDER and bool(items)
        if not is_of_items and not what and (hush := hushed(known, kind)) is not None:
            return hush
        if not items:
            return f"There is no {noun}."
        meant = _meant(items, what, known)
        chosen = meant or items
        if len(chosen) > 1:
            named = joined([item.name or shown_at(item, known) for item in chosen])
            return Said(f"Which one: {named}?", completes=f"cancel the {noun} {{}}")
        [item] = chosen
        title = f"the {noun} {shown_at(item, known)}" + (f": {item.name}" if item.name else "")
        return Said(
            sentence(f"cancelled: {title}"),
            lambda: agenda.cancel([item.id]),
            f"Cancel {title}?",
            asks=bool(what) and not meant,
        )

    return cancel


_SMALL = frozenset("to about for of at the your one".split())
_PLACES = {"first": 0, "next": 0, "second": 1, "third": 2, "last": -1}
"""Of an item among those that are to come."""


def _meant(items: Sequence[Item], what: str, known: Situation) -> list[Item]:
    """Items whose name has these words, or which are due at this time."""
    words = set(one_spelling(said_words(to_you(what))).split()) - _SMALL
    if len(words) == 1 and (place := _PLACES.get(min(words))) is not None:
        return list(items[place : place + 1 or None])
    named = [
        each
        for each in items
        if words and words <= set(one_spelling(said_words(each.name)).split())
    ]
    if named or not what:
        return named
    found = find(re.sub(r"\bfor\b", "at", what), known.now) or find(f"at {what}", known.now)
    if found is None:
        return []
    at = found[0].at
    return [
        each for each in items
        if each.wall is not None and (each.wall.hour, each.wall.minute) == (at.hour, at.minute)
    ]  # fmt: skip
