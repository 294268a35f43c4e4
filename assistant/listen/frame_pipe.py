"""What the microphone's process sends to the daemon: frames, and why there are no more."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from assistant.values import FRAME_SAMPLES, AudioFrame

_HEAD = struct.Struct("<cdIH")  # kind, when captured, overruns so far, bytes that follow
_FRAME, _FAILURE = b"F", b"E"
_SAMPLES = np.dtype("<i2")
_BYTES = FRAME_SAMPLES * _SAMPLES.itemsize


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """A frame."""

    frame: AudioFrame
    overruns: int  # how often sound was lost since the microphone was opened


@dataclass(frozen=True, slots=True)
class Failure:
    """The microphone does not work."""

    why: str  # one sentence


def packed(frame: AudioFrame, overruns: int) -> bytes:
    """The bytes of a frame."""
    head = _HEAD.pack(_FRAME, frame.captured_at, min(overruns, 0xFFFFFFFF), _BYTES)
    return head + frame.samples.astype(_SAMPLES, copy=False).tobytes()


def failure(why: str) -> bytes:
    """The bytes of the reason why there are no more frames; at most 2,000 of the text."""
    said = why.encode()[:2_000]
    return _HEAD.pack(_FAILURE, 0.0, 0, len(said)) + said


class Messages:
    """Turns bytes into messages as they arrive."""

    def __init__(self) -> None:
        self._held = b""

    def push(self, data: bytes) -> list[Frames | Failure]:
        """The messages that are complete now.

        Raises:
            ValueError: if this is not what the microphone's process sends.
        """
        self._held += data
        found: list[Frames | Failure] = []
        while len(self._held) >= _HEAD.size:
            kind, captured_at, overruns, length = _HEAD.unpack_from(self._held)
            if kind not in (_FRAME, _FAILURE) or (kind == _FRAME and length != _BYTES):
                raise ValueError(f"not a message of a microphone: {self._held[:16]!r}")
            end = _HEAD.size + length
            if len(self._held) < end:
                break
            body, self._held = self._held[_HEAD.size : end], self._held[end:]
            if kind == _FRAME:
                samples = np.frombuffer(body, _SAMPLES).astype(np.int16, copy=False)
                found.append(Frames(AudioFrame(samples, captured_at), overruns))
            else:
                found.append(Failure(body.decode(errors="replace")))
        return found
