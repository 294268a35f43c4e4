"""What the daemon does for programs that listen and speak for it, such as Home Assistant."""

from __future__ import annotations

import base64
from collections.abc import Callable
from concurrent.futures import TimeoutError as LateError
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

from assistant.control.declaring import RefusalError, refusing
from assistant.control.messages import Abilities, Dictated, Sound, Spoken, TimerAct
from assistant.daemon.dictation import Dictation, Dictations
from assistant.daemon.helping import Helping
from assistant.daemon.in_turn import ANSWER_S, Work
from assistant.daemon.runtime import Runtime
from assistant.daemon.sounds import Sounds
from assistant.encode.whisper import WhisperEncoder
from assistant.errors import DeviceError, JournalError
from assistant.household.agenda import Agenda, Kind
from assistant.household.clocks import look
from assistant.household.satellite import Satellite
from assistant.household.smart_home import HomeAnswer, Outcome
from assistant.reading import Reading
from assistant.speak.speech import Speech
from assistant.turn import Assistant
from assistant.values import Utterance
from assistant.verification import UNLEARNED

WRITTEN_DOWN = "It was written down for another program, which answers it."
"""What the journal says of speech that was kept from elsewhere."""

MOST_TIMERS = 50
"""Timers after which Home Assistant starts no more."""

T = TypeVar("T")

_NOTHING = Dictated(text="", confidence=0.0)


class Remote(Helping):
    """Part of ``Controls``, which knows the runtime and reaches the answering thread."""

    _dictations: Dictations
    _sounds: Sounds

    def there(self) -> Runtime:
        """The runtime in use; raises ``RefusalError`` while another one is being opened."""
        raise NotImplementedError

    def between_turns(self, work: Work[T]) -> T:
        """Have the answering thread do some work; raises ``RefusalError`` if it fails."""
        raise NotImplementedError

    def meanwhile(self, work: Work[T]) -> T:
        """The same, but at once if it waits for the home, which may be who asks."""
        raise NotImplementedError

    def abilities(self) -> Abilities:
        """What it hears and speaks with."""
        runtime = self.there()
        assistant, settings = runtime.assistant, runtime.settings
        encoder = assistant.encoder
        whisper = encoder if isinstance(encoder, WhisperEncoder) else None
        return Abilities(
            recogniser=settings.encode.path.name,
            is_whisper=whisper is not None,
            hears=("en",) if whisper is None else whisper.languages,
            engine=settings.speak.engine,
            voice=settings.speak.voice,
            speaks=assistant.voice.language,
            model=settings.generate.path.stem,
        )

    def dictate(
        self, session: str, sound: str, place: int, expected: list[str] | None = None
    ) -> bool:
        """Take a piece of speech from elsewhere."""
        piece = _decoded(sound)
        with refusing():
            return self._dictations.take(session, piece, place, self.there(), tuple(expected or ()))

    def dictated(self, session: str, *, forget: bool = False) -> Dictated:
        """What was said, as a turn would have read it."""
        self.there()
        found = self._dictations.finish(session)
        if found is None:
            raise RefusalError("Nothing of that speech is here any longer. Say it again.")
        if forget:
            return _NOTHING
        try:
            with refusing():
                heard = found.utterance(ANSWER_S)
        except LateError:
            raise RefusalError("Attune is too busy to listen. Try again in a moment.") from None
        if heard is None:
            return _NOTHING
        return self.meanwhile(writing_down(found, heard))

    def synthesise(self, text: str) -> Sound:
        """The sound of one sentence, which is not heard in the room."""
        voice = self.there().assistant.voice
        with refusing():
            speech = voice.sound(text)
        pcm = speech.samples.astype("<i2").tobytes()
        return Sound(rate=speech.sample_rate, pcm=base64.b64encode(pcm))

    def said_to_home(self, wait_s: float, trouble: str | None = None) -> Spoken | None:
        """What was said next that Home Assistant answers."""
        satellite = self._satellite()
        said = satellite.take(wait_s, trouble)
        if said is None:
            return None
        sound, left_s = base64.b64encode(said.sound), satellite.left_s(said)
        return Spoken(number=said.number, pcm=sound, left_s=left_s)

    def said_by_home(self, number: int, outcome: Outcome, speech: str = "") -> None:
        """What is to be said to that."""
        self._satellite().answered(number, HomeAnswer(outcome, speech))

    def is_over(self, number: int, wait_s: float) -> bool:
        """Whether the answer has been heard, or nobody waits for one."""
        return self._satellite().is_over(number, wait_s)

    def play(self, session: str, rate: int, sound: str, place: int) -> None:
        """Take a piece of a sound that is to be heard."""
        self._satellite()
        with refusing():
            whole = self._sounds.take(session, rate, _decoded(sound), place)
        if whole is not None:
            self.between_turns(playing(whole))

    def home_timer(self, timer: str, act: TimerAct, left_s: float = 0.0, name: str = "") -> None:
        """Have a timer be as Home Assistant's is."""
        self._satellite()
        with self.opened() as journal:
            agenda, moment = Agenda(journal), look()
            if act == "cancelled":
                agenda.cancel_timer(timer)
                return
            if act == "started" and len(agenda.items(Kind.TIMER)) >= MOST_TIMERS:
                raise RefusalError(f"There are {MOST_TIMERS} timers already. Cancel some first.")
            agenda.follow_timer(
                timer,
                timedelta(seconds=0.0 if act == "finished" else left_s),
                name if act == "started" else None,
                moment,
                runs=act != "paused",
            )

    def _satellite(self) -> Satellite:
        satellite = self.there().satellite
        if satellite is None:
            raise RefusalError(
                "Attune answers itself what is said. To have Home Assistant do it, set "
                "wyoming.satellite, then run 'assistant reload'."
            )
        return satellite


def playing(sound: Speech) -> Work[None]:
    """Has a sound heard.

    The work raises ``DeviceError`` if there is no loudspeaker.
    """

    def play(runtime: Runtime, done: Callable[[None], None]) -> None:
        runtime.assistant.play(sound)
        if runtime.loudspeaker.why is not None:
            raise DeviceError(runtime.loudspeaker.why)
        done(None)

    return play


def _decoded(sound: str) -> bytes:
    try:
        return base64.b64decode(sound, validate=True)
    except ValueError:
        raise RefusalError("That is no sound. Send it again.") from None


def writing_down(dictation: Dictation, heard: Utterance) -> Work[Dictated]:
    """Reads what was said as a turn does; it is kept only if the settings say so."""

    def write_down(runtime: Runtime, done: Callable[[Dictated], None]) -> None:
        assistant = runtime.assistant
        reading = assistant.understand(heard, dictation.ends)
        understood = reading.understood(0)
        done(Dictated(text=understood.words, confidence=understood.confidence))
        if runtime.settings.wyoming.keep:
            with suppress(JournalError):  # a full disk costs a lesson, not what was said
                keep(assistant, heard, reading)

    return write_down


def keep(assistant: Assistant, heard: Utterance, reading: Reading) -> None:
    """Keep what was said as an exchange; to learn from, unless it is another's voice.

    Raises:
        JournalError: if it cannot be written.
    """
    journal = assistant.journal
    turn_id = journal.hear(heard)
    journal.consent(turn_id, allowed=assistant.likeness(heard) >= UNLEARNED)
    journal.transcribed(turn_id, reading.features)
    journal.answering(
        turn_id, llm=assistant.llm.fingerprint, route=reading.route, prompt=reading.prompt
    )
    journal.failed(turn_id, WRITTEN_DOWN)
