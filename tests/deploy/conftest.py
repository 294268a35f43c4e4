"""A small checkout with the real installers, and a folder to install into."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Machine:
    """A checkout of Attune and the root folder of a system."""

    checkout: Path
    root: Path

    def dry_run(self, board: str) -> str:
        """What the installer of a board says that it would do from an index."""
        if board == "jetson":  # whose CUDA compiler is not here
            self.change("deploy/jetson/install.sh", "/usr/local/cuda/bin/nvcc", "/bin/sh")
        script = self.checkout / "deploy" / board / "install.sh"
        done = subprocess.run(
            [script, "--dry-run", "--board-check=skip"],
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def install(self, *words: str, board: str = "rpi5") -> subprocess.CompletedProcess[str]:
        """Run a board's installer, without Python and system packages."""
        return subprocess.run(
            [
                *(self.checkout / "deploy" / board / "install.sh", "--root", self.root),
                *("--board-check=skip", "--files-only", *words),
            ],
            check=False,
            capture_output=True,
            text=True,
        )

    def change(self, path: str, old: str, new: str) -> None:
        file = self.checkout / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def version(self, number: str) -> None:
        """Make the checkout another version."""
        lines = (self.checkout / "pyproject.toml").read_text().splitlines(keepends=True)
        lines = [f'version = "{number}"\n' if w.startswith("version =") else w for w in lines]
        (self.checkout / "pyproject.toml").write_text("".join(lines))

    @property
    def current(self) -> str:
        return (self.root / "opt/attune/current").readlink().name

    @property
    def files(self) -> set[str]:
        return {str(p.relative_to(self.root)) for p in self.root.rglob("*") if not is_folder(p)}


def is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def snapshot(root: Path, *, but: Sequence[str] = ()) -> dict[str, tuple[object, ...]]:
    """Everything below a folder: mode, owner, time, and a digest of contents or target."""
    found: dict[str, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [n for n in folders if os.path.relpath(Path(folder, n), root) not in but]
        for name in [".", *folders, *files]:
            path = Path(folder, name)
            status = path.lstat()
            if path.is_symlink():
                holds = os.fsencode(path.readlink())
            else:
                holds = path.read_bytes() if path.is_file() else b""
            digest = hashlib.sha256(holds).hexdigest()
            facts = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, digest)
            found[str(path.relative_to(root))] = facts
    return found


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    checkout, root = tmp_path / "my checkout", tmp_path / "root"
    for folder in ("deploy", "systemd"):
        shutil.copytree(ROOT / folder, checkout / folder)
    pins = ("constraints.txt", "hashes.txt")
    for name in ("README.md", "pyproject.toml", *pins, "assistant/__init__.py"):
        (checkout / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    (checkout / "models" / "starter").mkdir(parents=True)
    shutil.copy(ROOT / "models" / "catalog.toml", checkout / "models")
    root.mkdir()
    return Machine(checkout, root)
