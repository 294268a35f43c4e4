"""What the daemon does for programs that listen and speak for it, such as Home Assistant."""

from __future__ import annotations

import base64
from collections.abc import Callable
from concurrent.futures import TimeoutError as LateError
from contextlib import suppress

from assistant.control.declaring import RefusalError, refusing
from assistant.control.messages import Abilities, Dictated, Sound
from assistant.daemon.dictation import Dictation, Dictations
from assistant.daemon.helping import Helping
from assistant.daemon.in_turn import ANSWER_S, Work
from assistant.daemon.runtime import Runtime
from assistant.encode.whisper import WhisperEncoder
from assistant.errors import JournalError
from assistant.reading import Reading
from assistant.turn import Assistant
from assistant.values import Utterance
from assistant.verification import UNLEARNED

WRITTEN_DOWN = "It was written down for another program, which answers it."
"""What the journal says of speech that was kept from elsewhere."""

_NOTHING = Dictated(text="", confidence=0.0)


class Remote(Helping):
    """Part of ``Controls``, which knows the runtime and reaches the answering thread."""

    _dictations: Dictations

    def there(self) -> Runtime:
        """The runtime in use; raises ``RefusalError`` while another one is being opened."""
        raise NotImplementedError

    def between_turns(self, work: Work[Dictated]) -> Dictated:
        """Have the answering thread do some work; raises ``RefusalError`` if it fails."""
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
        try:
            piece = base64.b64decode(sound, validate=True)
        except ValueError:
            raise RefusalError("That is no sound. Say it again.") from None
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
        return self.between_turns(writing_down(found, heard))

    def synthesise(self, text: str) -> Sound:
        """The sound of one sentence, which is not heard in the room."""
        voice = self.there().assistant.voice
        with refusing():
            speech = voice.sound(text)
        pcm = speech.samples.astype("<i2").tobytes()
        return Sound(rate=speech.sample_rate, pcm=base64.b64encode(pcm))


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
