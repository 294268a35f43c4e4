"""Speaks a reply while it is still being written."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from typing import Protocol

from assistant.speak.sentences import sentences
from assistant.speak.speech import Speech
from assistant.speak.synthesiser import Reader


class Sink(Protocol):
    """Where the sound goes: one reply from ``begin`` to ``end``."""

    def begin(self, name: str) -> None:
        """Get ready for a reply with this name."""
        ...

    def play(self, speech: Speech) -> bool:
        """Take one sentence, returning when it is done; False if it was stopped."""
        ...

    def stop(self) -> None:
        """Make this and every further ``play`` of the reply return at once, from any thread."""
        ...

    def end(self) -> None:
        """Return when everything has been heard."""
        ...


class _Player(threading.Thread):
    """Plays sentences one after another, until ``None`` comes or the sink has had enough."""

    def __init__(self, sink: Sink, on_first_audio: Callable[[], None] | None) -> None:
        super().__init__(name="speak", daemon=True)
        # unbounded: a reply has an end, and waiting here would delay its generation
        self.waiting: queue.SimpleQueue[Speech | None] = queue.SimpleQueue()
        self.error: BaseException | None = None
        self.over = threading.Event()
        self.begun = 0  # sentences that were at least partly heard
        self._sink = sink
        self._on_first_audio = on_first_audio

    def run(self) -> None:
        try:
            while (speech := self.waiting.get()) is not None:
                if self._on_first_audio is not None:
                    self._on_first_audio()
                    self._on_first_audio = None
                self.begun += 1
                if not self._sink.play(speech):
                    break
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self.error = error
        finally:
            self.over.set()


def speak(
    pieces: Iterable[str],
    synthesiser: Reader,
    sink: Sink,
    on_first_audio: Callable[[], None] | None = None,
    *,
    name: str = "reply",
) -> str:
    """Speak a stream of text by sentence; returns the sentences that were at least begun.

    The calling thread takes and synthesises the pieces while another one plays, so the first
    sentence is heard while the rest is being generated. After ``sink.stop()`` no further piece is
    taken, and the caller has to close their source.

    Args:
        pieces: the text as it is written.
        synthesiser: turns it into sound.
        sink: where the sound goes.
        on_first_audio: called on the playing thread when the first sound is about to go out.
        name: the reply's name for the sink.

    Raises:
        SpeechError: if synthesis fails.
        DeviceError: if the loudspeaker fails.
        AudioFileError: if a file cannot be written.
    """
    spoken: list[str] = []
    sink.begin(name)
    player = _Player(sink, on_first_audio)
    player.start()
    try:
        for sentence in sentences(_until(player.over, pieces)):
            speech = synthesiser.synthesise(sentence)
            if player.over.is_set():
                break
            if speech.samples.shape[0] > 0:
                player.waiting.put(speech)
                spoken.append(sentence)
        player.waiting.put(None)
        player.join()
    except BaseException:
        sink.stop()
        player.waiting.put(None)
        player.join()
        raise
    finally:
        sink.end()
    if player.error is not None:
        raise player.error
    return " ".join(spoken[: player.begun])


def _until(over: threading.Event, pieces: Iterable[str]) -> Iterable[str]:
    for piece in pieces:
        if over.is_set():
            return
        yield piece
