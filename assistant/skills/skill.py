"""What a skill is: what it may know, and what it answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from assistant.household.changes import Change
from assistant.household.clocks import Moment
from assistant.household.household import Household
from assistant.speak.manner import Manner


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known when something is asked."""

    moment: Moment
    household: Household
    user_name: str | None = None
    reminders: tuple[str, ...] = ()  # those of the settings
    said_last: str | None = None  # the previous reply, as it was spoken
    heard_last: str | None = None  # what the user said before this
    about: str | None = None  # what "it" means
    words: str = ""  # of the user, as they were written
    slots: Mapping[str, str] = field(default_factory=dict[str, str])  # the templates' {slots}
    adjust: Callable[[Manner], None] = lambda _: None  # the voice, from now on

    @property
    def now(self) -> datetime:
        """The time, aware, in the zone of the device."""
        return self.moment.now


Then: TypeAlias = Callable[[threading.Event], str]
"""Runs while a text is spoken, and says how it went; the event is set when "stop" is said."""


@dataclass(frozen=True, slots=True)
class Said:
    """A reply, and the act that it claims.

    Skills only decide: ``act`` is called once it is certain that the user meant it, and the text is
    said after it has succeeded.
    """

    text: str  # empty if all that is to be said comes from ``then``
    act: Callable[[], Change | None] | None = None  # None from it: it cannot be taken back
    question: str | None = None  # about the act, asked if it is not certain that it was meant
    asks: bool = False  # the question is asked in any case
    completes: str | tuple[str, ...] = ()  # "remind me to call Peter {}": what may be said next,
    wants_time: bool = False  # and whether that has to be a time or a length
    about: str | None = None  # "the egg timer": what "it" means from now on
    instead: tuple[str, ...] = ()  # "wake me on Monday at {}": the same with something else
    then: Then | None = None


Skill: TypeAlias = Callable[[Situation], Said | str | None]
"""Answers one request; ``None`` leaves it to the next skill, and to the language model at last."""

Requests: TypeAlias = Mapping[str, Skill]
"""Skills by the names of their requests in the templates."""
