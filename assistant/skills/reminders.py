"""Reminders: set, once or again and again, and cancelled."""

from __future__ import annotations

import re
from dataclasses import replace

from assistant.household.agenda import Kind
from assistant.skills.agenda import DUE
from assistant.skills.dated import added, cancelling
from assistant.skills.plainly import plainly
from assistant.skills.skill import Requests, Said, Situation
from assistant.skills.times import find, spoken_when
from assistant.skills.wording import as_written, to_you
from assistant.spoken import said_words


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


def _appointment(known: Situation) -> Said | None:
    """Something for the diary; whoever only tells of it is asked."""
    rest, after = known.slots["rest"], known.slots.get("after", "")
    found = find(f"{rest} {after}".strip(), known.now)
    if found is None or not found[0].has_time:
        return None
    when, what = found
    what = re.sub(r"^(?:on|at|to|for) (?=my\b|the\b|a\b|an\b)" if after else r"^for ", "", what)
    kind = known.slots.get("kind", "")
    return replace(
        added(Kind.REMINDER, f"{kind} {_task(what, known)}".strip(), when, known), asks=True
    )


def _reminder(rest: str, known: Situation) -> Said | None:
    asked, found = rest, find(rest, known.now)
    if found is None:
        task = _task(rest, known)
        if not task or _SOMETHING.fullmatch(rest):
            return Said("What shall I remind you of?", completes="remind me to {}")
        if not re.match(r"(?:to|that|about|of|for)\b(?! (?:what|how|why|who|when|where)\b)", rest):
            return None  # "remind me what I said"
        return Said(
            f"When shall I remind you: {task}?",
            completes=f"remind me {_so_far(asked, known)} {{}}",
            wants_time=True,
        )
    when, rest = found
    task = _task(rest, known)
    if not task:
        return Said(
            "What shall I remind you of?", completes=f"remind me {_so_far(asked, known)} to {{}}"
        )
    if not when.has_time:
        day = spoken_when(when, known.now)
        return Said(
            f"At what time {day}?",
            completes=f"remind me {_so_far(asked, known)} {{}}",
            wants_time=True,
        )
    return added(Kind.REMINDER, task, when, known)


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
    return added(Kind.REMINDER, task, found[0], known)


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
    **DUE,
    "set": _set,
    "repeated": _repeated,
    "appointment": _appointment,
    "cancel": cancelling(Kind.REMINDER),
}
