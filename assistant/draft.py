"""Replies before they are said; they may be started in a pause that may not be the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, takewhile

from assistant.errors import AudioError, SpeechError
from assistant.generate.repetition import Repetition
from assistant.generate.stream import ReplyStream
from assistant.reading import Reading
from assistant.skills.guard import checked, guarded
from assistant.skills.skill import Then
from assistant.speak.markdown import audible
from assistant.speak.sentences import is_whole, sentences
from assistant.speak.voice import Voice
from assistant.values import SoftPrompt, StopReason, Timings

NOTHING_WRITTEN = "I am listening. Please go on."
"""Said when the language model has nothing to say."""

NOTHING_WHOLE = "I cannot find the right words for that. Please ask me in another way."
"""Said when it was stopped before the end of its first sentence."""

PATIENCE = "Let me think about that."
"""Said when it thinks before it answers."""

PATIENCE_PIECES = 8
"""Pieces of a thought after which patience is asked for; a second or two on a small board."""


@dataclass(slots=True)
class Ready:
    """A reply that is already complete: a skill's, or a question back to the user."""

    text: str
    cancel: threading.Event
    stop_reason: StopReason
    then: Then | None = None
    prefill_ms: float | None = None
    began_at: float | None = None

    def pieces(self) -> Iterator[str]:
        """The whole text at once, unless it is cancelled; what follows from it follows anyway."""
        if self.text and not self.cancel.is_set():
            yield f"{self.text}\n" if self.then is not None else self.text
        if self.then is not None:
            after = self.then(self.cancel)
            self.text = f"{self.text} {after}".strip()
            yield after


@dataclass(slots=True)
class Draft:
    """A reply that the LLM writes; its beginning may have been written in a pause.

    It arrives sentence by sentence, each checked by the guard: without what is not meant to be
    heard, without the half sentence where it was cut off, and no further than to where it begins
    to go round in circles.
    """

    stream: ReplyStream
    cancel: threading.Event
    early: list[str] = field(default_factory=list[str])  # pieces taken in a pause
    speculative: bool = False  # started in a pause
    began_at: float | None = None
    _taken: int = 0  # pieces
    _sentences: list[str] = field(default_factory=list[str])
    _written: bool = False  # to its end
    _wordless: bool = True  # nothing has been written or thought

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
        for sentence in guarded(self._whole()):
            if not self.cancel.is_set():  # else it may be half a sentence
                self._sentences.append(sentence)
                yield f"{sentence}\n"
        if self._sentences in ([], [PATIENCE]) and not self.cancel.is_set():
            self._sentences.append(NOTHING_WRITTEN if self._wordless else NOTHING_WHOLE)
            yield f"{self._sentences[-1]}\n"

    def _whole(self) -> Iterator[str]:
        """The sentences up to where the reply was cut off, or begins again."""
        said = Repetition()
        for sentence in audible(self._raw()):
            if self._written and not is_whole(sentence) and self._was_cut():
                return
            if not self.cancel.is_set() and said.found(sentence):
                self.early.clear()
                self.stream.end(StopReason.REPEATED)
                return
            yield sentence

    def _was_cut(self) -> bool:
        return self.stream.stats.stop_reason in (StopReason.MAX_TOKENS, StopReason.MAX_TIME)

    def _raw(self) -> Iterator[str]:
        """The early pieces, then the rest of the stream, with a word of patience for a thought."""
        ready = takewhile(lambda _: not self.cancel.is_set(), self.early)
        thought, patience = 0, [f"{PATIENCE}\n"]
        for piece in chain(ready, self.stream):
            if self.began_at is None:
                self.began_at = time.monotonic()
            self._taken += 1
            thought += not piece
            if thought >= PATIENCE_PIECES or any(map(str.isalnum, piece)):
                self._wordless = False
            # a thought that was over before the end of the pause has kept nobody waiting
            if not piece and thought >= PATIENCE_PIECES and self._taken > len(self.early):
                yield from patience
                patience.clear()
            yield piece
        self._written = True


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
        if isinstance(reply, Ready):
            sentence = next(sentences([reply.text]), None)
        else:
            written = next(audible(_early(reply, still)), None)
            sentence = None if written is None else checked(written)
        if sentence is not None and still():
            voice.prepare(sentence)


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
    first_audio, written, unheard = list[float](), list[float](), None

    def writing() -> Iterator[str]:
        yield from reply.pieces()
        written.append(ms_since(began))

    pieces = writing()
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
        total=max(*written, *first_audio, 0.0),
    )
    return timings, unheard


def ms_since(start: float) -> float:
    """Milliseconds since a moment in monotonic seconds."""
    return (time.monotonic() - start) * 1_000
