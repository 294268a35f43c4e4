"""Alarms: set, listed and cancelled."""

from __future__ import annotations

import re

from assistant.household.agenda import Kind
from assistant.skills.dated import added, cancelling, shown_at
from assistant.skills.skill import Requests, Said, Situation
from assistant.skills.times import find
from assistant.skills.wording import requested, sentence

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
        return Said(one or "For what time?", completes="set an alarm for {}", wants_time=True)
    if (at and found[1]) or _RANG.search(said):  # "ring peter at six", "my alarm went off at six"
        return None
    when = found[0]
    if not when.has_time:
        return Said("For what time?", completes=f"set an alarm for {said} {{}}", wants_time=True)
    return added(Kind.ALARM, "", when, known)


def _alarms(known: Situation) -> Said | str:
    found = known.household.agenda.items(Kind.ALARM)
    if not found:
        return "There is no alarm."
    told = " ".join(sentence(f"an alarm {shown_at(item, known)}") for item in found)
    return Said(told, completes="set an alarm {}", about="the alarm")


ALARMS: Requests = {"set": _wake, "list": _alarms, "cancel": cancelling(Kind.ALARM)}
