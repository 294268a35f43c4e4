"""Checks of the machine: Python, packages, disk, memory and temperature."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import cast

import psutil

import assistant
from assistant.config import Settings
from assistant.doctor.finding import Finding, fail, ok, warn
from assistant.doctor.subject import Subject
from assistant.personalise.background.idle import Device, look

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FIRST_PYTHON, LAST_PYTHON = (3, 10), (3, 13)

JETSON = Path("/etc/nv_tegra_release")
"""Exists only on NVIDIA's Jetson boards."""

WORKING_MB = 300
"""Memory that Python, torch and a turn need in addition to the models' weights."""

LAST_MB = 20
"""Free disk space below which nothing can be saved."""

_MB = 1 << 20


def python(_subject: Subject) -> Finding:
    """Whether Attune supports this Python."""
    here, name = sys.version_info[:2], platform.python_version()
    if not FIRST_PYTHON <= here <= LAST_PYTHON:
        first, last = (".".join(map(str, each)) for each in (FIRST_PYTHON, LAST_PYTHON))
        return fail(
            f"This is Python {name}; Attune needs {first} to {last}. Install one of these and "
            "reinstall Attune with it.",
            version=name,
        )
    return ok(f"Python {name} on {platform.machine()}.", version=name, machine=platform.machine())


def packages(_subject: Subject) -> Finding:
    """Whether the packages that Attune needs are installed in suitable versions."""
    missing = tuple(unmet(requirements()))
    if missing:
        wanted = " ".join(f"'{each}'" for each in missing)
        return fail(
            f"Missing or too old: {', '.join(missing)}. Run: {sys.executable} -m pip install "
            f"{wanted}"
        )
    return ok("All packages are installed in suitable versions.")


def requirements() -> list[str]:
    """The requirements of the installed Attune, or of the source tree that it runs from."""
    try:
        return requires("attune") or []
    except PackageNotFoundError:
        file = Path(assistant.__file__).parent.parent / "pyproject.toml"
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        return cast("list[str]", project["dependencies"])


def unmet(requirements: Iterable[str]) -> Iterator[str]:
    """Requirements such as "numpy>=2.1" or "x==1.0" that the installed packages do not meet.

    Conditional ones, and bounds of other kinds, count as met.
    """
    for requirement in requirements:
        found = re.fullmatch(r"([\w.-]+)\s*(>=|==)\s*([\d.]+)", requirement.strip())
        if found is None:
            continue
        name, relation, wanted = found.groups()
        try:
            installed, least = _numbers(version(name)), _numbers(wanted)
            met = installed == least if relation == "==" else installed >= least
        except PackageNotFoundError:
            met = False
        if not met:
            yield f"{name}{relation}{wanted}"


def disk(subject: Subject) -> Finding:
    """Whether there is room to save what is said and learned."""
    settings = subject.settings
    free_mb = min(look(each).disk_mb for each in (settings.journal.path.parent, settings.bridges))
    return room(free_mb, settings.idle.min_disk_mb)


def room(free_mb: float, least_mb: int) -> Finding:
    """The finding for this much free disk space."""
    free = round(free_mb)
    if free_mb < LAST_MB:
        return fail(
            f"{free} MB are free: what is said can no longer be saved. Make room, or set "
            "journal.keep_days so that old exchanges are erased.",
            free_mb=free,
        )
    if free_mb < least_mb:
        return warn(
            f"{free} MB are free; learning waits for {least_mb} MB. Make room, or lower "
            "idle.min_disk_mb.",
            free_mb=free,
        )
    return ok(f"{free} MB are free.", free_mb=free)


def memory(subject: Subject) -> Finding:
    """Whether the models fit."""
    device = look(subject.settings.bridges)
    if subject.daemon.running:
        return ok(
            f"{device.free_mb:.0f} MB are free while Attune runs.", free_mb=round(device.free_mb)
        )
    total_mb = psutil.virtual_memory().total / _MB
    return fit(device.free_mb, total_mb, needed_mb(subject.settings))


def needed_mb(settings: Settings) -> int:
    """Memory that the daemon needs with these models."""
    weights = [settings.generate.path, *settings.encode.path.glob("*.safetensors")]
    return WORKING_MB + round(sum(each.stat().st_size for each in weights if each.is_file()) / _MB)


def fit(free_mb: float, total_mb: float, needed: int) -> Finding:
    """The finding for this memory if the models need that much of it."""
    figures = {"free_mb": round(free_mb), "total_mb": round(total_mb), "needed_mb": needed}
    if total_mb < needed:
        return fail(
            f"The models need about {needed} MB and the machine has {total_mb:.0f} MB. Set "
            "generate.path to a smaller language model.",
            **figures,
        )
    if free_mb < needed:
        return warn(
            f"The models need about {needed} MB and {free_mb:.0f} MB are free. Close other "
            "programs, or set generate.path to a smaller language model.",
            **figures,
        )
    return ok(f"{free_mb:.0f} MB are free, the models need about {needed} MB.", **figures)


def temperature(subject: Subject) -> Finding:
    """Whether the machine is cool enough for learning."""
    return warmth(look(subject.settings.bridges), subject.settings.idle.max_celsius)


def warmth(device: Device, most: float) -> Finding:
    """The finding for this temperature."""
    if device.celsius is None:
        return ok("The machine has no readable temperature sensor.")
    if device.celsius > most:
        return warn(
            f"The hottest zone is at {device.celsius:.0f} °C; learning waits until it is at most "
            f"{most:g} °C. Improve the airflow or add a cooler.",
            celsius=device.celsius,
        )
    return ok(f"The hottest zone is at {device.celsius:.0f} °C.", celsius=device.celsius)


def _numbers(text: str) -> tuple[int, ...]:
    """The leading numbers of a version, without trailing zeros."""
    found = re.match(r"\d+(\.\d+)*", text)
    numbers = [int(part) for part in found[0].split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
