"""Timers: several at once, with names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta

from assistant.household.agenda import Item, Kind
from assistant.household.changes import Change
from assistant.skills.ringing import hushed
from assistant.skills.skill import Requests, Said, Situation
from assistant.skills.times import duration, find_duration, spoken_duration
from assistant.skills.wording import a, counted, joined, requested, sentence, without

LONGEST = timedelta(hours=48)

_VERBS = frozenset("set start make put give need want have run begin create".split())
_SMALL = _VERBS | frozenset(
    "a an the my your our me i another new of for with called named to on up please can could "
    "would will you like should shall us let's that is it and timer timers one up get going do "
    "open turn switch schedule some time countdown how about now i'd at add than there what "
    "other".split()
)
_LONGEST_NAME = 3
_TIMES = re.compile(
    r"\btimer|\bcount|\btime (?:the|my|our|me|for|[\w-]+ (?:second|minute|hour)s?)\b"
)
"""Words of somebody who wants a timer, and may give it a name."""


def _set(known: Situation) -> Said | None:
    """Before and after the word "timer" stand a length and perhaps a name, in either order."""
    before, after = known.slots.get("before", ""), known.slots.get("after", "")
    if re.search(r"\b(?:more|extra|longer)\b", known.words.lower()):
        return None
    found = find_duration(f"{before} timer {after}".strip())
    if found is None:
        if not requested(before) or not re.search(r"\btimer|\bcountdown", known.words.lower()):
            return None
        name = _name(without(f"{before} {after}", _SMALL))
        which = f"{name} " if name else ""
        return Said("For how long?", completes=f"set a {which}timer for {{}}", wants_time=True)
    length, rest = found
    name = timer_name(rest)
    if name and not _TIMES.search(known.words.lower()):
        return None  # "let me know in ten minutes what you found"
    name = _name(name)
    if length > LONGEST or length <= timedelta(0):
        return Said("A timer can run for two days at most. For how long?")
    agenda, moment = known.household.agenda, known.moment
    named = a(f"{name} timer".strip())
    lasts = spoken_duration(length)
    return Said(
        sentence(f"{named} for {lasts} is running"),
        lambda: agenda.start_timer(length, name, moment),
        f"{named[:1].upper()}{named[1:]} for {lasts}?",
        completes=("set {}", "set {} minutes"),
        about=f"the {name} timer".replace("  ", " "),
        instead=(f"set a {name} timer for {{}}".replace("  ", " "),),
    )


def timer_name(rest: str) -> str:
    """The name of a timer in the words around its length; may be empty."""
    return without(rest, _SMALL)


def _name(words: str) -> str:
    """A name for a timer, unless it is rather a story."""
    is_name = len(words.split()) <= _LONGEST_NAME and find_duration(f"{words} minutes") is None
    return words if is_name else ""


def _left(known: Situation) -> Said | str | None:
    timers, name = _timers(known), known.slots.get("name", "")
    chosen = _called(timers, name)
    if chosen is None and name and "timer" not in known.words.lower():
        return None  # "how long for the bus"
    if not timers:
        return "There is no timer."
    shown_ones = chosen or timers
    return Said(
        " ".join(sentence(_remains(each, timers, known)) for each in shown_ones),
        completes="how much time is left on the {} timer",
        about=_title(shown_ones[0], timers) if len(shown_ones) == 1 else None,
    )


def _cancel(known: Situation) -> Said | str:
    agenda = known.household.agenda
    name = without(known.slots.get("name", ""), _SMALL)
    return hushed(known, Kind.TIMER, name) or _one(
        known, lambda item: agenda.cancel([item.id]), "{} is cancelled", "Cancel {}?", "cancel the"
    )


def _cancel_all(known: Situation) -> Said | str:
    timers = _timers(known)
    if not timers:
        return hushed(known, Kind.TIMER) or "There is no timer."
    count = counted(len(timers), "timer", "timers")
    return Said(
        sentence(f"{count} cancelled"),
        lambda: known.household.agenda.cancel([each.id for each in timers]),
        f"Cancel {count}?",
    )


def _pause(known: Situation) -> Said | str:
    agenda, moment = known.household.agenda, known.moment
    return _one(
        known, lambda item: agenda.pause(item, moment), "{} is paused", "Pause {}?", "pause the"
    )


def _resume(known: Situation) -> Said | str:
    agenda, moment = known.household.agenda, known.moment
    return _one(
        known,
        lambda item: agenda.run(item, item.left(moment), moment),
        "{} goes on",
        "Let {} go on?",
        "resume the",
    )


def _more(known: Situation) -> Said | str | None:
    """More time: for what rings, or else for a timer."""
    length = duration(f"{known.slots['amount']} {known.slots.get('unit', '')}".strip())
    if length is None or not timedelta(0) < length <= LONGEST:
        return None
    agenda, moment, lasts = known.household.agenda, known.moment, spoken_duration(length)
    called = _called(_timers(known), known.slots.get("name", ""))
    if known.slots.get("name") and not called and "timer" not in known.words.lower():
        return None  # "five minutes more for the walk"
    ringing = [each for each in agenda.rings() if each.kind is not Kind.REMINDER]
    if ringing:
        name = joined([each.name or f"the {each.kind.value}" for each in ringing])

        def again() -> Change:
            return agenda.snooze(ringing, length, moment)

        return Said(sentence(f"{lasts} more"), again, f"{lasts.capitalize()} more for {name}?")
    if not _timers(known):
        return "There is no timer." if "timer" in known.words.lower() else None
    return _one(
        known,
        lambda item: agenda.run(item, item.left(moment) + length, moment),
        f"{{}} has {lasts} more",
        f"{lasts.capitalize()} more for {{}}?",
        f"add {lasts} to the",
    )


def _one(
    known: Situation, act: Callable[[Item], Change], done: str, question: str, command: str
) -> Said | str:
    """Do something to the one timer that is meant."""
    timers = _timers(known)
    if not timers:
        return "There is no timer."
    name = known.slots.get("name", "")
    named = _called(timers, name) if name else None
    chosen = named or timers
    if len(chosen) > 1:
        names = joined([_title(each, timers) for each in chosen])
        return Said(f"Which one: {names}?", completes=f"{command} {{}} timer")
    [item] = chosen
    title = _title(item, timers)
    is_other = bool(without(name, _SMALL)) and named is None  # than the one that was named
    return Said(
        sentence(done.format(title)),
        lambda: act(item),
        question.format(title),
        asks=is_other,
        completes=f"{command} {{}} timer",
        about=title,
    )


def _timers(known: Situation) -> list[Item]:
    return known.household.agenda.items(Kind.TIMER)


def _called(timers: Sequence[Item], name: str) -> list[Item] | None:
    """Those with this name, or of this length."""
    wanted = without(name, _SMALL)
    length = duration(wanted)
    return [
        each
        for each in timers
        if (wanted and each.name.removesuffix("s") == wanted.removesuffix("s"))
        or (length is not None and each.length_s == length.total_seconds())
    ] or None


def _title(item: Item, timers: Sequence[Item]) -> str:
    """What a timer is called, so that no other of them is meant."""
    alike = sum(each.name == item.name for each in timers)
    if alike == 1 or item.length_s is None:
        return f"the {item.name} timer" if item.name else "the timer"
    lasts = spoken_duration(timedelta(seconds=item.length_s))
    return f"the {item.name} timer for {lasts}" if item.name else f"the timer for {lasts}"


def _remains(item: Item, timers: Sequence[Item], known: Situation) -> str:
    left = spoken_duration(shown(item.left(known.moment)))
    paused = ", and it is paused" if item.left_s is not None else ""
    return f"{_title(item, timers)} has {left} left{paused}"


def shown(left: timedelta) -> timedelta:
    """What is left, as exactly as anybody wants to know it."""
    seconds = max(round(left.total_seconds()), 0)
    step = 60 if seconds >= 600 else 1
    return timedelta(seconds=seconds // step * step)


TIMERS: Requests = {
    "set": _set,
    "left": _left,
    "cancel": _cancel,
    "cancel_all": _cancel_all,
    "pause": _pause,
    "resume": _resume,
    "more": _more,
}
