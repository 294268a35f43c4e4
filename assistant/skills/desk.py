"""Which skill answers, if any does, and what follows from its answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib.metadata import entry_points
from pathlib import Path

from assistant.errors import JournalError
from assistant.household.agenda import How, Kind
from assistant.household.changes import Change
from assistant.household.household import Household
from assistant.skills.alarms import ALARMS
from assistant.skills.care import CARE
from assistant.skills.clock import CLOCK
from assistant.skills.following import added, bare, completed, filled, goes_on, meant_by, rather
from assistant.skills.grammar import Grammar, Request, grammar
from assistant.skills.help import HELP
from assistant.skills.home import HOME, handed
from assistant.skills.itself import ITSELF
from assistant.skills.lists import LISTS
from assistant.skills.notes import NOTES
from assistant.skills.person import PERSON
from assistant.skills.reminders import REMINDERS
from assistant.skills.skill import Requests, Said, Situation, Skill
from assistant.skills.sums import SUMS
from assistant.skills.talk import TALK
from assistant.skills.timers import TIMERS
from assistant.skills.times import find, find_duration
from assistant.speak.manner import Manner
from assistant.spoken import said_words

SKILLS: dict[str, Requests] = {
    "alarms": ALARMS,
    "care": CARE,
    "clock": CLOCK,
    "help": HELP,
    "home": HOME,
    "itself": ITSELF,
    "lists": LISTS,
    "notes": NOTES,
    "person": PERSON,
    "reminders": REMINDERS,
    "sums": SUMS,
    "talk": TALK,
    "timers": TIMERS,
}
"""By the first part of a request's name in the templates."""

LANGUAGES = ("en",)
"""Languages that the skills understand and speak."""

OWN = ("care", "talk")
"""Skills that answer, too, where Home Assistant answers everything else: what is said of the talk
itself, and what must not depend on another machine."""

THEIRS = ("talk.what_can_you_do", "talk.who_are_you")
"""Of these, the requests that do not stay here."""

OWN_REQUESTS = ("reminders.done", "reminders.later", "reminders.pills")
"""Of other skills, the requests that stay here."""

OF_RINGS = (
    "alarms.cancel", "timers.cancel", "timers.cancel_all", "timers.more",
)  # fmt: skip
"""Requests that stay here while something rings."""

UNDO_S = 60.0
"""How long an act can be taken back."""

NEXT_S = 60.0
"""How long a question of a skill waits for its answer."""

_FAILED = (
    "I could not do that, because I cannot write anything down at the moment. Somebody should "
    "look at the disk of this device."
)


@dataclass(frozen=True, slots=True)
class _Talk:
    """What the last exchanges have left; moments in monotonic seconds."""

    said_last: str | None = None
    heard_last: str | None = None
    done: tuple[Change, float] | None = None  # the last act, and until when it can be taken back
    acted: bool = False  # in this exchange
    is_fresh: bool = False  # something was done in the exchange before
    next: tuple[Said, float] | None = None  # what the next words may complete, and until when
    about: tuple[str, float] | None = None  # what "it" means, and until when
    instead: tuple[str, ...] = ()  # the last act with something else in it
    speaks_for: bool = False  # everything that is said is said again


