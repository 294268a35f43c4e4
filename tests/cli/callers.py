"""Commands as another user of this machine types them: real files, real rights, real processes."""

from __future__ import annotations

import importlib
import io
import os
import pkgutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.forked import processes

NOT_NEEDED = ("__main__", "nets", "training", "judging", "kinds")
"""What no command of the table loads, and takes long."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A user, and the group in which it is."""

    uid: int
    gid: int

    def become(self) -> None:
        os.setgroups([])
        os.setresgid(self.gid, self.gid, self.gid)
        os.setresuid(self.uid, self.uid, self.uid)
        os.umask(0o077)


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str


def load_everything() -> None:
    """Load the modules now: another user may be unable to read those of this one."""
    for package in ("assistant", "encodings"):
        found = importlib.import_module(package)
        for each in pkgutil.walk_packages(found.__path__, f"{package}.", onerror=lambda _: None):
            if not any(part in each.name for part in (*NOT_NEEDED, "mbcs", "oem")):
                importlib.import_module(each.name)
    for name in (
        "html",
        "html.entities",
        "filelock",
        "asyncio",
        "sounddevice",
        "soundfile",
        "sqlite3",
        "tomlkit",
        "rich",
    ):
        importlib.import_module(name)


def run(
    caller: Caller | None,
    words: tuple[str, ...],
    typed: str,
    environment: dict[str, str],
    to: Connection,
) -> None:
    """One command in this process, which is then of no further use."""
    from assistant.cli.main import main  # noqa: PLC0415

    if caller is not None:
        caller.become()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir("/")
    sys.stdin = os.fdopen(os.memfd_create("typed"), "w+")
    sys.stdin.write(typed)
    sys.stdin.seek(0)
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = main(words)
        except SystemExit as end:
            status = int(end.code or 0)
        except Exception as error:  # noqa: BLE001 - what the table is there to find
            err.write(f"Traceback: {error!r}")
            status = 70
    to.send(Done(status, out.getvalue(), err.getvalue()))
    to.close()
    os._exit(0)


def serve(caller: Caller, socket: Path, group: str | None, ready: Any) -> None:
    """A daemon of this user that knows of nothing."""
    from assistant.control.server import Server  # noqa: PLC0415
    from tests.control.knowing import Knowing  # noqa: PLC0415

    caller.become()
    with Server(socket, group=group) as server:
        server.serve(Knowing())
        ready.set()
        import signal  # noqa: PLC0415

        signal.pause()


class Machine:
    """Starts processes of several users; none of them has threads when it begins."""

    def type(
        self,
        caller: Caller | None,
        words: tuple[str, ...],
        environment: dict[str, str],
        *,
        typed: str = "",
    ) -> Done:
        """What a command gives this user, who has typed lines ahead; none: the test's own."""
        mine, theirs = processes.Pipe(duplex=False)
        process = processes.Process(target=run, args=(caller, words, typed, environment, theirs))
        process.start()
        theirs.close()
        try:
            return mine.recv()
        finally:
            process.join()

    def serve(self, caller: Caller, socket: Path, group: str | None) -> Any:
        """A daemon of this user; to be terminated."""
        ready = processes.Event()
        process = processes.Process(target=serve, args=(caller, socket, group, ready))
        process.start()
        assert ready.wait(60)
        return process
