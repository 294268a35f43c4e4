"""The dialogue policy: what is answered, when Attune asks back, and what is ignored.

Words are judged before anything is answered. It knows nothing about sound or speaking.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeAlias

from assistant.config import TurnSettings

NO_WORDS = "No words were recognised."
"""In the journal for an utterance without words; such a turn gets no reply."""

STOPPED = "Stop was said."
"""In the journal if the user wants silence."""

WAITING = "Wait was said."
"""In the journal if the user needs time."""

CALLED = "Only the wake phrase was said."
"""In the journal if the request is still to come."""

ANOTHER_VOICE = "Somebody else spoke."
"""In the journal for speech that is not the user's, where only that is answered."""

UNADDRESSED = "The wake phrase was not said."
"""In the journal for speech that is not meant for Attune, if it is kept at all."""

HALF = "Its first words were not heard, because Attune was speaking."
"""In the journal for what was not heard from its beginning, after it has been asked for once."""

SAY_AGAIN = "Please say it again."
WAS_SPEAKING = f"I was speaking. {SAY_AGAIN}"
NOT_DONE = "All right, I leave it as it is."
NOT_CAUGHT = f"I did not catch that. {SAY_AGAIN}"

BETWEEN = 2
"""Requests answered without asking after a question, so that at most one turn in three asks."""

LONG = 12
"""Most words that a question repeats."""

STOP = (
    "stop", "stop it", "stop that", "stop talking", "quiet", "be quiet", "hush", "enough",
    "that is enough", "never mind", "forget it", "cancel", "cancel that",
)  # fmt: skip
TAKE_BACK = ("cancel", "cancel that", "cancel it", "never mind", "forget it")
"""Of these, the ones that take back what was done a moment ago."""

WAIT = (
    "wait", "just wait", "wait a moment", "wait a minute", "wait a second", "hold on", "hang on",
    "a moment", "one moment", "just a moment", "one second", "just a second", "one minute",
    "just a minute", "give me a moment", "let me think",
)  # fmt: skip
# the last ones are how the encoder spells these words on their own
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

FILLERS = frozenset(
    "ah alright and anyway but dear eh er erm excuse good hallo hello hey hi hm hmm just listen "
    "look me mhm mm no now oh ok okay please right so sorry then uh uhm um umm well yeah "
    "yes".split()
)
"""Words with which people begin to speak; they may stand before the wake phrase."""

PAUSE_MARKS = (".", ",", ";", ":", "?", "!", "\u2026", "-", "\u2013", "\u2014")
"""How an encoder that writes punctuation shows a pause, at the end of a word."""

_OTHERS = ("want", "waist", "cancer")
"""Words one letter away from a command that have a meaning of their own."""


