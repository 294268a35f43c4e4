"""How a conversation is held: what is answered, what is asked back, what is left alone.

Words are judged before anything is answered. It knows nothing of sound, and not how to speak.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias

from assistant.config import TurnSettings

NO_WORDS = "No words were recognised."
"""What the journal says of an utterance that held none; such a turn gets no reply."""

STOPPED = "Stop was said."
"""What it says where the user wishes for silence."""

WAITING = "Wait was said."
"""What it says where the user needs time."""

CALLED = "Only the wake phrase was said."
"""What it says where a request is still to come."""

UNADDRESSED = "The wake phrase was not said."
"""What it says of talk that is not meant for Attune, where it is kept at all."""

SAY_AGAIN = "Please say it again."
NOT_CAUGHT = f"I did not catch that. {SAY_AGAIN}"

BETWEEN = 2
"""Requests that are answered as they are after a question, so that it is one turn in three."""

LONG = 12
"""Words beyond which a question that repeats them all is a burden."""

STOP = (
    "stop", "stop it", "stop that", "stop talking", "quiet", "be quiet", "hush", "enough",
    "that is enough", "never mind", "forget it", "cancel", "cancel that",
)  # fmt: skip
WAIT = (
    "wait", "just wait", "wait a moment", "wait a minute", "wait a second", "hold on", "hang on",
    "a moment", "one moment", "just a moment", "one second", "just a second", "one minute",
    "just a minute", "give me a moment", "let me think",
)  # fmt: skip
# The last ones are how the encoder spells them when nothing else is said.
YES = (
    "yes", "yeah", "yep", "yup", "yea", "aye", "ok", "okay", "sure", "of course", "right",
    "correct", "exactly", "i did", "yes i did", "that's right", "that is right", "yes that's right",
    "yes that is right", "that is correct", "that's it", "that is it", "yet", "year",
)  # fmt: skip
NO = (
    "no", "nope", "nah", "wrong", "not at all", "i did not", "no i did not", "i didn't",
    "no i didn't", "not right", "that's wrong", "that is wrong", "that is not right", "not that",
    "no that is wrong", "no that is not right", "now", "know", "nor", "not", "nop",
)  # fmt: skip

_OTHERS = ("want", "waist", "cancer")
"""Words one letter away from a command that somebody may mean by themselves."""


@dataclass(frozen=True, slots=True)
class Understood:
    """An utterance as it was understood."""

    turn: int  # id of the exchange
    words: str  # as the route reads them
    confidence: float  # of that route, 0 to 1
    learned: bool = False  # read by a bridge that has learned this voice
    over_reply: bool = False  # it broke off what was being said


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer these words."""

    words: str
    confirms: int | None = None  # an earlier exchange that was understood right


