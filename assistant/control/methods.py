"""What a client may ask the daemon to do: each method is declared here, once.

The server checks a call's parameters against its declaration, the client the result. A client uses
these methods as they are; the daemon overrides them.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Base64Bytes, Field, JsonValue, StringConstraints

from assistant.control.declaring import act, method
from assistant.control.messages import (
    EXPECTED,
    MAX_ERASED,
    MAX_LOG,
    MAX_SENTENCE,
    MAX_SOUND,
    MOST_EXPECTED,
    NAME,
    Abilities,
    Dictated,
    Helper,
    Lesson,
    Record,
    Role,
    Sound,
    Spoken,
    Status,
    Stored,
    TimerAct,
    Wish,
)
from assistant.control.upkeep_methods import Count, Key, UpkeepMethods, Words
from assistant.household.nouns import Act, Noun
from assistant.household.satellite import LONGEST_REPLY
from assistant.household.smart_home import LONGEST, Outcome

TurnId: TypeAlias = Annotated[int, Field(ge=1, alias="id")]
Number: TypeAlias = Annotated[int, Field(ge=1)]
Numbers: TypeAlias = Annotated[list[Number], Field(min_length=1, max_length=MAX_ERASED)]
Start: TypeAlias = Literal["current", "base", "scratch"]
Finite: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
Minutes: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Name: TypeAlias = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME)
]

Piece: TypeAlias = Annotated[str, Field(max_length=MAX_SOUND)]
Session: TypeAlias = Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]
Expected: TypeAlias = Annotated[
    list[Annotated[str, StringConstraints(pattern=f"^{EXPECTED}$")]],
    Field(max_length=MOST_EXPECTED),
]
Sentence: TypeAlias = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_SENTENCE)
]

Wait: TypeAlias = Annotated[float, Field(ge=0, le=10)]
Trouble: TypeAlias = Annotated[str, Field(max_length=LONGEST)]
Rate: TypeAlias = Annotated[int, Field(ge=8_000, le=48_000)]
Seconds: TypeAlias = Annotated[float, Field(ge=0, le=7 * 86_400)]

Choice: TypeAlias = Literal[
    "generate.user_name",
    "household.help_name",
    "listen.only",
    "listen.profile",
    "turn.ask_back",
    "turn.wake_phrase",
]
"""A setting that a helper may turn."""


class Methods(UpkeepMethods):
    """What the daemon does when asked, in the thread of the client.

    Any method may be called from several threads at once, except ``talk``. In the daemon, a method
    raises ``RefusalError`` to refuse.
    """

    @method
    def status(self) -> Status:
        """The daemon's status."""
        raise NotImplementedError

    @act
    def retrain(self, start: Start = "current", minutes: Minutes | None = None) -> None:
        """Train as soon as the device has room for it."""

    @act
    def ask(self, text: Words, *, aloud: bool = True, session: Session | None = None) -> Record:
        """Answer a question and return the exchange's record; refuse after ``ASK_S``.

        Under the name that the caller makes up for a question, ``written`` has the sentences of a
        reply that is not aloud, until it is complete.
        """
        raise NotImplementedError

    @method
    def written(self, session: Session, after: Count) -> list[str]:
        """What is there of a reply that is being written, less so many sentences before it."""
        raise NotImplementedError

    @method
    def hear(self, path: Words, *, aloud: bool = True) -> Record:
        """Answer a question in a recording; return and refuse as ``ask`` and ``transcribe`` do."""
        raise NotImplementedError

    @method
    def transcribe(self, path: Words) -> Record:
        """What the speech encoder alone recognises in a recording, with its length.

        Only for the daemon's own user, who may read its files anyway.
        """
        raise NotImplementedError

    @act
    def say(self, text: Words) -> None:
        """Speak a text after everything queued before it; return when it begins to sound.

        Refused if there is no loudspeaker.
        """

    @act
    def mute(self) -> None:
        """Close the microphone."""

    @act
    def unmute(self) -> None:
        """Open it again."""

    @act
    def stop(self) -> None:
        """Stop speaking, and cancel the current reply."""

    @act
    def reload(self) -> None:
        """Read the settings again; if they are invalid, refuse and keep the old ones."""

    @method
    def talk(self, *, down: bool) -> None:
        """The talk button goes down, or comes up; always in turn."""

    @method
    def log(
        self, last: Annotated[int, Field(ge=1, le=MAX_LOG)] = 20, before: Number | None = None
    ) -> list[Record]:
        """The last exchanges, or the last before one, without their recordings, newest first."""
        raise NotImplementedError

    @act
    def correct(self, turn_id: TurnId, text: Words) -> None:
        """Note what was really said in an exchange."""

    @act
    def confirm(self, turn_id: TurnId) -> str:
        """Note that an exchange was understood correctly, and return its text."""
        raise NotImplementedError

    @method
    def recording(self, turn_id: TurnId) -> Base64Bytes:
        """The recording of an exchange as a FLAC file, which travels in base 64."""
        raise NotImplementedError

    @act
    def consent(self, turn_id: TurnId, *, allowed: bool) -> None:
        """Note whether an exchange may be learned from."""

    @act
    def put_back(self, turn_id: TurnId, was: Record) -> None:
        """Take back what was said about an exchange since it was read, as this record."""

    @method
    def loss(self, turn_ids: Numbers) -> Record | None:
        """What would be forgotten with these exchanges: the fields of ``erasure.Loss``."""
        raise NotImplementedError

    @act
    def erase(self, turn_ids: Numbers) -> Record:
        """Erase exchanges, and return the fields of ``erasure.Erased``."""
        raise NotImplementedError

    @method
    def read_aloud(self) -> list[str]:
        """The sentences that have been read aloud to teach, in spoken form."""
        raise NotImplementedError

    @method
    def lesson(self, wait_s: Wait, text: Words | None = None) -> Lesson | None:
        """What is said next, which is then not answered; ``None`` if nothing is in that time.

        With the text that is read, the lesson tells what is wrong with it.
        """
        raise NotImplementedError

    @method
    def hand_in(self, sound: Piece, place: Count, text: Words) -> Lesson | None:
        """A piece of a lesson that was recorded elsewhere, in base 64.

        It is mono, 16 kHz, 16 bits, little-endian. Pieces are counted from 0; an empty one ends
        the lesson, which is then told.
        """
        raise NotImplementedError

    @act
    def enroll(self, text: Words) -> None:
        """Keep the last lesson, in which this was said."""

    @act
    def call_by(self, *, first: bool) -> None:
        """Keep the last lesson as an example of the wake word; the first replaces all before."""

    @method
    def abilities(self) -> Abilities:
        """What it hears and speaks with."""
        raise NotImplementedError

    @method
    def dictate(
        self, session: Session, sound: Piece, place: Count, expected: Expected | None = None
    ) -> bool:
        """A piece of what is said to another program, in the form of ``hand_in``.

        The caller makes a name up for each stretch of speech, and may tell with its first piece
        which words to expect in it, the likeliest last. Returns whether its end has been heard:
        nothing that comes afterwards belongs to it.
        """
        raise NotImplementedError

    @method
    def dictated(self, session: Session, *, forget: bool = False) -> Dictated:
        """No more of it comes: what was said, as an exchange would have understood it.

        It is not answered, and kept only if ``wyoming.keep`` says so. With ``forget``, nobody waits
        for it any longer, so it is dropped unread.
        """
        raise NotImplementedError

    @method
    def synthesise(self, text: Sentence) -> Sound:
        """The sound of one sentence, which is not heard here."""
        raise NotImplementedError

    @method
    def kept(self, noun: Noun) -> list[Record]:
        """What the household has asked Attune to keep, as ``assistant.household.kept`` has it."""
        raise NotImplementedError

    @method
    def past_reminders(self, days: Annotated[int, Field(ge=1, le=366)] = 7) -> list[Record]:
        """How reminders of the last days were answered, oldest first."""
        raise NotImplementedError

    @act
    def keep(self, noun: Noun, words: Annotated[list[str], Field(min_length=1)]) -> list[Record]:
        """Add what is typed, and return its records."""
        raise NotImplementedError

    @act
    def change(self, noun: Noun, act: Act, ids: list[Number]) -> list[Record]:
        """Do something to what has these numbers, and return its records as they were."""
        raise NotImplementedError

    @method
    def bridges(self) -> list[Record]:
        """All bridges, latest first."""
        raise NotImplementedError

    @act
    def promote(self, version: Words | None) -> None:
        """Put a bridge to use; ``None``: the base bridge."""

    @act
    def rollback(self) -> str | None:
        """Go back by one promotion, and return the version now in use; ``None``: the base."""
        raise NotImplementedError

    @method
    def manner(self) -> Record:
        """How loud and how fast the voice is, as ``assistant.speak.manner.Manner`` has it."""
        raise NotImplementedError

    @act
    def speak_so(self, gain_db: Finite, tempo: Finite) -> None:
        """Speak like this from now on."""

    @act
    def quiet(self, minutes: Minutes | None) -> None:
        """Say nothing unasked for so long; ``None``: speak again."""

    @method
    def choices(self) -> dict[Choice, JsonValue]:
        """The settings that a helper may turn."""
        raise NotImplementedError

    @act
    def choose(self, choice: Choice, value: JsonValue) -> None:
        """Write a setting to the settings file, and read it again; ``None``: the default."""

    @act
    def forget_me(self) -> Record:
        """Erase all that was said and learned, and return the fields of ``erasure.Erased``."""
        raise NotImplementedError

    @method
    def stored(self) -> Stored:
        """What is kept of what was said."""
        raise NotImplementedError

    @method
    def home_wish(self, wait_s: Wait, trouble: Trouble | None = None) -> Wish | None:
        """What the home is asked for next; ``None`` if it is nothing in that time.

        For ``assistant home`` alone: each is given out once. The trouble, in a sentence, is what
        keeps it from its work.
        """
        raise NotImplementedError

    @method
    def home_answer(
        self,
        number: Number,
        outcome: Outcome,
        speech: Annotated[str, Field(max_length=LONGEST)] = "",
    ) -> None:
        """How the home answered; what comes too late is dropped."""

    @method
    def said_to_home(self, wait_s: Wait, trouble: Trouble | None = None) -> Spoken | None:
        """What was said next that Home Assistant answers; for ``assistant wyoming``, as above."""
        raise NotImplementedError

    @method
    def said_by_home(
        self,
        number: Number,
        outcome: Outcome,
        speech: Annotated[str, Field(max_length=LONGEST_REPLY)] = "",
    ) -> None:
        """What is to be said to that; what comes too late is dropped."""

    @method
    def is_over(self, number: Number, wait_s: Wait) -> bool:
        """Whether the answer to that has been heard, or nobody waits for one; waits for it."""
        raise NotImplementedError

    @method
    def play(self, session: Session, rate: Rate, sound: Piece, place: Count) -> None:
        """A piece of a sound that is to be heard, as ``dictate`` takes one.

        The rate is that of the first piece. An empty piece ends it, and the answer to that comes
        when it has been heard, between two turns.
        """

    @method
    def home_timer(
        self,
        timer: Annotated[str, Field(min_length=1, max_length=100)],
        act: TimerAct,
        left_s: Seconds = 0.0,
        name: Annotated[str, Field(max_length=100)] = "",
    ) -> None:
        """What has become of a timer of Home Assistant's, which calls it so.

        Attune has it, too: it is shown, asked for and rings as any other.
        """

    @act
    def invite(self, role: Role = "helper") -> str:
        """A code of six digits with which one device is let in to help."""
        raise NotImplementedError

    @act
    def invite_aloud(self) -> None:
        """Say such a code aloud; at most once a minute."""

    @method
    def admit(self, code: str, name: Name, key: Key) -> Helper:
        """Let a device in that knows the code; it is known by the SHA-256 of its key."""
        raise NotImplementedError

    @method
    def who(self, key: Key) -> Helper | None:
        """Whose key has this SHA-256."""
        raise NotImplementedError

    @method
    def helpers(self) -> list[Helper]:
        """All devices from which somebody helps."""
        raise NotImplementedError

    @act
    def shut_out(self, number: Number) -> None:
        """Let a device in no more."""

    @method
    def acts(self, last: Annotated[int, Field(ge=1, le=MAX_LOG)] = 20) -> list[Record]:
        """What helpers have done, newest first."""
        raise NotImplementedError

    def acted(self, by: str, what: str, about: list[int]) -> None:
        """A helper has used a method that changes something; the server calls it."""