@dataclass(frozen=True, slots=True)
class Understood:
    """An utterance as it was understood."""

    turn: int  # id of the exchange
    words: str  # as the route reads them
    confidence: float  # of that route, 0 to 1
    learned: bool = False  # read by a bridge that has learned this voice
    over_reply: bool = False  # it interrupted a reply
    second: tuple[str, float] | None = None  # a command by its sound, and the confidence in it
    others: tuple[str, ...] = ()  # commands that it may have been instead, best first
    reread: bool = False  # its words are such a command, and not what the route reads
    pauses: frozenset[int] = frozenset()  # the words, by number, before which nothing was said
    is_anothers: bool = False  # somebody else said it, who is not to be answered
    is_half: bool = False  # its first words were not heard

    @property
    def settled(self) -> Understood:
        """With the second reading in the place of the first, if there is one."""
        if self.second is None:
            return self
        words, confidence = self.second
        return replace(self, words=words, confidence=confidence, second=None, reread=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer these words."""

    words: str
    confirms: int | None = None  # an earlier exchange in which this was said
    corrects: bool = False  # these words are not what was read in that exchange


@dataclass(frozen=True, slots=True)
class AskBack:
    """Ask this instead of answering."""

    question: str
    words: str = field(default="", compare=False)  # what was perhaps said


@dataclass(frozen=True, slots=True)
class Wait:
    """Say nothing, and be patient."""

    reason: ClassVar[str] = WAITING


@dataclass(frozen=True, slots=True)
class Stop:
    """Say nothing, and stop the current reply."""

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

    pending: Understood | None = None  # the subject of a question, which may be confirmed
    is_act: bool = False  # the question is whether to do it
    open_until: float = -math.inf  # until then no wake phrase is needed
    patient_until: float = -math.inf
    answers: int = BETWEEN  # since the last question
    asked_again: bool = False  # the last thing said was half an utterance, and asked for again
    refused: tuple[str, ...] = ()  # what was asked about the last request, and was not meant


class DialoguePolicy:
    """Judges one utterance after another; used by one thread."""

    def __init__(self, settings: TurnSettings) -> None:
        self._settings = settings
        self._phrase = _letters(settings.wake_phrase or "")
        self._talk = self._before = _Talk()

    @property
    def patient_until(self) -> float:
        """Until when no pause counts as the end, in monotonic seconds; from any thread."""
        return self._talk.patient_until

    @property
    def open_until(self) -> float:
        """Until when no wake word is needed, in monotonic seconds; from any thread."""
        return self._talk.open_until

    def refused(self, now: float) -> tuple[str, ...]:
        """What somebody who speaks at ``now`` has just said that they did not mean."""
        return self._talk.refused if now <= self._talk.open_until else ()

    def judge(self, heard: Understood, now: float, *, may_undo: bool = False) -> Act:
        """What to do about an utterance that began at ``now``, in monotonic seconds.

        With ``may_undo``, "cancel that" is a request, and not only a wish for silence.
        """
        self._before = self._talk
        act, self._talk = self._judged(self._talk, heard, now, may_undo=may_undo)
        return act

    def typed(self, heard: Understood, now: float) -> Answer | AskBack:
        """What to answer to a typed text, which is never in doubt, and meant for Attune."""
        act, talk = self._requested(self._talk, heard, now)
        self._talk = replace(talk, answers=self._talk.answers)
        return act

    def asked(self, heard: Understood) -> None:
        """A skill asks whether this was meant; a yes will say so."""
        self._talk = replace(self._talk, pending=heard, is_act=True, answers=0)

    def doubts_act(self, heard: Understood) -> bool:
        """Whether to ask before something is done."""
        least = self._settings.tuned.sure_to_act
        if heard.learned:
            least = min(least, self._settings.tuned.learned_ask_back)
        return heard.confidence < least and self._settings.ask_back > 0

    def foresee(self, heard: Understood, now: float) -> Act:
        """What ``judge`` would return, without remembering it."""
        return self._judged(self._talk, heard, now)[0]

    def answered(self, now: float) -> None:
        """A reply or a question has been said by ``now``; what follows soon belongs to it."""
        self._talk = replace(self._talk, open_until=now + self._settings.follow_up_s)

    def reopen(self) -> None:
        """The last utterance was only a beginning: restore the state before it."""
        self._talk = self._before

    def _judged(
        self, talk: _Talk, heard: Understood, now: float, *, may_undo: bool = False
    ) -> tuple[Act, _Talk]:
        """The act, and the state of the conversation after it."""
        request = heard.words
        if self._phrase:
            request = after_phrase(heard.words, self._phrase, heard.pauses)
        is_ours = request is not None or now <= talk.open_until
        words = heard.words if request is None else request
        takes_back = may_undo and is_ours and means(words, TAKE_BACK)
        if (means(words, STOP) and not takes_back) or self._silences(talk, heard):
            return Stop(), _Talk(answers=talk.answers)
        if means(words, WAIT):
            until = now + self._settings.wait_s
            open_until = max(until, talk.open_until) if is_ours else talk.open_until
            return Wait(), replace(talk, patient_until=until, open_until=open_until)
        if heard.is_anothers or not is_ours:
            reason = ANOTHER_VOICE if heard.is_anothers else UNADDRESSED
            return Ignore(reason, keep=self._settings.keep_unaddressed), talk
        if not words:
            return self._without_words(talk, heard, now)
        # echo cancelling takes some of the words of whoever speaks over a reply, too
        is_damaged = heard.is_half or (heard.over_reply and self._doubts(heard))
        if is_damaged and not _is_reply(talk, heard):
            # once: whoever goes on talking, such as a television, is not asked for ever
            act = Ignore(HALF) if talk.asked_again else AskBack(WAS_SPEAKING)
            return act, replace(talk, asked_again=not talk.asked_again)
        return self._requested(talk, replace(heard, words=words), now)

    def _requested(
        self, talk: _Talk, heard: Understood, now: float
    ) -> tuple[Answer | AskBack, _Talk]:
        after = replace(
            talk,
            pending=None,
            is_act=False,
            patient_until=-math.inf,
            answers=talk.answers + 1,
            asked_again=False,
            refused=(),
        )
        if talk.pending is not None and now <= talk.open_until:
            if means(heard.words, YES):
                said = talk.pending
                return Answer(said.words, confirms=said.turn, corrects=said.reread), after
            if means(heard.words, NO):
                return self._refused(talk, talk.pending, replace(after, answers=0))
        heard = heard.settled
        if talk.answers < BETWEEN or not self._doubts(heard):
            return Answer(heard.words), after
        if len(heard.words.split()) > LONG:
            return AskBack(NOT_CAUGHT, heard.words), replace(after, answers=0)
        asked = heard.words.strip(" .,;:!?")
        return AskBack(f'Did you say "{asked}"?', heard.words), replace(
            after, pending=heard, answers=0
        )

    def _refused(self, talk: _Talk, pending: Understood, after: _Talk) -> tuple[AskBack, _Talk]:
        """That was not it: a second question, and no third one."""
        after = replace(after, refused=(*talk.refused, pending.words))
        if not pending.others:
            return AskBack(NOT_DONE if talk.is_act else SAY_AGAIN), after
        perhaps = replace(pending, words=pending.others[0], others=(), reread=True)
        return AskBack(f'Did you say "{perhaps.words}"?', perhaps.words), replace(
            after, pending=perhaps, is_act=talk.is_act
        )

    def _silences(self, talk: _Talk, heard: Understood) -> bool:
        """Whether somebody who spoke over a reply only wanted quiet.

        Echo cancelling leaves little of a word: "stop" is heard as "to" or "a".
        """
        is_short = len(heard.words.split()) <= 1
        return heard.over_reply and is_short and not _is_reply(talk, heard)

    def _doubts(self, heard: Understood) -> bool:
        least = self._settings.ask_back
        if heard.learned:
            least = min(least, self._settings.tuned.learned_ask_back)
        return heard.confidence < least

    def _without_words(self, talk: _Talk, heard: Understood, now: float) -> tuple[Act, _Talk]:
        if heard.words:  # those of the wake phrase
            open_until = max(now + self._settings.follow_up_s, talk.open_until)
            return Ignore(CALLED), replace(talk, open_until=open_until)
        # a cough in an empty room needs no question, nor does that of somebody who is thinking
        in_talk = talk.patient_until < now <= talk.open_until
        if in_talk and self._settings.ask_back and talk.answers >= BETWEEN:
            return AskBack(NOT_CAUGHT), replace(talk, answers=0)
        return Ignore(NO_WORDS), talk


def _is_reply(talk: _Talk, heard: Understood) -> bool:
    """Whether this answers the last question."""
    return talk.pending is not None and (means(heard.words, YES) or means(heard.words, NO))


def means(words: str, phrases: Iterable[str]) -> bool:
    """Whether all the words together are one of these phrases, give or take one letter.

    Repetitions and "please" do not change the meaning.
    """
    spoken = [word for word in re.findall(r"[a-z']+", words.lower()) if word != "please"]
    once = [word for at, word in enumerate(spoken) if at == 0 or word != spoken[at - 1]]
    said = _letters("".join(once))
    if said in _OTHERS:
        return False
    wanted = map(_letters, phrases)
    return any(edit_distance(said, each) <= (len(each) > 3) for each in wanted)


def after_phrase(words: str, phrase: str, pauses: Collection[int] = ()) -> str | None:
    """What follows a wake phrase, given by its letters, or ``None`` if the words lack it.

    It may come first, after a pause, and after the fillers that either begins with. The spaces
    between words do not matter, and a quarter of the letters may differ: "a tune" is as good as
    "attune".

    Args:
        words: everything that was said.
        phrase: letters of the wake phrase.
        pauses: numbers of the words before which there was a pause; marks show others.
    """
    spoken = words.split()
    may_begin = True
    for at, word in enumerate(spoken):
        may_begin = may_begin or at in pauses
        length = may_begin and _length_of(phrase, spoken[at:])
        if length:
            rest = spoken[at + length :]
            while again := _length_of(phrase, rest):  # called more than once
                rest = rest[again:]
            return " ".join(rest)
        may_begin = (may_begin and _letters(word) in FILLERS) or word.endswith(PAUSE_MARKS)
    return None


def _length_of(phrase: str, spoken: Sequence[str]) -> int:
    """With how many of its words this begins with the wake phrase; 0 if it does not."""
    best, end = len(phrase) // 4 + 1, 0
    beginning = ""
    for at, word in enumerate(spoken, 1):
        beginning += _letters(word)
        if len(beginning) >= len(phrase) + best:
            break
        distance = edit_distance(beginning, phrase)
        if distance < best:
            best, end = distance, at
    return end


def edit_distance(one: str, other: str) -> int:
    """How many letters have to be inserted, deleted or changed (Levenshtein distance)."""
    row = list(range(len(other) + 1))
    for above, letter in enumerate(one, 1):
        diagonal, row[0] = row[0], above
        for at, wanted in enumerate(other, 1):
            changed = diagonal + (letter != wanted)
            diagonal, row[at] = row[at], min(changed, row[at] + 1, row[at - 1] + 1)
    return row[-1]


def _letters(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalpha())