@dataclass(frozen=True, slots=True)
class AskBack:
    """Ask this instead of answering."""

    question: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Say nothing, and be patient."""

    reason: ClassVar[str] = WAITING


@dataclass(frozen=True, slots=True)
class Stop:
    """Say nothing, and break off what is being said."""

    reason: ClassVar[str] = STOPPED


@dataclass(frozen=True, slots=True)
class Ignore:
    """Say nothing."""

    reason: str
    keep: bool = True  # False: nothing of it may stay in the journal


Act: TypeAlias = Answer | AskBack | Wait | Stop | Ignore


@dataclass(frozen=True, slots=True)
class _Talk:
    """Where a conversation stands; moments in monotonic seconds."""

    pending: Understood | None = None  # what was asked back, and may be confirmed
    open_until: float = -math.inf  # as long as talk goes on, it needs no wake phrase
    patient_until: float = -math.inf
    answers: int = BETWEEN  # since the last question


class DialoguePolicy:
    """Judges one utterance after another; used by one thread.

    Args:
        settings: the user's wishes.
    """

    def __init__(self, settings: TurnSettings) -> None:
        self._settings = settings
        self._phrase = _letters(settings.wake_phrase or "")
        self._talk = self._before = _Talk()

    @property
    def patient_until(self) -> float:
        """Until when no pause is to be taken for the end, in monotonic seconds; any thread."""
        return self._talk.patient_until

    def judge(self, heard: Understood, now: float) -> Act:
        """What is to be done about an utterance.

        Args:
            heard: what was understood.
            now: when its speech began, monotonic seconds.
        """
        self._before = self._talk
        act, self._talk = self._judged(self._talk, heard, now)
        return act

    def foresee(self, heard: Understood, now: float) -> Act:
        """What ``judge`` would say; nothing is remembered of it.

        Args:
            heard: what was understood so far.
            now: when its speech began, monotonic seconds.
        """
        return self._judged(self._talk, heard, now)[0]

    def answered(self, now: float) -> None:
        """A reply or a question has been said; what follows soon belongs to it.

        Args:
            now: monotonic seconds.
        """
        self._talk = replace(self._talk, open_until=now + self._settings.follow_up_s)

    def reopen(self) -> None:
        """What was judged last was only the beginning: all is as before it."""
        self._talk = self._before

    def _judged(self, talk: _Talk, heard: Understood, now: float) -> tuple[Act, _Talk]:
        """The act, and where the conversation stands after it."""
        request = after_phrase(heard.words, self._phrase) if self._phrase else heard.words
        is_ours = request is not None or now <= talk.open_until
        words = heard.words if request is None else request
        if means(words, STOP) or self._silences(talk, heard):
            return Stop(), _Talk(answers=talk.answers)
        if means(words, WAIT):
            until = now + self._settings.wait_s
            talk = replace(talk, patient_until=until)
            return Wait(), replace(
                talk, open_until=max(until, talk.open_until)
            ) if is_ours else talk
        if not is_ours:
            return Ignore(UNADDRESSED, keep=self._settings.keep_unaddressed), talk
        if not words:
            return self._without_words(talk, heard, now)
        return self._requested(talk, replace(heard, words=words), now)

    def _requested(self, talk: _Talk, heard: Understood, now: float) -> tuple[Act, _Talk]:
        after = replace(talk, pending=None, patient_until=-math.inf, answers=talk.answers + 1)
        if talk.pending is not None and now <= talk.open_until:
            if means(heard.words, YES):
                return Answer(talk.pending.words, confirms=talk.pending.turn), after
            if means(heard.words, NO):
                return AskBack(SAY_AGAIN), replace(after, answers=0)
        if talk.answers < BETWEEN or not self._doubts(heard):
            return Answer(heard.words), after
        if len(heard.words.split()) > LONG:
            return AskBack(NOT_CAUGHT), replace(after, answers=0)
        asked = heard.words.strip(" .,;:!?")
        return AskBack(f'Did you say "{asked}"?'), replace(after, pending=heard, answers=0)

    def _silences(self, talk: _Talk, heard: Understood) -> bool:
        """Whether somebody who spoke over a reply wanted nothing but quiet.

        Little of a word is left where an echo has been cancelled: "stop" is heard as "to" or "a".
        """
        is_reply = talk.pending is not None and (means(heard.words, YES) or means(heard.words, NO))
        return heard.over_reply and len(heard.words.split()) <= 1 and not is_reply

    def _doubts(self, heard: Understood) -> bool:
        least = self._settings.ask_back
        if heard.learned:
            least = min(least, self._settings.tuned.learned_ask_back)
        return heard.confidence < least

    def _without_words(self, talk: _Talk, heard: Understood, now: float) -> tuple[Act, _Talk]:
        if heard.words:  # those of the wake phrase
            open_until = max(now + self._settings.follow_up_s, talk.open_until)
            return Ignore(CALLED), replace(talk, open_until=open_until)
        # a cough in an empty room needs no question, and neither does one of somebody who thinks
        in_talk = talk.patient_until < now <= talk.open_until
        if in_talk and self._settings.ask_back and talk.answers >= BETWEEN:
            return AskBack(NOT_CAUGHT), replace(talk, answers=0)
        return Ignore(NO_WORDS), talk


def means(words: str, phrases: Iterable[str]) -> bool:
    """Whether the words, all of them, are one of these phrases, give or take one letter.

    Said more than once, and with "please", they mean the same.
    """
    spoken = [word for word in re.findall(r"[a-z']+", words.lower()) if word != "please"]
    once = [word for at, word in enumerate(spoken) if at == 0 or word != spoken[at - 1]]
    said = _letters("".join(once))
    if said in _OTHERS:
        return False
    wanted = map(_letters, phrases)
    return any(edit_distance(said, each) <= (len(each) > 3) for each in wanted)


def after_phrase(words: str, phrase: str) -> str | None:
    """What follows a wake phrase at the beginning, or ``None`` if it does not stand there.

    Where one word ends and the next begins does not matter, and a quarter of the letters may be
    others: "a tune" is as good as "attune".

    Args:
        words: what was said.
        phrase: the letters of the phrase.
    """
    spoken = words.split()
    best, end = len(phrase) // 4 + 1, 0
    beginning = ""
    for at, word in enumerate(spoken, 1):
        beginning += _letters(word)
        if len(beginning) >= len(phrase) + best:
            break
        distance = edit_distance(beginning, phrase)
        if distance < best:
            best, end = distance, at
    return " ".join(spoken[end:]) if end else None


def edit_distance(one: str, other: str) -> int:
    """How many letters have to be put in, left out or changed (Levenshtein's distance)."""
    row = list(range(len(other) + 1))
    for above, letter in enumerate(one, 1):
        diagonal, row[0] = row[0], above
        for at, wanted in enumerate(other, 1):
            changed = diagonal + (letter != wanted)
            diagonal, row[at] = row[at], min(changed, row[at] + 1, row[at - 1] + 1)
    return row[-1]


def _letters(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalpha())
