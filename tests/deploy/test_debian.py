"""The Pi's installer in a whole Debian, made for the test: real packages, real Python, real units.

Needs root, debootstrap and the network, and the Python of a Debian release.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deploy.conftest import ROOT, snapshot

SUITES = {(3, 11): "bookworm", (3, 13): "trixie"}

KEPT_BY_DEBIAN = ("dev", "proc", "run", "sys", "tmp", "var/cache", "var/lib", "var/log")
"""The kernel's folders, and those in which apt and dpkg keep their books."""

REBUILT_BY_DEBIAN = {
    *("etc/group", "etc/group-", "etc/gshadow", "etc/gshadow-", "etc/ld.so.cache"),
    *("etc/passwd", "etc/passwd-", "etc/shadow", "etc/shadow-", "etc/subgid", "etc/subuid"),
    *("etc/.pwd.lock", "etc/subgid-", "etc/subuid-"),
}
"""Users and caches, looked at by themselves."""


QUIET = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}


def run(*words: str | Path) -> str:
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=QUIET)
    assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def install(root: Path, *words: str | Path) -> str:
    script = ROOT / "deploy/rpi5/install.sh"
    return run(script, "--root", root, "--board-check=skip", *words)


@contextmanager
def mounted(root: Path) -> Iterator[None]:
    """The kernel's own folders, without which some programs do not start."""
    run("mount", "-t", "proc", "proc", root / "proc")
    try:
        yield
    finally:
        run("umount", root / "proc")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Attune and its packages, as somebody with a second board would make them."""
    folder = tmp_path_factory.mktemp("wheels")
    torch = run(
        sys.executable, "-c", "from importlib.metadata import version as v; print(v('torch'))"
    ).strip()
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", folder)
    run(*pip, "--no-deps", f"torch=={torch}")
    constraints = folder / "constraints.txt"
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    others = [line for line in lines if not line.startswith("torch==")]
    constraints.write_text("\n".join([*others, f"torch=={torch}"]))
    run(*pip, "--find-links", folder, "--constraint", constraints, ROOT)
    constraints.unlink()
    return folder


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert os.geteuid() == 0, "this test makes a Debian root, as root"
    suite = SUITES.get(sys.version_info[:2])
    assert suite is not None, f"run this test with the Python of one of {SUITES}"
    assert shutil.which("debootstrap"), "apt-get install debootstrap"
    root = tmp_path_factory.mktemp("debian")
    # what the boards' systems come with
    more = "--include=systemd,udev,procps,python3,ca-certificates"
    run("debootstrap", "--variant=minbase", more, suite, root)
    run("chroot", root, "apt-get", "-qq", "update")
    return root


def system(root: Path) -> dict[str, tuple[object, ...]]:
    """The system's files but for what Debian's own tools keep changing; times left out."""
    return {
        name: (mode, uid, gid, digest)
        for name, (mode, uid, gid, _, digest) in snapshot(root, but=KEPT_BY_DEBIAN).items()
        if name not in REBUILT_BY_DEBIAN and "__pycache__" not in name
    }


@pytest.mark.soak
def test_install_use_install_again_and_remove(debian: Path, wheels: Path) -> None:
    before = system(debian)
    with mounted(debian):
        install(debian, "--wheels", wheels)

        # it is all there, and works
        inside = ("chroot", debian)
        shown = json.loads(run(*inside, "assistant", "config", "show", "--json"))
        assert shown["settings"]["idle.max_celsius"]["value"] == 70
        speech = next((ROOT / "models/starter/examples").glob("*.flac"))
        shutil.copy(speech, debian / "tmp" / "speech.flac")
        assert run(*inside, "assistant", "transcribe", "/tmp/speech.flac").strip()  # noqa: S108
        assert "attune" in run(*inside, "getent", "passwd", "attune")
        assert "attune" in run(*inside, "id", "-Gn", "attune")
        run(*inside, "systemd-analyze", "verify", "attune.service", "attune-trainer.socket")
        assert run(*inside, "systemctl", "is-enabled", "attune.service").strip() == "enabled"
        packages = debian.glob("opt/attune/releases/*/venv/lib/python3*/site-packages/*")
        names = {path.name.lower() for path in packages}
        assert "torch" in names
        assert not [name for name in names if name.startswith(("cuda", "nvidia", "triton"))]

        # a second time there is nothing to do
        installed = snapshot(debian / "opt"), snapshot(debian / "etc"), snapshot(debian / "usr")
        assert "nothing to do" in install(debian, "--wheels", wheels)
        again = snapshot(debian / "opt"), snapshot(debian / "etc"), snapshot(debian / "usr")
        assert again == installed

        # removed, with what came along, it leaves the data and their owner
        (debian / "var/lib/attune").mkdir(exist_ok=True)
        (debian / "var/lib/attune/journal.db").write_text("all that was said")
        install(debian, "--uninstall")
        # python3 only suggests python3-venv, for which apt would keep it
        strictly = "-oAPT::AutoRemove::SuggestsImportant=false"
        run(*inside, "apt-get", "-qq", "autoremove", "--purge", "--yes", strictly)
        assert (debian / "var/lib/attune/journal.db").read_text() == "all that was said"
        assert "attune" in run(*inside, "getent", "passwd", "attune")
        after = system(debian)
        assert {name for name in after if name not in before} == set()
        assert after == before

        # and not even those
        install(debian, "--uninstall", "--purge-data")
        assert not (debian / "var/lib/attune").exists()
        assert "attune" not in (debian / "etc/passwd").read_text()
        assert "attune" not in (debian / "etc/group").read_text()
