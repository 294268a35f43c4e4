# ruff: noqa: INP001 - a script, not a package
"""Asks the package index whether a board gets a wheel for every pinned package.

    .venv/bin/python deploy/wheels.py [--board NAME]...

What each board would install is followed from pyproject.toml through constraints.txt, with the
board's Python and aarch64 put in for this machine's. Needs what ``make test`` sets up.
Exit status 1 where a package has no wheel or no pin, or where a Raspberry Pi would get CUDA.

Two packages go their own way, as in the installers: llama-cpp-python is compiled on the board, and
torch comes from an index of its own.
"""

from __future__ import annotations

import argparse
import enum
import json
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from importlib.metadata import requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename
from rich.console import Console
from rich.table import Table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent

COMPILED = "llama-cpp-python"
TORCH = "torch"
OPTIONAL = ("barge-in", "piper", "wake")
"""What settings may ask for beside; not the button, whose lgpio a board compiles, too."""

CUDA = re.compile(r"(nvidia|cuda|pytorch-triton|triton)(-|$)")
"""Packages that only a CUDA build asks for."""


class Cuda(enum.Enum):
    """Whether CUDA has any business on a board."""

    WELCOME = "welcome"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Board:
    """A board with the Python of its system."""

    name: str
    folder: str  # of its installer, below deploy/
    python: str  # "3.11"
    glibc: int  # minor version of the C library, 2.N
    cuda: Cuda

    @property
    def environment(self) -> dict[str, str]:
        """What environment markers are judged by."""
        return {
            "implementation_name": "cpython",
            "os_name": "posix",
            "platform_machine": "aarch64",
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
        }

    @property
    def platform(self) -> list[str]:
        """Options that have pip choose for this board instead of the machine it runs on."""
        tags = [f"manylinux_2_{minor}_aarch64" for minor in range(self.glibc, 16, -1)]
        tags += ["manylinux2014_aarch64", "linux_aarch64"]
        return [
            *(word for tag in tags for word in ("--platform", tag)),
            *("--python-version", self.python, "--implementation", "cp"),
            *("--abi", f"cp{self.python.replace('.', '')}"),
        ]

    def told(self, name: str) -> str:
        """What the board's installer sets ``name`` to."""
        text = (ROOT / "deploy" / self.folder / "install.sh").read_text(encoding="utf-8")
        found = re.search(rf"^ *readonly {name}='?([^'\n]+)'?$", text, re.MULTILINE)
        if found is None:
            raise LookupError(f"deploy/{self.folder}/install.sh does not set {name}.")
        return found[1]


BOARDS = (
    Board("rpi5 bookworm", "rpi5", "3.11", 36, Cuda.REFUSED),
    Board("rpi5 trixie", "rpi5", "3.13", 41, Cuda.REFUSED),
    Board("orin jetpack6", "jetson", "3.10", 35, Cuda.WELCOME),
)


@dataclass(frozen=True, slots=True)
class Package:
    """One package as an index offers it."""

    name: str
    version: str
    kind: str  # the wheel's oldest platform, or how else it comes
    needs: tuple[str, ...]  # its requirements


class Fault(enum.Enum):
    """What is wrong with a package."""

    MISSING = "no wheel"
    UNPINNED = "not pinned"
    UNFIT = "pin does not fit"
    REFUSED = "CUDA"


@dataclass(frozen=True, slots=True)
class Row:
    """What a board gets of one package."""

    name: str
    package: Package | None
    fault: Fault | None = None

    def __str__(self) -> str:
        text = f"{self.package.version} {self.package.kind}" if self.package else ""
        return f"{text} [{self.fault.value}]".strip() if self.fault else text


def pinned(lines: Sequence[str], board: Board) -> dict[str, str]:
    """Name and version of every pin that holds on a board."""
    pins = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return {
        canonicalize_name(pin.name): next(iter(pin.specifier)).version
        for pin in pins
        if pin.marker is None or pin.marker.evaluate({**board.environment, "extra": ""})
    }


def from_report(report: Mapping[str, Any]) -> dict[str, Package]:
    """The packages of a ``pip install --report``."""
    packages: dict[str, Package] = {}
    for item in report["install"]:
        metadata = item["metadata"]
        name = canonicalize_name(metadata["name"])
        filename = item["download_info"]["url"].split("#")[0].rsplit("/", 1)[-1]
        packages[name] = Package(
            name,
            metadata["version"],
            platform(filename.replace("%2B", "+")),
            tuple(metadata.get("requires_dist", ())),
        )
    return packages


def platform(filename: str) -> str:
    """The oldest platform that a wheel is for, in short."""
    tags = {tag.platform for tag in parse_wheel_filename(filename)[3]}
    return min(tags, key=lambda tag: (len(tag), tag)).removesuffix("_aarch64")


