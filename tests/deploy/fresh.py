"""Proves what the README promises of a fresh machine, in a Debian made for it: ``make fresh``.

There the last commit is cloned and set up; ``make run`` without the network, ``make run`` twice
with it, ``make test``, a walk through every command of the README (``tests/deploy/walk.py``) and
``make lint`` must do. The walk's transcript is kept in ``build/``. Needs root, debootstrap and the
network. Wherever this machine's pip and apt take packages from, they take them from there, too.

    ATTUNE_PEOPLE   a folder of recordings to be answered in place of the bundled ones
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SUITE = "bookworm"

RECIPES = "/usr/share/debootstrap/scripts"
"""What debootstrap knows of each Debian; it may be older than one."""

MIRROR = "http://deb.debian.org/debian"

PROMISED = "python3,make,git,ca-certificates"
"""What somebody has to have before, by the README."""

READY_S = 5.0
"""Within which it has to be ready once it is set up."""

PIP_FILES = ("/etc/pip.conf", "/etc/xdg/pip", "~/.config/pip", "~/.pip")
PASSED_ON = re.compile(
    r"PIP_(?!CACHE_).*|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|TORCH_INDEX|.*_proxy", re.IGNORECASE
)

OWN = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}

CLONE = "/srv/attune"
"""Where others can read it, too, as some tests have it."""

WALK = "build/walk.txt"
"""The transcript of the walk, there and here."""

GOES_ON = "Attune uses the models it has"
"""What it says where the everyday models cannot be fetched."""

WALKS = ("sh", "-c", f"cd {CLONE} && exec .venv/bin/python -m tests.deploy.walk {WALK}")

EXAMPLES = "models/starter/examples"
PEOPLE = "/people"

ENTER = """
mount --make-rprivate /
mount --bind "$0" "$0"
mount -t proc proc "$0/proc"
mount -t sysfs sysfs "$0/sys"
mount --rbind /dev "$0/dev"
while [ "$1" != -- ]; do
  mount --bind -o ro "$1" "$0$2"
  shift 2
done
shift
cd "$0"
pivot_root . .
umount -l .
cd /
exec "$@"
"""
"""Into the root, with mounts that nobody else sees and that go with the last process there. Not by
chroot, in which nobody is given namespaces of their own, as some tests ask for."""


class Debian:
    """A Debian in a folder, with this machine's settings of pip.

    Args:
        root: the folder; ``bootstrap`` has made it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._passed_on = {k: v for k, v in os.environ.items() if PASSED_ON.fullmatch(k)}
        self._mounts: list[str] = []
        self._take_over_pip()

    def command(self, *words: str, unshare: Sequence[str] = ()) -> list[str]:
        """What runs a command there.

        Args:
            words: the command.
            unshare: what it shall not share with this machine beside mounts, as flags of 'unshare'.
        """
        settings = [f"{name}={text}" for name, text in (OWN | self._passed_on).items()]
        alone = ["unshare", "--mount", *unshare]
        enter = [*alone, "sh", "-euc", ENTER, str(self.root), *self._mounts, "--"]
        return [*enter, "env", "-i", *settings, *words]

    def run(self, *words: str, unshare: Sequence[str] = ()) -> str:
        """What such a command writes, which is shown, too."""
        return shown(self.command(*words, unshare=unshare))

    def _take_over_pip(self) -> None:
        """The settings of pip, and whatever files and folders they name."""
        for name in (*PIP_FILES, self._passed_on.get("PIP_CONFIG_FILE", "/none")):
            source = Path(name).expanduser()
            if source.exists():
                self._show(source, name.replace("~", "/root", 1))
                for file in [source] if source.is_file() else source.glob("pip.conf"):
                    self._reach(values(file))
        self._reach(self._passed_on.values())

    def _reach(self, texts: Iterable[str]) -> None:
        for path in paths(texts):
            self._show(path, str(path))

    def _show(self, source: Path, place: str) -> None:
        """Have a file or folder of this machine there, too."""
        target = self.root / place.lstrip("/")
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        elif place not in self._mounts[1::2]:
            target.mkdir(parents=True, exist_ok=True)
            self._mounts += [str(source.resolve()), place]


class Fresh(Debian):
    """A Debian with what the README asks for, a clone of this project, and nothing else."""

    def __init__(self, root: Path, people: Path | None) -> None:
        bootstrap(root, SUITE, PROMISED)
        super().__init__(root)
        if people is not None:
            self._show(people, PEOPLE)
        bundle = root / "root" / "attune.bundle"
        shown(["git", "-C", str(ROOT), "bundle", "create", "--quiet", str(bundle), "HEAD"])
        self.run("git", "clone", "--quiet", "/root/attune.bundle", CLONE)

    def make(self, *words: str, unshare: Sequence[str] = ()) -> str:
        """What a target of the clone writes."""
        return self.run("make", "--no-print-directory", "-C", CLONE, *words, unshare=unshare)

    @property
    def clone(self) -> Path:
        """The clone, as this machine sees it."""
        return self.root / CLONE.lstrip("/")

    def switched_on(self) -> set[str]:
        """The services that start with the machine."""
        return {each.name for each in (self.root / "etc/systemd/system").glob("*.wants/*")}


