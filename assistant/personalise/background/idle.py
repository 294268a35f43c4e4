"""When the device counts as idle: a pure policy, and the reading of the device it needs."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time
from pathlib import Path

import psutil

from assistant.config import IdleSettings

SYS = Path("/sys")

PLAUSIBLE_CELSIUS = range(-40, 150)
"""A sensor reading outside this range is broken or absent."""

_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Device:
    """The state of the device; ``None`` where it does not report a value."""

    load: float  # one-minute average per core
    free_mb: float  # free memory
    disk_mb: float  # free disk space where bridges are kept
    celsius: float | None = None  # of the hottest zone
    on_mains: bool | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that decides whether a training may begin."""

    device: Device
    clock: time  # local
    quiet_s: float  # since the last speech, or since Attune started
    in_turn: bool
    new_examples: int  # since the last training
    due: str | None = None  # why one is due regardless of new examples, such as an erasure
    asked: bool = False  # whether a person asked for it
    retry_s: float = 0.0  # remaining wait after a failed training
    spoken: bool = True  # whether there was speech since Attune started


def waits(snapshot: Snapshot, idle: IdleSettings, needed_mb: int) -> tuple[str, ...]:
    """What a training is waiting for, in words; empty if it may begin.

    A training that a person asked for waits only for the end of a turn, and for memory (the trainer
    may use ``needed_mb``) and disk space.
    """
    considerate = () if snapshot.asked else _for_peace(snapshot, idle)
    return (*considerate, *_for_room(snapshot, idle, needed_mb))


def look(folder: Path, sys: Path = SYS) -> Device:
    """The device's current state; ``folder``, for bridges, need not exist yet."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    return Device(
        load=psutil.getloadavg()[0] / (os.cpu_count() or 1),
        free_mb=psutil.virtual_memory().available / _MB,
        disk_mb=shutil.disk_usage(there).free / _MB,
        celsius=_hottest(sys / "class" / "thermal"),
        on_mains=on_mains(sys / "class" / "power_supply"),
    )


def _for_peace(snapshot: Snapshot, idle: IdleSettings) -> Iterator[str]:
    device = snapshot.device
    if snapshot.due is None and (missing := idle.min_new - snapshot.new_examples) > 0:
        yield f"{missing} more example{'s' * (missing > 1)}"
    if (more := idle.quiet_s - snapshot.quiet_s) > 0:
        what = "somebody spoke" if snapshot.spoken else "Attune started"
        yield f"{what} {_span(snapshot.quiet_s)} ago, {_span(more)} more"
    if snapshot.retry_s > 0:
        yield f"after a failed training: {_span(snapshot.retry_s)} more"
    if idle.hours is not None and not _within(snapshot.clock, idle.hours):
        yield f"it is {snapshot.clock:%H:%M}, allowed {idle.hours}"
    if device.on_mains is False and not idle.on_battery:
        yield "mains power"
    if device.load > idle.max_load:
        load = math.ceil(device.load * 100) / 100  # rounded up, so never shown as the limit itself
        yield f"load is {load:.2f} per core, at most {idle.max_load:.2f}"
    if device.celsius is not None and device.celsius > idle.max_celsius:
        yield f"temperature is {math.ceil(device.celsius)} °C, at most {idle.max_celsius:g}"


def _for_room(snapshot: Snapshot, idle: IdleSettings, needed_mb: int) -> Iterator[str]:
    device = snapshot.device
    if snapshot.in_turn:
        yield "a conversation turn is in progress"
    if device.free_mb < (least := needed_mb + idle.min_free_mb):
        yield f"memory: {int(device.free_mb)} MB free, {least} MB needed"
    if device.disk_mb < idle.min_disk_mb:
        yield f"disk: {int(device.disk_mb)} MB free, {idle.min_disk_mb} MB needed"


def _within(clock: time, hours: str) -> bool:
    """Whether a time is within hours such as "22:00-06:00", excluding the end."""
    begin, end = (time.fromisoformat(part) for part in hours.split("-"))
    if begin < end:
        return begin <= clock < end
    return clock >= begin or clock < end


def _span(seconds: float) -> str:
    """A duration, rounded up."""
    if seconds <= 300:
        return f"{math.ceil(seconds)} s"
    if seconds <= 2 * 3600:
        return f"{math.ceil(seconds / 60)} min"
    return f"{math.ceil(seconds / 3600)} h"


def _hottest(zones: Path) -> float | None:
    """The highest plausible thermal-zone reading in °C."""
    celsius = [
        reading / 1000
        for zone in zones.glob("thermal_zone*")
        # Jetson boards have a zone of this name that always reads 100 °C
        if (reading := _number(zone / "temp")) is not None
        and int(reading / 1000) in PLAUSIBLE_CELSIUS
        and not _text(zone / "type").startswith("PMIC")
    ]
    return max(celsius, default=None)


def on_mains(supplies: Path = SYS / "class" / "power_supply") -> bool | None:
    """Whether the device has external power; ``None`` if the kernel does not report it."""
    mains: list[bool] = []
    usb: list[bool] = []
    batteries: set[str] = set()
    for supply in supplies.glob("*"):
        kind = _text(supply / "type")
        if kind == "Mains" or kind.startswith("USB"):
            if (online := _number(supply / "online")) is not None:
                (mains if kind == "Mains" else usb).append(online > 0)
        elif (
            kind == "Battery" and _text(supply / "scope") != "Device"
        ):  # "Device" is a mouse's, say
            batteries.add(_text(supply / "status"))
    if any(mains) or any(usb):
        return True
    # a desktop's unused USB ports are offline, too: they matter only if there is a battery
    if mains or (usb and batteries) or "Discharging" in batteries:
        return False
    return None


def _number(path: Path) -> int | None:
    try:
        return int(_text(path))
    except ValueError:
        return None


def _text(path: Path) -> str:
    """A sysfs file; empty if it is missing or the driver refuses to read it."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