@dataclass(slots=True)
class Desk:
    """Answers what code can answer; used by one thread."""

    household: Household
    user_name: str | None = None
    reminders: tuple[str, ...] = ()
    language: str = "en"
    sentences: Path | None = None  # the household's own
    others: tuple[Skill, ...] = ()  # of installed packages
    adjust: Callable[[Manner], None] = lambda _: None  # changes the voice
    monotonic: Callable[[], float] = time.monotonic
    _talk: _Talk = field(default_factory=_Talk)
    _begun: _Talk = field(default_factory=_Talk)  # as this exchange began
    _before: _Talk = field(default_factory=_Talk)  # as the one before began

    def load(self) -> None:
        """Read the templates ahead of the first request.

        Raises:
            ConfigError: if the household's own are not valid.
        """
        grammar("distress", self.language)
        if self._has_home:
            grammar("home", self.language, self.sentences)
        _ = self.templates

    @property
    def templates(self) -> Grammar:
        """What people say to the skills here."""
        return grammar("requests", self.language, self.sentences)

    def urgent(self, words: str) -> Said | None:
        """The answer to a call for help, even if it is not certain that it was one."""
        found = grammar("distress", self.language).request(words)
        return None if found is None else self._ask(found, words)

    def answer(self, words: str) -> Said | None:
        """The reply to what was understood, or none if the language model should answer.

        Nothing is done or remembered yet.
        """
        found = self.recognised(words)
        if found is not None:
            return found[1]
        known = self._situation(words)
        said = next(filter(None, (_said(skill(known)) for skill in self.others)), None)
        return said or self._of_home(words)

    def handed(self, words: str, sound: bytes) -> Said | None:
        """Home Assistant's answer to what is not answered here; none if it answers nothing.

        Args:
            words: what was understood.
            sound: in which they were said, as ``HomeRequest`` has it.
        """
        home = self.household.satellite
        if home is None or self.urgent(words) is not None or self._is_own(words):
            return None
        return handed(home, words, sound)

    def recognised(self, words: str) -> tuple[Request, Said] | None:
        """What is asked for by the templates, with the answer to it."""
        if self._talk.speaks_for:
            return Request("talk.speaking_for", {}), self._for_visitors(words)
        if changed := self._changed(words):
            return changed
        is_more, question = added(words) != bare(words), None
        meant = self._meant(words)
        for text in (words, *self._completed(words), *meant):
            found = self._asked(text)
            if found is not None and text in meant and found[0].name.startswith("care."):
                continue  # a reminder of pills makes no sentence with "it" one about medicine
            asks = found is not None and found[1].completes and found[1].text.endswith("?")
            if found is not None and not (is_more and asks):
                return found
            question = question or found  # "and an egg timer for five": asked only if need be
        return question

    def commit(self, said: Said) -> str:
        """Do what a reply claims, and return what to say."""
        until = self.monotonic() + NEXT_S
        self._talk = replace(
            self._talk,
            next=(said, until) if said.completes else None,
            about=self._talk.about if said.about is None else (said.about, until),
        )
        if said.act is None:
            return said.text
        self._talk = replace(self._talk, done=None, instead=said.instead)
        try:
            done = said.act()
        except JournalError:
            return _FAILED
        if done is not None:
            until = self.monotonic() + UNDO_S
            self._talk = replace(self._talk, done=(done, until), acted=True)
        return said.text

    def exchanged(self, heard: str, said: str) -> None:
        """An exchange is over.

        Args:
            heard: what the user said; empty for an announcement.
            said: what was answered; may be empty.
        """
        talk = self._talk
        goes_on = talk.next is not None and said == talk.next[0].text
        self._before = self._begun
        self._begun = self._talk = replace(
            talk,
            said_last=said or talk.said_last,
            heard_last=heard or talk.heard_last,
            acted=False,
            is_fresh=talk.acted,
            next=talk.next if goes_on else None,  # else they have gone on to something else
        )

    def forget(self) -> None:
        """The last exchange has been erased: its words are not said again."""
        erased = replace(self._talk, said_last=None, heard_last=None)
        self._talk = self._begun = self._before = erased

    def reopen(self) -> None:
        """The last exchange was only a beginning: take back what was done, and forget it.

        Raises:
            JournalError: if that cannot be written.
        """
        done = self._talk.done if self._talk.is_fresh else None
        self._talk = self._begun = self._before
        if done is not None:
            self.household.agenda.undo(done[0])

    @property
    def said_last(self) -> str | None:
        """The previous reply."""
        return self._talk.said_last

    def may_undo(self) -> bool:
        """Whether the last act can still be taken back."""
        done = self._talk.done
        return done is not None and self.monotonic() <= done[1]

    def silence(self) -> bool:
        """Stop timers and alarms that ring, also if that cannot be kept; whether any did.

        A reminder is over when it is done, and is said again later.
        """
        self._talk = replace(self._talk, speaks_for=False)
        agenda, moment = self.household.agenda, self.household.look()
        rings = [each for each in agenda.rings() if each.kind is not Kind.REMINDER]
        if rings:
            with suppress(JournalError):
                agenda.end(rings, How.STOPPED, moment)
        return bool(rings)

    def _is_own(self, words: str) -> bool:
        """Whether this is answered here whoever answers everything else."""
        found = self.recognised(words)
        if found is None:
            return False
        name = found[0].name
        if name in OF_RINGS:
            return any(each.kind is not Kind.REMINDER for each in self.household.agenda.rings())
        return name in OWN_REQUESTS or (name.partition(".")[0] in OWN and name not in THEIRS)

    @property
    def _has_home(self) -> bool:
        home = self.household.smart_home
        return home is not None and home.can_ask

    def _of_home(self, words: str) -> Said | None:
        """What nobody else answers, and the home may."""
        if not self._has_home:
            return None
        for text in (words, *self._meant(words)):
            request = grammar("home", self.language, self.sentences).request(text)
            if request is not None:
                return self._ask(request, text)
        return None

    def _asked(self, text: str) -> tuple[Request, Said] | None:
        for request in self.templates.requests(text):
            said = self._ask(request, text)
            if said is not None:
                return request, said
        return None

    def _ask(self, request: Request, words: str) -> Said | None:
        if request.name == "talk.speak_for_me":
            return Said("I will say what you say, until you say thank you.", self._speak_for)
        if request.name == "talk.undo":
            return self._undo() if self.may_undo() else None
        if request.name == "talk.wrong":  # only right after it was done
            return self._undo() if self.may_undo() and self._talk.is_fresh else None
        skill, _, name = request.name.partition(".")
        known = replace(self._situation(words), slots=request.slots)
        return _said(SKILLS[skill][name](known))

    def _speak_for(self) -> None:
        self._talk = replace(self._talk, speaks_for=True)

    def _for_visitors(self, words: str) -> Said:
        """What the user says, said clearly; "thank you" ends it."""

        def end() -> None:
            self._talk = replace(self._talk, speaks_for=False)

        is_end = said_words(words) in ("thank you", "thanks", "thank you very much")
        return Said("You are welcome.", end) if is_end else Said(words)

    def _undo(self) -> Said | None:
        if self._talk.done is None:
            return None
        change = self._talk.done[0]

        def act() -> None:
            self.household.agenda.undo(change)

        return Said("I have taken that back.", act)

    def _situation(self, words: str) -> Situation:
        return Situation(
            self.household.look(),
            self.household,
            self.user_name,
            self.reminders,
            self._talk.said_last,
            self._talk.heard_last,
            self._about,
            words,
            adjust=self.adjust,
        )

    @property
    def _about(self) -> str | None:
        about = self._talk.about
        return None if about is None or self.monotonic() > about[1] else about[0]

    def _meant(self, words: str) -> tuple[str, ...]:
        """The words with what "it" means in its place, or at their end."""
        about = self._about
        return () if about is None else meant_by(words, about)

    def _changed(self, words: str) -> tuple[Request, Said] | None:
        """The last act with something else in it: "no, make it ten"."""
        what, done = rather(words), self._talk.done
        if what is None or done is None or not self.may_undo():
            return None
        for template in self._talk.instead:
            again = self._asked(filled(template, what))
            if again is not None and again[1].act is not None:
                return again[0], replace(again[1], act=partial(self._redo, done[0], again[1].act))
        return None

    def _redo(self, done: Change, act: Callable[[], Change | None]) -> Change | None:
        self.household.agenda.undo(done)
        return act()

    def _completed(self, words: str) -> tuple[str, ...]:
        """The previous request with these words in the place of what was asked for."""
        following = self._talk.next
        if following is None or self.monotonic() > following[1]:
            return ()
        rest = added(words)
        said = following[0]
        is_wanted = not said.wants_time or self._is_time(said_words(rest))
        return completed(rest, said) if is_wanted and goes_on(words, said) else ()

    def _is_time(self, words: str) -> bool:
        now = self.household.look().now
        return bool(find(words, now) or find(f"at {words}", now) or find_duration(words))


@cache
def installed() -> tuple[Skill, ...]:
    """Skills that other packages add through the entry point group ``attune.skills``."""
    return tuple(each.load() for each in sorted(entry_points(group="attune.skills"), key=str))


def _said(answer: Said | str | None) -> Said | None:
    return Said(answer) if isinstance(answer, str) else answer