def bootstrap(root: Path, suite: str, packages: str) -> None:
    """Make a Debian, with the settings of this machine's apt; where it is the same, its sources."""
    command = ["debootstrap", "--variant=minbase", f"--include={packages}", suite, str(root)]
    if not Path(RECIPES, suite).exists():  # as all have been the same for years
        command += [MIRROR, f"{RECIPES}/sid"]
    shown(command)
    release = Path("/etc/os-release").read_text(encoding="utf-8")
    same = f"VERSION_CODENAME={suite}\n" in release
    for name in ("apt.conf.d", "auth.conf.d", *("sources.list", "sources.list.d") * same):
        source, target = Path("/etc/apt", name), root / "etc/apt" / name
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif target.name == "sources.list":  # of debootstrap; the sources are in the folder
            target.write_bytes(source.read_bytes() if source.exists() else b"")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    # an installer writes it, debootstrap does not
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n", encoding="ascii")


def shown(command: list[str]) -> str:
    """What a command writes, which is shown, too."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command[-4:])}: status {process.returncode}")
    return "".join(lines)


def values(file: Path) -> list[str]:
    parser = configparser.RawConfigParser()
    parser.read(file, encoding="utf-8")
    return [text for section in parser.sections() for _, text in parser.items(section)]


def paths(texts: Iterable[str]) -> Iterator[Path]:
    """The files and folders that settings name, as they are or as addresses."""
    for word in " ".join(texts).split():
        path = Path(word.removeprefix("file://"))
        if path.is_absolute() and path.exists():
            # an index of packages tells of files that lie beside it
            yield path.parent if path.name == "simple" else path


def ready_s(told: str) -> float:
    """After how many seconds the models were ready."""
    found = re.search(r"^Models ready after ([\d.]+) s\.$", told, re.MULTILINE)
    if found is None:
        raise SystemExit("It never said that its models are ready.")
    return float(found[1])


def answered(told: str) -> int:
    """How many exchanges had an answer."""
    return len(re.findall(r"^  Attune  \S", told, re.MULTILINE))


def bring(there: Path, here: Path, name: str) -> None:
    """Keep a file of one checkout in another, too, if it was written."""
    if (there / name).is_file():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(there / name, here / name)


def prove(fresh: Fresh, recordings: str, least: int) -> None:
    """Run what the README says.

    Args:
        fresh: the machine.
        recordings: a folder there.
        least: how many exchanges there must be.
    """
    arguments = f"ARGS=--input {recordings}"
    fresh.run(f"{CLONE}/deploy/setup.sh", "--for", "run")
    offline = fresh.make("run", arguments, unshare=["--net"])
    if GOES_ON not in offline:
        raise SystemExit("Without a network it said nothing of the models that it could not fetch.")
    first = fresh.make("run", arguments)
    second = fresh.make("run", arguments)
    for told in (offline, first, second):
        if answered(told) < least:
            raise SystemExit(f"{answered(told)} exchanges had an answer, not {least}.")
    if ready_s(second) >= READY_S:
        raise SystemExit(f"It took {ready_s(second)} s to be ready, not less than {READY_S:g} s.")
    tested = fresh.make("test")
    summary = tested.rstrip().splitlines()[-1]
    if not re.search(r"\b\d+ passed\b", summary):
        raise SystemExit(f"The tests passed none: {summary}")
    if "mosquitto.service" in fresh.switched_on():
        raise SystemExit("Set-up has left a broker switched on.")
    try:
        fresh.run(*WALKS)
    finally:
        bring(fresh.clone, ROOT, WALK)
    fresh.make("lint")
    sys.stdout.write(
        f"Fresh: {answered(first)} answers, ready after {ready_s(first)} s, then {ready_s(second)} "
        f"s; tests: {summary.strip('= ')}\n"
    )


def main(environ: Mapping[str, str] = os.environ) -> None:
    """Make a fresh machine, prove it, and take it away."""
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        raise SystemExit("This makes a Debian: run it as root, after apt-get install debootstrap.")
    people = Path(environ["ATTUNE_PEOPLE"]).resolve() if environ.get("ATTUNE_PEOPLE") else None
    with tempfile.TemporaryDirectory(prefix="attune-fresh-", dir="/var/tmp") as folder:
        fresh = Fresh(Path(folder) / "root", people)
        if people is None:
            prove(fresh, EXAMPLES, len(list((ROOT / EXAMPLES).glob("*.flac"))))
        else:
            prove(fresh, PEOPLE, 1)


if __name__ == "__main__":
    main()