def follow(
    wanted: Sequence[str], packages: Mapping[str, Package], pins: Mapping[str, str], board: Board
) -> list[Row]:
    """Everything that ``wanted`` brings to a board, with what is wrong with it."""
    rows: dict[str, Row] = {}
    asked: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in wanted]
    while waiting:
        requirement, extra = waiting.pop()
        marker = requirement.marker
        if marker is not None and not marker.evaluate({**board.environment, "extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        package = packages.get(name)
        fits = package is None or requirement.specifier.contains(package.version, prereleases=True)
        if name not in rows or not fits:
            rows[name] = Row(name, package, _fault(name, package, pins, board, fits=fits))
        for wish in {"", *requirement.extras}:
            if package is not None and (name, wish) not in asked:
                asked.add((name, wish))
                waiting += [(Requirement(text), wish) for text in package.needs]
    return [rows[name] for name in sorted(rows)]


def _fault(
    name: str, package: Package | None, pins: Mapping[str, str], board: Board, *, fits: bool
) -> Fault | None:
    if board.cuda is Cuda.REFUSED and CUDA.match(name):
        return Fault.REFUSED
    if name not in pins:
        return Fault.UNPINNED
    if package is None:
        return Fault.MISSING
    return None if fits else Fault.UNFIT


def without_cuda(package: Package, kind: str) -> Package:
    """What the CPU build of a package asks for, told from its CUDA build."""
    needs = (text for text in package.needs if not CUDA.match(Requirement(text).name))
    return Package(package.name, package.version, kind, tuple(needs))


def ask(wanted: Sequence[str], *options: str) -> dict[str, Package]:
    """What pip would install of ``wanted`` with ``options``; what has no wheel is left out."""
    left = list(wanted)
    with tempfile.TemporaryDirectory() as folder:
        while left:
            done = _pip(
                *("install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet"),
                *("--report", f"{folder}/report.json", "--only-binary", ":all:"),
                *("--target", folder, *options, *left),
            )
            if done.returncode == 0:
                return from_report(json.loads(Path(folder, "report.json").read_text("utf-8")))
            missing = re.findall(r"No matching distribution found for (\S+)", done.stderr)
            if not set(missing) & set(left):
                raise SystemExit(f"pip failed:\n{done.stderr}")
            left = [text for text in left if text not in missing]
    return {}


def build(requirement: str) -> Package | None:
    """A package that comes as source only; None unless that is pure Python, good anywhere."""
    with tempfile.TemporaryDirectory() as folder:
        done = _pip("wheel", "--quiet", "--no-deps", "--wheel-dir", folder, requirement)
        wheels = list(Path(folder).glob("*-none-any.whl"))
        if done.returncode != 0 or not wheels:
            return None
        with zipfile.ZipFile(wheels[0]) as wheel:
            (path,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
            metadata = message_from_bytes(wheel.read(path))
    name, version = canonicalize_name(metadata["Name"]), metadata["Version"]
    return Package(name, version, "any, from source", tuple(metadata.get_all("Requires-Dist", [])))


def _pip(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-m", "pip", *words], check=False, capture_output=True, text=True
    )


def torch(board: Board, version: str) -> tuple[Package | None, str]:
    """The torch that a board gets, and a word on where that was asked."""
    index = board.told("torch_index")
    wanted = board.told("torch_wanted").replace("PINNED", version)
    try:
        with urllib.request.urlopen(f"{index.rstrip('/')}/torch/", timeout=30):  # noqa: S310 - https
            pass
    except urllib.error.HTTPError as error:
        return None, f"{index} answered {error}."
    except OSError:
        pin = f"{TORCH}=={version}"
        found = ask([pin], *board.platform).get(TORCH)
        note = f"{index} cannot be reached from here, so {wanted} was not looked for there; "
        if found is None:
            return None, f"{note}PyPI has no aarch64 wheel of {pin} either."
        note += f"PyPI has an aarch64 wheel of {pin} for Python {board.python}."
        return without_cuda(found, f"{found.kind}, PyPI"), note
    found = ask([wanted], "--isolated", "--index-url", index, *board.platform).get(TORCH)
    return found, f"{wanted} was looked for at {index}."


def look_up(board: Board) -> tuple[list[Row], list[str], str]:
    """A board's packages, the pins without a wheel that it does not need, a word on torch."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = pinned(lines, board)
    wanted = [f"{name}=={pins[name]}" for name in sorted({*pins} - {COMPILED, TORCH})]
    packages = ask(wanted, *board.platform)
    for name in {*pins} - {*packages, COMPILED, TORCH}:
        if found := build(f"{name}=={pins[name]}"):
            packages[name] = found
    packages[COMPILED] = Package(
        COMPILED, pins[COMPILED], "compiled there", tuple(requires(COMPILED) or ())
    )
    found, note = torch(board, pins[TORCH])
    if found is not None:
        packages[TORCH] = found
    extras = project["optional-dependencies"]
    wishes = [*project["dependencies"], *(text for name in OPTIONAL for text in extras[name])]
    rows = follow(wishes, packages, pins, board)
    needed = {row.name for row in rows}
    return rows, sorted({*pins} - {*packages} - needed), note


def table(found: Mapping[str, Sequence[Row]]) -> Table:
    """Packages down, boards across."""
    cells = {name: {row.name: str(row) for row in rows} for name, rows in found.items()}
    result = Table("package", *cells)
    for name in sorted({name for rows in cells.values() for name in rows}):
        result.add_row(name, *(rows.get(name, "-").replace("[", r"\[") for rows in cells.values()))
    return result


def faults(found: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    """One sentence for everything that is wrong."""
    for name, rows in found.items():
        for row in rows:
            if row.fault is not None:
                yield f"{name}: {row.name}: {row.fault.value}."


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; 1 if something is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    names = [board.name for board in BOARDS]
    parser.add_argument("--board", action="append", choices=names, help="only this one")
    chosen = parser.parse_args(words).board or names
    console = Console(width=120, highlight=False)
    found: dict[str, list[Row]] = {}
    notes: list[str] = []
    for board in BOARDS:
        if board.name in chosen:
            rows, idle, note = look_up(board)
            found[board.name] = rows
            notes.append(f"{board.name}: {len(rows)} packages. {note}")
            if idle:
                needing = "only development or a button needs it"
                notes.append(f"{board.name}: no wheel, but {needing}: {idle}")
    console.print(table(found))
    for line in notes:
        console.print(line, markup=False)
    wrong = list(faults(found))
    for line in wrong:
        console.print(line, markup=False)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
