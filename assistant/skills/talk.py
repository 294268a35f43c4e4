"""Talk about the conversation: again, louder, slower, what did I say, who are you, undo."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from assistant.skills.skill import Requests, Said, Situation
from assistant.skills.times import When, duration, moment, number, spoken_when
from assistant.skills.wording import as_written, joined, to_you
from assistant.speak.manner import GAINS_DB, USUAL
from assistant.spoken_times import spoken_number

_STEP_DB = 6.0
_STEP_TEMPO = 1.2
_LEVELS = 10
_FOR_ME = re.compile(r"\bsay (?:it|that|this) for me\b", re.IGNORECASE)
_REMEMBERED = 5
"""Most things that "what did we talk about" names."""


def _manner(how: str, **change: float) -> Callable[[Situation], Said]:
    def changed(known: Situation) -> Said:
        before = known.household.manners.get()
        after = before.changed(**change)
        if after == before:
            return Said(f"I cannot speak any {how}.")

        def act() -> None:
            known.household.manners.put(after)
            known.adjust(after)

        return Said(f"I am speaking {how} now.", act)

    return changed


def _level(known: Situation) -> Said | None:
    """Loudness from one to ten; five is the usual one."""
    level = number(known.slots["amount"])
    if level is None or not 1 <= level <= _LEVELS:
        return Said(
            "I can speak at volume one to ten. Which one?", completes="set the volume to {}"
        )
    down, up = GAINS_DB
    over = level - _LEVELS // 2
    gain_db = up * over / 5 if over >= 0 else -down * over / 4
    before = known.household.manners.get()
    after = replace(before, gain_db=gain_db)

    def act() -> None:
        known.household.manners.put(after)
        known.adjust(after)

    return Said(f"I am speaking at volume {spoken_number(int(level))} of ten now.", act)


def _usual(known: Situation) -> Said:
    def act() -> None:
        known.household.manners.put(USUAL)
        known.adjust(USUAL)

    return Said("I am speaking as usual again.", act)


def _repeat(known: Situation) -> str | None:
    if _FOR_ME.search(known.words):  # without "again": what the user has said
        return None
    return known.said_last or "I have not said anything yet."


def _heard(known: Situation) -> str:
    if known.heard_last is None:
        return "You have not said anything yet."
    return f"You said: {known.heard_last.strip(' .')}."


def _talked(known: Situation) -> str:
    """What the user said in a part of this day, from the journal."""
    midnight = datetime.combine(known.now.date(), datetime.min.time(), known.now.tzinfo)
    since, until, named = midnight, known.now, "today"
    match known.slots.get("part", ""):
        case "this morning":
            until, named = midnight + timedelta(hours=12), "this morning"
        case "this afternoon":
            since, until = midnight + timedelta(hours=12), midnight + timedelta(hours=18)
            named = "this afternoon"
        case "yesterday":
            since, until, named = midnight - timedelta(days=1), midnight, "yesterday"
        case _:
            pass
    said = list(dict.fromkeys(known.household.said_between(since, until)))
    if not said:
        return f"I have heard nothing {named}."
    shown = [f'"{to_you(each).strip(" .")}"' for each in said[-_REMEMBERED:]]
    return f"{named.capitalize()} you talked to me about this, among other things: {joined(shown)}."


def _for_me(known: Situation) -> Said:
    """What the user has just said, clearly, for somebody else."""
    if known.heard_last is None:
        return Said("Say it, and then ask me again.")
    return Said(known.heard_last)


def _say_this(known: Situation) -> Said:
    """Words for somebody else: "say for me: I would like a cup of tea"."""
    return Said(as_written(known.slots["told"], known.words))


def _hush(known: Situation) -> Said | None:
    """Nothing is said unasked for a while; what rings is another matter."""
    said = known.slots["after"]
    length = duration(said)
    when = moment(said, known.now) or moment(f"at {said}", known.now)
    if length is not None:
        until = known.now + length
    elif when is not None:
        until = when.at
    else:
        return None
    told = spoken_when(When(until, has_time=True), known.now)

    def act() -> None:
        known.household.quiet.put(until)

    return Said(
        f"I will say nothing unasked until {told.removeprefix('today at ')}. Timers and alarms "
        "still ring.",
        act,
        f"Shall I be quiet until {told.removeprefix('today at ')}?",
    )


def _unhush(known: Situation) -> Said | None:
    if known.household.quiet.until(known.now) is None:
        return None

    def act() -> None:
        known.household.quiet.put(None)

    return Said("I will speak up again.", act)


TALK: Requests = {
    "hush": _hush,
    "unhush": _unhush,
    "repeat": _repeat,
    "louder": _manner("louder", gain_db=_STEP_DB),
    "quieter": _manner("more quietly", gain_db=-_STEP_DB),
    "slower": _manner("more slowly", tempo=1 / _STEP_TEMPO),
    "faster": _manner("faster", tempo=_STEP_TEMPO),
    "usual": _usual,
    "level": _level,
    "heard": _heard,
    "talked": _talked,
    "for_me": _for_me,
    "say_this": _say_this,
    "who_are_you": lambda _: (
        "I am Attune, a voice assistant. I am a machine, and I live on this device."
    ),
    "what_can_you_do": lambda _: (
        "I can tell you the time and the date, set timers and alarms, remind you of things, keep "
        "your shopping list, remember where things are, do small sums, and keep you company."
    ),
}
