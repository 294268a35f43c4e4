"""PortAudio, typed: which devices there are, which one a name means, and how to open it.

PortAudio freezes its list of devices when it is initialised, which happens on the first call here;
devices are chosen by name because their numbers change from one start to the next.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, TypeVar, cast

from assistant.errors import DependencyError, DeviceError

STUCK_S = 2.0
"""How long to wait for a driver to make room or to close."""

OLDEST_S = 1.0
"""If a driver claims that sound is older than this, it used another clock."""

log = logging.getLogger("attune.sound")

_StreamT = TypeVar("_StreamT")


class DeviceKind(str, Enum):
    """The direction of sound."""

    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Device:
    """One direction of one sound device."""

    index: int  # PortAudio's number, valid only in this process
    name: str
    kind: DeviceKind
    default: bool
    sample_rate: int  # the device's own default, in samples per second
    channels: int  # the most it has


@dataclass(frozen=True, slots=True)
class Format:
    """Rate and channels of a stream; samples are always int16, interleaved."""

    rate: int
    channels: int


class Stream(Protocol):
    """An open stream."""

    def close(self) -> None:
        """Stop at once and release the device."""
        ...


class OutputStream(Stream, Protocol):
    """An open stream to a loudspeaker."""

    @property
    def write_available(self) -> int:
        """Samples per channel that can be written without waiting."""
        ...

    def write(self, data: bytes) -> bool:
        """Wait for room and write; whether there was a gap before."""
        ...


def devices() -> list[Device]:
    """Every input and output that PortAudio knows.

    Raises:
        DependencyError: if the PortAudio library is not installed.
    """
    sounddevice = _sounddevice()
    found: list[Device] = []
    for kind in DeviceKind:
        default = _default_index(kind)
        for info in sounddevice.query_devices():
            channels = int(info[f"max_{kind.value}_channels"])
            if channels > 0:
                index = int(info["index"])
                rate = round(info["default_samplerate"])
                found.append(
                    Device(index, str(info["name"]), kind, index == default, rate, channels)
                )
    return found


def has_input() -> bool:
    """Whether there is any microphone."""
    return any(device.kind is DeviceKind.INPUT for device in devices())


def has_output() -> bool:
    """Whether there is any loudspeaker."""
    return any(device.kind is DeviceKind.OUTPUT for device in devices())


def choose(kind: DeviceKind, name_part: str | None, among: list[Device] | None = None) -> Device:
    """The device whose name contains this part, or the default one without a name.

    An exact name wins over a part of one, then the default over the others, then the first.

    Raises:
        DeviceError: if there is no such device; it lists those there are.
    """
    what, setting = _WORDS[kind]
    there = [device for device in (devices() if among is None else among) if device.kind is kind]
    if not there:
        raise DeviceError(
            f"There is no {what}: connect one; 'assistant devices' lists what the system offers."
        )
    if name_part is None:
        return min(there, key=lambda device: not device.default)
    wanted = name_part.casefold()
    matches = [device for device in there if wanted in device.name.casefold()]
    if not matches:
        names = ", ".join(repr(device.name) for device in there)
        raise DeviceError(
            f"No {what} has {name_part!r} in its name. There are: {names}. "
            f"Change the setting {setting}."
        )
    return min(matches, key=lambda d: (d.name.casefold() != wanted, not d.default))


def formats(device: Device, rate: int) -> tuple[Format, ...]:
    """The formats to try, best first: our rate before the device's own.

    A loudspeaker is given one channel, for others to copy. Of a microphone both are taken, because
    a driver that makes one of them knows nothing of opposite phases.
    """
    rates = dict.fromkeys((rate, device.sample_rate))
    channels = (1, 2) if device.channels > 1 else (1,)
    if device.kind is DeviceKind.INPUT:
        channels = channels[::-1]
    return tuple(Format(each, count) for count in channels for each in rates)


def open_first(
    device: Device, rate: int, attempt: Callable[[Format], _StreamT]
) -> tuple[_StreamT, Format]:
    """Open a device in the first format that it accepts; ``DeviceError`` if there is none."""
    refusal: Exception | None = None
    for each in formats(device, rate):
        try:
            return attempt(each), each
        except _portaudio_error() as error:  # noqa: PERF203 - a handful of formats at most
            refusal = error
    what, setting = _WORDS[device.kind]
    raise DeviceError(
        f"The {what} {device.name!r} does not open: {_why(refusal)}. Close the program that uses "
        f"it, or choose another with the setting {setting}; 'assistant devices' lists them."
    )


def open_input(
    device: Device,
    rate: int,
    block_ms: int,
    on_block: Callable[[bytes, bool, float], None],
    on_end: Callable[[], None],
) -> tuple[Stream, Format]:
    """Open and start a microphone.

    Args:
        device: an input.
        rate: the preferred number of samples per second.
        block_ms: length of a block.
        on_block: is given each block, whether sound was lost before it, and the age of its first
            sample in seconds; called on PortAudio's own thread, where it must return at once.
        on_end: called when the stream has ended, for whatever reason.

    Raises:
        DeviceError: if the device does not open.
    """
    block_s = block_ms / 1000

    def callback(data: Any, _frames: int, times: Any, status: Any) -> None:
        age_s = age(times.inputBufferAdcTime, times.currentTime, block_s)
        on_block(bytes(data), bool(status.input_overflow), age_s)

    def attempt(each: Format) -> Stream:
        return _started(
            _sounddevice().RawInputStream(
                samplerate=each.rate,
                channels=each.channels,
                blocksize=each.rate * block_ms // 1000,
                device=device.index,
                dtype="int16",
                latency=0.1,  # room for a busy interpreter to be late by some blocks
                callback=callback,
                finished_callback=on_end,
            )
        )

    return open_first(device, rate, attempt)


def age(adc_time: float, current_time: float, block_s: float) -> float:
    """Seconds since the first sample of a block was captured, by PortAudio's two clock times.

    If a driver reports nothing or nonsense, the block is as old as it is long.
    """
    reported = current_time - adc_time
    return reported if adc_time > 0 and block_s < reported <= OLDEST_S else block_s


def open_output(device: Device, rate: int, latency_s: float) -> tuple[OutputStream, Format]:
    """Open a loudspeaker for blocking writes.

    Raises:
        DeviceError: if the device does not open.
    """

    def attempt(each: Format) -> OutputStream:
        return _started(
            _sounddevice().RawOutputStream(
                samplerate=each.rate,
                channels=each.channels,
                device=device.index,
                dtype="int16",
                latency=latency_s,
            )
        )

    return open_first(device, rate, attempt)


def write(stream: OutputStream, data: bytes, each: Format, name: str) -> int:
    """Write samples once there is room for them; how much room there was, per channel.

    Raises:
        DeviceError: if the loudspeaker is gone, or had no room for too long.
    """
    deadline = time.monotonic() + STUCK_S
    needed = len(data) // (2 * each.channels)
    try:
        # checked first, because PortAudio itself would wait for ever if the driver hangs
        while (room := stream.write_available) < needed:
            if time.monotonic() > deadline:
                raise DeviceError(
                    f"The loudspeaker {name!r} has not responded for {STUCK_S:g} s. "
                    "Check the sound server, then ask again."
                )
            time.sleep(0.005)
        stream.write(data)
    except _portaudio_error() as error:
        raise DeviceError(
            f"The loudspeaker {name!r} stopped while playing: {_why(error)}. "
            "Check that it is connected, then ask again."
        ) from None
    return room


def close(stream: Stream) -> None:
    """Close a stream at once; it is abandoned if its driver does not release it."""

    def let_go() -> None:
        with suppress(_portaudio_error()):  # raised if the device is gone
            stream.close()
        _count(-1)

    closing = threading.Thread(target=let_go, name="close-stream", daemon=True)
    closing.start()
    closing.join(STUCK_S)
    if closing.is_alive():
        # PortAudio would close the stream again at exit, and hang the whole process
        atexit.unregister(_sounddevice()._exit_handler)  # noqa: SLF001


def refresh() -> None:
    """Update the list of devices, unless a stream is open, which that would stop.

    Raises:
        DependencyError: if the PortAudio library is not installed.
        DeviceError: if PortAudio does not start again; the next call tries once more.
    """
    sounddevice = _sounddevice()
    with _lock:
        if _open > 0:
            return
        with suppress(_portaudio_error()):  # raised if it did not start the last time
            sounddevice._terminate()  # noqa: SLF001 - PortAudio has no other way
        try:
            sounddevice._initialize()  # noqa: SLF001
        except _portaudio_error() as error:
            raise DeviceError(
                f"The sound system does not start: {_why(error)}. Check the sound server."
            ) from None


_lock = threading.Lock()
_open = 0


def _count(change: int) -> None:
    """Count open streams; one that its driver does not release stays open."""
    global _open  # noqa: PLW0603 - so is PortAudio's own state
    with _lock:
        _open += change


_WORDS = {
    DeviceKind.INPUT: ("microphone", "listen.device"),
    DeviceKind.OUTPUT: ("loudspeaker", "speak.device"),
}


def _started(stream: Any) -> Any:
    try:
        stream.start()
    except _portaudio_error():
        stream.close()
        raise
    _count(+1)
    return stream


def _default_index(kind: DeviceKind) -> int | None:
    try:
        return int(_sounddevice().query_devices(kind=kind.value)["index"])
    except _portaudio_error():
        return None


_WHY = {
    -10_000: "it is not running",
    -9_999: "the sound server or the driver reports an error",
    -9_998: "it does not offer one or two channels",
    -9_997: "it does not offer a rate that Attune can use",
    -9_996: "it is gone",
    -9_994: "it does not offer 16-bit sound",
    -9_992: "there is not enough memory",
    -9_987: "it does not respond",
    -9_985: "it is gone, or another program uses it",
    -9_983: "it was stopped",
}
"""What PortAudio's numbers mean to a person."""


def _why(error: Exception | None) -> str:
    """PortAudio's refusal in words; its own sentence, which names functions, goes to the log."""
    log.info("PortAudio: %s", error)
    number = error.args[1] if error is not None and len(error.args) > 1 else 0
    return _WHY.get(number, "the sound system refuses it")


def _portaudio_error() -> type[Exception]:
    return cast("type[Exception]", _sounddevice().PortAudioError)


def _sounddevice() -> Any:
    # imported late: the import itself opens PortAudio, and fails if the library is missing
    try:
        import sounddevice  # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs]
    except OSError:
        raise DependencyError(
            "The PortAudio library is not installed. Run: sudo apt install libportaudio2"
        ) from None
    return cast("Any", sounddevice)
