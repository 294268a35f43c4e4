"""hashes.txt, and that pip installs nothing else."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.conftest import ROOT, Machine

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
MACHINES = ("x86_64", "aarch64")

SMALL = "mdurl"
"""A small package of the run-time ones, which needs no other."""

BUILT = "docopt"
"""A small one that comes as source only."""


def entries() -> Iterator[tuple[Requirement, list[str]]]:
    """What is pinned, and its hashes."""
    for entry in re.split(r"\n(?=\S)", (ROOT / "hashes.txt").read_text().strip()):
        pin, *hashes = entry.replace("\\\n", "").split("--hash=")
        yield Requirement(pin), [text.strip() for text in hashes]


def versions(pins: list[Requirement], python: str, machine: str) -> dict[str, str]:
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.4",
        "platform_machine": machine,
        "sys_platform": "linux",
        "extra": "",
    }
    return {
        canonicalize_name(pin.name): next(iter(pin.specifier)).version
        for pin in pins
        if pin.marker is None or pin.marker.evaluate(environment)
    }


@pytest.mark.parametrize(("python", "machine"), list(itertools.product(PYTHONS, MACHINES)))
def test_versions_and_hashes_agree(python: str, machine: str) -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    named = [Requirement(line) for line in lines if not line.startswith("#")]
    hashed = [pin for pin, _ in entries()]
    wanted = versions(named, python, machine)
    assert versions(hashed, python, machine) == wanted, "run 'make hashes'"
    assert wanted


def test_every_pin_has_hashes_of_its_files_and_no_index_is_named() -> None:
    for pin, hashes in entries():
        assert hashes, pin
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", text) for text in hashes), pin
    assert "//" not in (ROOT / "hashes.txt").read_text()


def test_what_is_compiled_is_compiled_with_what_is_pinned() -> None:
    pinned = {canonicalize_name(pin.name) for pin, _ in entries()}
    assert {"cmake", "editables", "ninja", "scikit-build-core", "setuptools", "hatchling"} <= pinned


@pytest.mark.parametrize("board", ["rpi5", "jetson"])
def test_the_installers_ask_for_hashes(machine: Machine, board: str) -> None:
    pips = [line for line in machine.dry_run(board).splitlines() if " -m pip " in line]
    unhashed = [line for line in pips if " --require-hashes " not in line]
    built = [line for line in unhashed if " pip wheel --no-deps --build-constraint " in line]
    assert len(built) == 1
    named = [r"torch\>=2.6"] if board == "jetson" else []  # whose version NVIDIA decides
    assert [line.split()[-1] for line in unhashed if line not in built] == named
    assert len(pips) == 5


@pytest.fixture
def pip(tmp_path: Path) -> tuple[str, ...]:
    """The real pip, for an environment of its own."""
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    return (sys.executable, "-I", "-m", "pip", "--python", str(python), "install", "--no-cache-dir")


def tampered(tmp_path: Path, name: str) -> Path:
    """hashes.txt with other hashes of one package."""
    text = (ROOT / "hashes.txt").read_text()
    entry = re.search(rf"^{name}==(.*\\\n)*.*$", text, re.MULTILINE)
    assert entry is not None
    wrong = re.sub("sha256:[0-9a-f]{8}", "sha256:00000000", entry[0])
    path = tmp_path / "hashes.txt"
    path.write_text(text.replace(entry[0], wrong))
    return path


def tried(*words: str | Path) -> str:
    """What a pip says that has to refuse."""
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode != 0, done.stdout
    return done.stdout + done.stderr


def test_pip_refuses_another_file(pip: tuple[str, ...], tmp_path: Path) -> None:
    hashes = tampered(tmp_path, SMALL)
    asked = (*pip, "--require-hashes", "--constraint")
    assert "DO NOT MATCH THE HASHES" in tried(*asked, hashes, SMALL)
    # as 'make run' asks, too
    assert "DO NOT MATCH" in tried(*pip, "--no-require-hashes", "--constraint", hashes, SMALL)
    subprocess.run([*asked, ROOT / "hashes.txt", SMALL], check=True, capture_output=True)


def test_pip_refuses_to_build_with_another_file(pip: tuple[str, ...], tmp_path: Path) -> None:
    known = ("--require-hashes", "--constraint", ROOT / "hashes.txt")
    said = tried(*pip, *known, "--build-constraint", tampered(tmp_path, "setuptools"), BUILT)
    assert "DO NOT MATCH THE HASHES" in said
    assert "setuptools" in said
