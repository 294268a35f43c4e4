"""Typed words in which a household says what to keep.

Times are understood by the grammar of speech. The rest stays as it was typed: whoever types it may
not be the user, so "my" is not turned into "your".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta

from assistant.errors import HouseholdError
from assistant.household.agenda import Kind
from assistant.household.changes import Change
from assistant.household.kept import Kept, Record
from assistant.household.nouns import Noun
from assistant.skills.lists import list_name, parted
from assistant.skills.reminders import task
from assistant.skills.timers import LONGEST, timer_name
from assistant.skills.times import When, find, find_duration
from assistant.skills.wording import without
from assistant.spoken import said_words

_WAKE = frozenset("set start make an a the alarm alarms for at wake me us up please".split())


class Typed(Kept):
    """What is kept, and how typed words add to it."""

    def keep(self, noun: Noun, words: Sequence[str]) -> list[Record]:
        """Add what is typed, and return its records.

        Args:
            noun: what to add to.
            words: as a command gets them; the first names the list, or the note's subject.

        Raises:
            HouseholdError: if they are not understood.
            JournalError: if the journal cannot be written.
        """
        change = _WAYS[noun](self, list(words))
        return [record for record in self.kept(noun) if record["id"] in change.ids]


def _timer(kept: Kept, words: list[str]) -> Change:
    text = " ".join(words)
    found = find_duration(said_words(text))
    if found is None:
        raise HouseholdError(
            f"I do not understand how long the timer in {text!r} is to run. Say it like 'ten "
            "minutes' or 'an hour and a half'."
        )
    length, rest = found
    if not timedelta(0) < length <= LONGEST:
        raise HouseholdError("A timer can run for two days at most. Use a reminder instead.")
    return kept.agenda.start_timer(length, timer_name(rest), kept.look())


def _alarm(kept: Kept, words: list[str]) -> Change:
    text, moment = " ".join(words), kept.look()
    # "for" stands before a length elsewhere, here before the time
    said = re.sub(r"\bfor\b", "at", said_words(text))
    ways = (find(each, moment.now, default_part="morning") for each in (said, f"at {said}"))
    when, rest = _timed(next(filter(None, ways), None), text)
    if more := without(rest, _WAKE):
        raise HouseholdError(
            f"An alarm only rings, so I do not know what {more!r} means. For words to be said at "
            "a time use 'assistant reminders add'."
        )
    return kept.agenda.add(Kind.ALARM, "", when.at, moment, when.days)


def _reminder(kept: Kept, words: list[str]) -> Change:
    text, moment = " ".join(words), kept.look()
    when, rest = _timed(find(said_words(text), moment.now), text)
    name = task(rest, text)
    if not name:
        raise HouseholdError(
            f"{text!r} does not say what to be reminded of. Say it like 'tomorrow at ten call "
            "Peter'."
        )
    return kept.agenda.add(Kind.REMINDER, name, when.at, moment, when.days)


def _entries(kept: Kept, words: list[str]) -> Change:
    name = said_words(words[0])
    # "milk, brown bread and eggs" is typed as it is said; else every word is one thing
    is_said = "and" in words or any(word.endswith(",") for word in words)
    texts = parted((" " if is_said else ", ").join(words[1:]))
    if not name or not texts:
        raise HouseholdError("Name a list and what to put on it, like 'shopping milk eggs'.")
    return kept.lists.add(list_name(name), texts, kept.look().now)


def _note(kept: Kept, words: list[str]) -> Change:
    subject, text = words[0].strip(), " ".join(words[1:]).strip()
    if not said_words(subject) or not text:
        raise HouseholdError(
            "Name whom or what the note is about, and the words to be said, like 'Peter \"Peter is "
            "your son.\"'."
        )
    return kept.notes.write(subject, text, kept.look().now)


def _timed(found: tuple[When, str] | None, text: str) -> tuple[When, str]:
    """The time and the words around it; refuses what has none, or only a day."""
    if found is None or not found[0].has_time:
        raise HouseholdError(
            f"I do not understand the time in {text!r}. Say it like 'tomorrow at ten' or 'every "
            "morning at eight'."
        )
    return found


_WAYS: dict[Noun, Callable[[Kept, list[str]], Change]] = {
    "timers": _timer,
    "alarms": _alarm,
    "reminders": _reminder,
    "lists": _entries,
    "notes": _note,
}
