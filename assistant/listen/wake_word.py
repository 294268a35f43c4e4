"""The ear opens after a wake word, which a small detector recognises by its sound.

Until then nothing is taken for an utterance, so nothing is given to the speech encoder.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol, cast

from assistant.errors import DependencyError
from assistant.listen.ear import Ear
from assistant.values import AudioFrame

WENT_ON_S = 1.0
"""So long after a request the ear stays open: its speaker may have been searching for a word."""

AGAIN_S = 1.0
"""Time after a wake word in which the detector still recognises the same one."""

_PACKAGE = "pymicro_wakeword"


class Detector(Protocol):
    """Recognises a wake word in a stream of frames."""

    def heard(self, frame: AudioFrame) -> bool:
        """Whether the word has just ended; about ``LATE_FRAMES`` late."""
        ...


class WakeWord:
    """Opens the ear for what follows a wake word, and for what is expected without one.

    Args:
        detector: recognises the word.
        wait_s: time after the word in which a request may begin.
        expected_until: until when somebody may speak without it, monotonic seconds; asked again
            with each frame.
    """

    def __init__(
        self, detector: Detector, wait_s: float, expected_until: Callable[[], float]
    ) -> None:
        self._detector = detector
        self._wait_s = wait_s
        self._expected_until = expected_until
        self._until = self._grace_until = self._again_from = float("-inf")
        self._in_time = False  # whether the utterance under way began in time

    def step(self, frame: AudioFrame, *, under_way: bool) -> Ear:
        """What becomes of the next frame, given whether an utterance is under way."""
        at = frame.captured_at
        if self._detector.heard(frame) and at >= self._again_from:
            self._until, self._again_from = at + self._wait_s, at + AGAIN_S
            self._in_time = True
            return Ear.CALLED
        in_time = at <= max(self._until, self._expected_until())
        if not under_way:
            self._in_time = in_time
        elif self._in_time:  # what only went on is not gone on from, or a television would be
            self._grace_until = at + WENT_ON_S
        return Ear.OPEN if under_way or in_time or at <= self._grace_until else Ear.SHUT


class MicroWakeWord:
    """Recognises one of the words that pymicro-wakeword has a network for.

    Args:
        word: "alexa", "hey jarvis", "hey mycroft" or "okay nabu".

    Raises:
        DependencyError: if pymicro-wakeword is not installed.
    """

    def __init__(self, word: str) -> None:
        try:
            package = cast("Any", import_module(_PACKAGE))  # by name, because it is optional
            model = package.Model(word.replace(" ", "_"))
            self._network = package.MicroWakeWord.from_builtin(model)
        except (ImportError, OSError):  # OSError: its library needs a newer system
            raise DependencyError(
                f"To be called by {word!r}, the package pymicro-wakeword is needed. Run: pip "
                "install pymicro-wakeword (Linux with glibc 2.35 or newer), or set "
                "listen.wake_word to 'own', or to nothing."
            ) from None
        self._features = package.MicroWakeWordFeatures()

    def heard(self, frame: AudioFrame) -> bool:
        """Whether the word has just ended."""
        found = False
        for column in self._features.process_streaming(frame.samples.tobytes()):
            found = bool(self._network.process_streaming(column)) or found
        return found
