"""What is to be done, and when: reminders, appointments and medicine; and what rings, answered."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, timedelta

from assistant.household.agenda import How, Item, Kind
from assistant.household.calendars import Appointment
from assistant.household.lists import TO_DO
from assistant.household.notes import plain
from assistant.household.spelling import one_spelling
from assistant.skills.birthdays import is_birthday, next_birthday
from assistant.skills.dated import shown_at
from assistant.skills.skill import Requests, Said, Situation
from assistant.skills.sums import ahead
from assistant.skills.times import HOLIDAYS, When, duration, moment, spoken_duration, spoken_when
from assistant.skills.wording import enumerated, joined, sentence, to_you
from assistant.spoken import said_words
from assistant.spoken_times import spoken_time

_PILLS = re.compile(r"pill|tablet|medic|drops|capsule|insulin|dose|inhaler|syringe|injection")


_AHEAD = timedelta(days=60)
"""How far "when is ..." looks."""


_AROUND = frozenset("my the next a an reminder about".split())
_OF_APPOINTMENTS = frozenset("appointment visit date meeting with at to for of".split())
_SEES = re.compile(
    r"\b(?:do i see|am i (?:going to see|seeing|meeting)|(?:have i(?: got)?|do i have) an?\b.*"
    r" appointment)\b"
)
_CHANGES = re.compile(
    r"\b(?:add|added|put|putting|remove|take|delete|cross|clear|check|list|place|include|if)\b"
)
"""In "put flour on my list", nobody wants to hear it."""


def _list(known: Situation) -> Said | None:
    """Everything that is to be done on a day, word for word as it was written down."""
    if _CHANGES.search(known.slots.get("anything", "")):
        return None
    asked = known.slots.get("day")
    when = moment(asked, known.now) if asked and asked not in _TODAY else None
    day = when.at.date() if when is not None else known.now.date()
    is_today = day == known.now.date()
    found = [*_standing(known), *_timed(known, day)]
    if is_today:
        found += [entry.text for entry in known.household.lists.entries(TO_DO)]
    on = "" if is_today else f" {spoken_when(when, known.now)}" if when is not None else ""
    things = " ".join(map(_thing, found))
    text = enumerated(found, f"on your list{on}", f". {things}")
    return Said(text, completes="what do i have to do {}")


_TODAY = frozenset(("today", "this morning", "this afternoon", "this evening", "tonight", "now"))


def _standing(known: Situation) -> list[str]:
    """The reminders of the settings."""
    return [each.strip().rstrip(".") for each in known.reminders]


def _timed(known: Situation, day: date) -> list[str]:
    """Reminders and appointments of a day that are still to come."""
    zone = known.now.tzinfo
    found = [
        (each, item.name)
        for item in known.household.agenda.items(Kind.REMINDER)
        for each in _times(item, day, known)
    ]
    ringing = [
        (ring.due_at.astimezone(zone), ring.name)
        for ring in known.household.agenda.rings()
        if ring.kind is Kind.REMINDER and day == known.now.date()
    ]
    said = [(at, f"{spoken_time(at)}: {name}") for at, name in [*ringing, *found]]
    said += [
        (each.starts_at, _appointment(each)) for each in known.household.calendars.on(day, zone)
    ]
    return [text for _, text in sorted(said)]


def _times(item: Item, day: date, known: Situation) -> list[datetime]:
    """When an item is due on a day: once, or not at all."""
    zone = known.now.tzinfo
    if item.wall is None:
        at = known.now + item.left(known.moment)
        return [at] if at.date() == day else []
    at = datetime.combine(day, item.wall.time(), zone)
    is_then = item.wall.date() == day or (day > item.wall.date() and day.weekday() in item.days)
    return [at] if is_then else []


def _appointment(each: Appointment) -> str:
    return f"{spoken_time(each.starts_at)}: {each.text}" if each.has_time else each.text


def _thing(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _visitors(known: Situation) -> Said | None:
    """What the calendar says of a day."""
    asked = known.slots.get("day")
    when = moment(asked, known.now) if asked and asked not in _TODAY else None
    day = when.at.date() if when is not None else known.now.date()
    on = "today" if when is None else spoken_when(when, known.now)
    found = [_appointment(each) for each in known.household.calendars.on(day, known.now.tzinfo)]
    completes = "who is coming {}"
    if who := known.slots.get("name"):
        named = plain(who)
        found = [each for each in found if set(named.split()) <= set(plain(each).split())]
        if not found and who == named and not known.household.notes.about(named):
            return None  # "is spring coming", but "the nurse"
        if not found:
            return Said(f"There is nothing about that on your calendar for {on}.")
    if not found:
        return Said(f"There is nothing on your calendar for {on}.", completes=completes)
    return Said(f"On your calendar for {on}: {'; '.join(found)}.", completes=completes)


def _when(known: Situation) -> Said | None:
    """When something on the calendar or among the reminders is next."""
    what = known.slots["what"]
    if found := _next(what, known):
        return Said(
            sentence(f"{found[0]}: {spoken_when(found[1], known.now)}"), completes="when is {}"
        )
    if is_birthday(what) and (birthday := next_birthday(what, known.household.notes, known.now)):
        return Said(sentence(f"{to_you(what)} is {spoken_when(birthday, known.now)}"))
    if what in HOLIDAYS and (day := moment(what, known.now)):
        return Said(sentence(f"{what} is {spoken_when(day, known.now)}"))
    if what.startswith("my ") or _SEES.search(known.words.lower()):  # nobody else can know
        return Said("There is nothing about that on your calendar or your list.")
    return None


def _until(known: Situation) -> str | None:
    """How long it is until something on the calendar, among the reminders or in the notes."""
    what, span = known.slots["what"], known.slots["span"]
    if found := _next(what, known):
        return ahead(found[1], span, known.now)
    if not is_birthday(what):
        return None
    day = next_birthday(what, known.household.notes, known.now)
    if day is not None:
        return ahead(day, span, known.now)
    return f"Nobody has told me when {to_you(what)} is." if what.startswith("my ") else None


def _next(what: str, known: Situation) -> tuple[str, When] | None:
    """What something is called on the calendar or among the reminders, and when it is next."""
    wanted = set(one_spelling(said_words(what)).split()) - _AROUND
    if not wanted:
        return None
    less = wanted - _OF_APPOINTMENTS
    found = [
        (each.starts_at, When(each.starts_at, each.has_time), each.text)
        for each in known.household.calendars.between(known.now, known.now + _AHEAD)
    ]
    for item in known.household.agenda.items(Kind.REMINDER):
        if item.wall is not None:
            at = item.wall.replace(tzinfo=known.now.tzinfo)
            found.append((at, When(at, has_time=True, days=item.days), item.name))
    for _, when, text in sorted(found, key=lambda each: each[0]):
        said = set(one_spelling(f"{said_words(to_you(text))} {said_words(text)}").split())
        if wanted <= said or (less and less <= said):
            return text, when
    return None


def _any(known: Situation) -> Said | str:
    """Whether there is a reminder about something."""
    what = re.sub(r" (?:on|in) (?:my|the) list$", "", known.slots["what"])
    return _when(replace(known, slots={"what": what})) or "There is no reminder about that."


def _pills(known: Situation) -> str:
    """Only what was written down, and what the user confirmed: nobody saw a pill."""
    found = [each for each in _standing(known) if _PILLS.search(each.lower())]
    found += [
        f"{spoken_time(ring.due_at.astimezone(known.now.tzinfo))}: {ring.name}"
        for ring in known.household.agenda.rings()
        if ring.kind is Kind.REMINDER and _PILLS.search(ring.name.lower())
    ]
    found += [
        f"{shown_at(item, known)}: {item.name}"
        for item in known.household.agenda.items(Kind.REMINDER)
        if _PILLS.search(item.name.lower())
    ]
    written = f"Your list says: {'; '.join(found)}. " if found else ""
    midnight = datetime.combine(known.now.date(), datetime.min.time(), known.now.tzinfo)
    for ring in reversed(known.household.agenda.past(midnight)):
        if ring.how is How.DONE and _PILLS.search(ring.name.lower()):
            at = spoken_time(ring.due_at.astimezone(known.now.tzinfo))
            written += f"You told me that this is done, at {at}: {ring.name}. "
            break
    return (
        f"{written}I cannot know what you have taken. Please look at your pill box, or ask "
        "somebody before you take anything."
    )


def _done(known: Situation) -> Said | None:
    """What rings is done; nothing rings: the words mean something else."""
    agenda, moment_ = known.household.agenda, known.moment
    rings = agenda.rings()
    if not rings:
        return None
    named = joined([each.name for each in rings if each.kind is Kind.REMINDER])
    text = f"Good. I have written down that this is done: {named}." if named else "All right."
    return Said(text, lambda: agenda.end(rings, How.DONE, moment_))


def _later(known: Situation) -> Said | None:
    """What rings is wanted again later."""
    agenda, moment_ = known.household.agenda, known.moment
    rings = agenda.rings()
    if not rings:
        return None
    said = known.slots.get("after", "")
    length = (duration(said.removeprefix("in ")) if said else None) or timedelta(minutes=10)
    return Said(
        f"I will say it again in {spoken_duration(length)}.",
        lambda: agenda.snooze(rings, length, moment_),
    )


DUE: Requests = {
    "list": _list,
    "visitors": _visitors,
    "until": _until,
    "when": _when,
    "any": _any,
    "pills": _pills,
    "done": _done,
    "later": _later,
}
