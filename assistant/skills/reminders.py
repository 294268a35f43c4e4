"""Alarms, reminders and appointments: set, read out, answered and cancelled."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

from assistant.generate.context import spoken_time
from assistant.household.agenda import How, Item, Kind
from assistant.household.calendars import Appointment
from assistant.household.changes import Change
from assistant.household.lists import TO_DO
from assistant.skills.plainly import plainly
from assistant.skills.ringing import hushed
from assistant.skills.skill import Requests, Said, Situation
from assistant.skills.times import When, duration, find, moment, spoken_duration, spoken_when
from assistant.skills.wording import as_written, counted, joined, requested, sentence, to_you
from assistant.spoken import said_words

_PILLS = re.compile(r"pill|tablet|medic|drops|capsule|insulin|dose|inhaler|syringe|injection")
_AHEAD = timedelta(days=60)
"""How far "when is ..." looks."""


def _set(known: Situation) -> Said | None:
    """What to remember, and when, in either order."""
    rest, told = known.slots.get("rest", ""), known.slots.get("told", "")
    if before := known.slots.get("when", ""):
        return _before(before, rest, known)
    if told:
        found = find(told, known.now)
        if found is None or not found[0].has_time or not found[1].startswith("to "):
            return None  # "tell me about tomorrow"
    return _reminder(rest or told, known)


def _reminder(rest: str, known: Situation) -> Said | None:
    asked, found = rest, find(rest, known.now)
    if found is None:
        task = _task(rest, known)
        if not task or _SOMETHING.fullmatch(rest):
            return Said("What shall I remind you of?", completes="remind me to {}")
        if not re.match(r"(?:to|that|about|of|for)\b(?! (?:what|how|why|who|when|where)\b)", rest):
            return None  # "remind me what I said"
        return Said(
            f"When shall I remind you: {task}?", completes=f"remind me {_so_far(asked, known)} {{}}"
        )
    when, rest = found
    task = _task(rest, known)
    if not task:
        return Said(
            "What shall I remind you of?", completes=f"remind me {_so_far(asked, known)} to {{}}"
        )
    if not when.has_time:
        day = spoken_when(when, known.now)
        return Said(f"At what time {day}?", completes=f"remind me {_so_far(asked, known)} {{}}")
    return _added(Kind.REMINDER, task, when, known)


_SOMETHING = re.compile(
    r"(?:(?:to do |of |about |for )?(?:something|this|that|it|a thing|later)|later|again"
    r"|at a later time)(?: later| again| in a bit)?"
)


def _before(before: str, rest: str, known: Situation) -> Said | None:
    """When or what, before "remind me"."""
    found = find(before, known.now)
    if rest:
        if found is None or found[1] or not re.match(r"(?:to|that|about|of|for)\b", rest):
            return None
        when = before
    else:
        when = re.sub(r"^(?:i|we)(?: have|'ve| need| must| should| want)(?: got)? ", "", before)
        if when == before:
            return None
    return _reminder(f"{when} {rest}".strip(), known)


def _repeated(known: Situation) -> Said | None:
    """Such as "every morning at eight take the blue pill"."""
    found = find(plainly(said_words(known.words)), known.now)
    if found is None or not found[0].days or not found[0].has_time or not found[1]:
        return None
    task = _task(found[1], known)
    if re.match(r"(?:you|he|she|it|we|they|there|the|your|this|that|what|how|why)\b", task):
        return None  # "every evening at six I feel weak"
    return _added(Kind.REMINDER, task, found[0], known)


_SEVERAL = re.compile(r"\b(?:another|alarms|two alarms|second|one for|both|the next)\b")
_RANG = re.compile(
    r"\b(?:(?<!set )(?<!go )off|cancel|don't|didn't|not|no|rang|went|was|did|goes|if|why|when)\b"
)


def _wake(known: Situation) -> Said | None:
    """An alarm; before or after the word stands its time."""
    before, after = known.slots.get("before", ""), known.slots.get("after", "")
    at = known.slots.get("when", "")
    said = " ".join(filter(None, (before, after, at)))
    # "for" stands before a length elsewhere, here before the time
    texts = (said, re.sub(r"\b(?:for|by)\b", "at", said), f"{before} at {after}")
    every = [find(text, known.now, default_part="morning") for text in texts]
    some = [each for each in every if each is not None]
    found = next((each for each in some if each[0].has_time), next(iter(some), None))
    if found is None:
        if not requested(before) or (
            (at or after not in ("", "early", "tomorrow early"))
            and "alarm" not in known.words.lower()
        ):
            return None  # "wake me up before you go"
        several = _SEVERAL.search(known.words.lower())
        one = "I set one alarm after the other. For what time is the first?" if several else ""
        return Said(one or "For what time?", completes="set an alarm for {}")
    if (at and found[1]) or _RANG.search(said):  # "ring peter at six", "my alarm went off at six"
        return None
    when = found[0]
    if not when.has_time:
        return Said("For what time?", completes=f"set an alarm for {said} {{}}")
    return _added(Kind.ALARM, "", when, known)


def _added(kind: Kind, name: str, when: When, known: Situation) -> Said:
    agenda = known.household.agenda
    at = spoken_when(when, known.now)

    def act() -> Change:
        return agenda.add(kind, name, when.at, known.moment, when.days)

    if kind is Kind.ALARM:
        return Said(f"An alarm {at}.", act, f"An alarm {at}?")
    told = sentence(f"I will remind you {at}: {name}")
    return Said(told, act, f"Shall I remind you {at}: {name}?")


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
    completes = "what do i have to do {}"
    if not found:
        return Said(f"There is nothing on your list{on}.", completes=completes)
    if len(found) == 1:
        return Said(f"There is one thing on your list{on}: {found[0]}.", completes=completes)
    count = counted(len(found), "thing", "things")
    things = " ".join(map(_thing, found))
    return Said(f"There are {count} on your list{on}. {things}", completes=completes)


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


def _visitors(known: Situation) -> Said:
    """What the calendar says of a day."""
    asked = known.slots.get("day")
    when = moment(asked, known.now) if asked and asked not in _TODAY else None
    day = when.at.date() if when is not None else known.now.date()
    on = "today" if when is None else spoken_when(when, known.now)
    found = [_appointment(each) for each in known.household.calendars.on(day, known.now.tzinfo)]
    completes = "who is coming {}"
    if not found:
        return Said(f"There is nothing on your calendar for {on}.", completes=completes)
    return Said(f"On your calendar for {on}: {'; '.join(found)}.", completes=completes)


def _when(known: Situation) -> Said | None:
    """When something on the calendar or among the reminders is next."""
    wanted = set(said_words(known.slots["what"]).split()) - {"my", "the", "next", "a", "an"}
    if not wanted:
        return None
    found = [
        (each.starts_at, When(each.starts_at, each.has_time), each.text)
        for each in known.household.calendars.between(known.now, known.now + _AHEAD)
    ]
    for item in known.household.agenda.items(Kind.REMINDER):
        if item.wall is not None:
            at = item.wall.replace(tzinfo=known.now.tzinfo)
            found.append((at, When(at, has_time=True, days=item.days), item.name))
    for _, when, text in sorted(found, key=lambda each: each[0]):
        if wanted <= set(said_words(to_you(text)).split()) | set(said_words(text).split()):
            return Said(sentence(f"{text}: {spoken_when(when, known.now)}"), completes="when is {}")
    if known.slots["what"].startswith("my "):  # nobody else can know
        return Said("There is nothing about that on your calendar or your list.")
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
        f"{spoken_when(When(at, has_time=True), known.now)}: {item.name}"
        for item in known.household.agenda.items(Kind.REMINDER)
        if _PILLS.search(item.name.lower())
        for at in _times(item, known.now.date(), known)
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


def _alarms(known: Situation) -> str:
    found = known.household.agenda.items(Kind.ALARM)
    if not found:
        return "There is no alarm."
    return " ".join(sentence(f"an alarm {_at(item, known)}") for item in found)


def _at(item: Item, known: Situation) -> str:
    due = (item.due_at or known.now.astimezone(timezone.utc)).astimezone(known.now.tzinfo)
    return spoken_when(When(due, has_time=True, days=item.days), known.now)


def _cancel(kind: Kind) -> Callable[[Situation], Said | str]:
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
            named = joined([item.name or _at(item, known) for item in chosen])
            return Said(f"Which one: {named}?", completes=f"cancel the {noun} {{}}")
        [item] = chosen
        title = f"the {noun} {_at(item, known)}" + (f": {item.name}" if item.name else "")
        return Said(
            sentence(f"cancelled: {title}"),
            lambda: agenda.cancel([item.id]),
            f"Cancel {title}?",
            asks=bool(what) and not meant,
        )

    return cancel


def _meant(items: Sequence[Item], what: str, known: Situation) -> list[Item]:
    """Items whose name has these words, or which are due at this time."""
    words = set(said_words(to_you(what)).split()) - {
        "to",
        "about",
        "for",
        "of",
        "at",
        "the",
        "your",
    }
    named = [each for each in items if words and words <= set(said_words(each.name).split())]
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


_START = re.compile(
    r"^(?:(?:for me to|to|that|about|of|for|and|i have to|i need to|i must|i should|remember to) )+"
)


def _task(words: str, known: Situation) -> str:
    """What to remember, as it is said to the user."""
    return to_you(task(words, known.words))


def task(words: str, text: str) -> str:
    """What to remember, as it is written in a text: "to call Peter" is "call Peter"."""
    return as_written(_START.sub("", words), text)


def _so_far(words: str, known: Situation) -> str:
    """What was said of a reminder, in a template for what comes next."""
    return as_written(words, known.words).translate({ord("{"): None, ord("}"): None})


REMINDERS: Requests = {
    "set": _set,
    "repeated": _repeated,
    "list": _list,
    "visitors": _visitors,
    "when": _when,
    "any": _any,
    "pills": _pills,
    "done": _done,
    "later": _later,
    "cancel": _cancel(Kind.REMINDER),
}

ALARMS: Requests = {"set": _wake, "list": _alarms, "cancel": _cancel(Kind.ALARM)}
