"""Replies before they are said; they may be started in a pause that may not be the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, takewhile

from assistant.errors import AudioError, SpeechError
from assistant.generate.stream import ReplyStream
from assistant.reading import Reading
from assistant.skills.guard import checked, guarded
from assistant.speak.sentences import sentences
from assistant.speak.voice import Voice
from assistant.values import SoftPrompt, StopReason, Timings

NOTHING_WRITTEN = "I am listening. Please go on."
"""Said when the language model has nothing to say."""


@dataclass(slots=True)
class Ready:
    """A reply that is already complete: a skill's, or a question back to the user."""

    text: str
    cancel: threading.Event
    stop_reason: StopReason
    then: Callable[[], str] | None = None  # runs while the text is spoken; says how it went
    prefill_ms: float | None = None
    began_at: float | None = None

    def pieces(self) -> Iterator[str]:
        """The whole text at once, unless it is cancelled; what is to be done is done anyway."""
        if not self.cancel.is_set():
            yield f"{self.text}\n" if self.then is not None else self.text
        if self.then is not None:
            after = self.then()
            self.text = f"{self.text} {after}"
            yield after


@dataclass(slots=True)
class Draft:
    """A reply that the LLM writes; its beginning may have been written in a pause.

    It arrives sentence by sentence, each checked by the guard.
    """

    stream: ReplyStream
    cancel: threading.Event
    early: list[str] = field(default_factory=list[str])  # pieces taken in a pause
    speculative: bool = False  # started in a pause
    began_at: float | None = None
    _taken: int = 0  # pieces
    _sentences: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        """What has been written so far."""
        return " ".join(self._sentences)

    @property
    def stop_reason(self) -> StopReason:
        """Why it ended."""
        is_whole = self._taken >= len(self.early)
        return self.stream.stats.stop_reason if is_whole else StopReason.CANCELLED

    @property
    def prefill_ms(self) -> float | None:
        """How long the prompt took, unless it was decoded in a pause."""
        return None if self.speculative else self.stream.stats.prefill_ms

    def pieces(self) -> Iterator[str]:
        """The sentences, a line each, so that no sentence waits for the start of the next."""
        for sentence in guarded(sentences(self._raw())):
            if not self.cancel.is_set():  # else it may be half a sentence
                self._sentences.append(sentence)
                yield f"{sentence}\n"
        if not self._sentences and not self.cancel.is_set():
            self._sentences.append(NOTHING_WRITTEN)
            yield f"{NOTHING_WRITTEN}\n"

    def _raw(self) -> Iterator[str]:
        """The early pieces, then the rest of the stream."""
        ready = takewhile(lambda _: not self.cancel.is_set(), self.early)
        for piece in chain(ready, self.stream):
            if self.began_at is None:
                self.began_at = time.monotonic()
            self._taken += 1
            yield piece


@dataclass(frozen=True, slots=True)
class Speculation:
    """A reply started in a pause, in case nothing more is said."""

    reading: Reading
    request: SoftPrompt | str  # as the LLM was given it
    line: str  # the context line before it
    reply: Draft | Ready

    def advance(self, voice: Voice, still: Callable[[], bool]) -> None:
        """Write the first sentence and prepare its sound, as long as it is still silent.

        Raises:
            AttuneError: if the LLM or the voice fails.
        """
        reply = self.reply
        written = [reply.text] if isinstance(reply, Ready) else _early(reply, still)
        sentence = next(iter(sentences(written)), None)
        if sentence is not None and still():
            voice.prepare(sentence if isinstance(reply, Ready) else checked(sentence))


def _early(draft: Draft, still: Callable[[], bool]) -> Iterator[str]:
    """Pieces of a draft that are written now, as long as it is still silent."""
    while still() and (piece := next(draft.stream, None)) is not None:
        draft.early.append(piece)
        yield piece


def say(
    reply: Draft | Ready, voice: Voice, name: str, timings: Timings, began: float
) -> tuple[Timings, AudioError | SpeechError | None]:
    """Say a reply while it is written; returns all timings, and why it was not heard, if so.

    Args:
        reply: is written to its end, even if the voice fails.
        voice: says it.
        name: of its sound.
        timings: of the earlier stages.
        began: when the turn began, monotonic seconds.
    """
    pieces, first_audio, unheard = reply.pieces(), list[float](), None
    try:
        voice.say(pieces, name, lambda: first_audio.append(ms_since(began)))
    except (AudioError, SpeechError) as error:
        unheard = error  # an unplugged loudspeaker must not cost the written reply
    for _ in pieces:  # the rest, if the voice was stopped
        pass
    timings = replace(
        timings,
        prefill=reply.prefill_ms,
        first_token=None if reply.began_at is None else (reply.began_at - began) * 1_000,
        first_audio=first_audio[0] if first_audio else None,
        total=ms_since(began),
    )
    return timings, unheard


def ms_since(start: float) -> float:
    """Milliseconds since a moment in monotonic seconds."""
    return (time.monotonic() - start) * 1_000
