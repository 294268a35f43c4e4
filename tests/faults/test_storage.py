"""A disk that fills, a database that is taken, and a clock that jumps."""

from __future__ import annotations

import resource
import subprocess
import sys
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

from assistant.spoken import spoken_form
from tests.faults.manager import QUESTION, SERVICE, Manager, ask, kept, managed
from tests.journal.locks import held_by_another
from tests.sound import SoundServer

JUMPING = (sys.executable, "-m", "tests.faults.jumping", "run", "--service", "--json")

DAY_S = 86_400

MOUNTED = ("unshare", "--map-root-user", "--mount", "sh", "-c")
SMALL = 'mount -t tmpfs -o size=2m none "$0" && exec "$@"'


class SmallDisk:
    """A small disk for a service's data; where none may be mounted, a limit on its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        mount = (*MOUNTED, SMALL, str(folder))
        self.is_mounted = (
            subprocess.run([*mount, "true"], capture_output=True, check=False).returncode == 0
        )
        self.command = (*mount, *SERVICE) if self.is_mounted else SERVICE

    def fill(self, pid: int) -> None:
        if not self.is_mounted:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (4_096, resource.RLIM_INFINITY))
            return
        with suppress(OSError), self._ballast(pid).open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(512))

    def free(self, pid: int) -> None:
        if self.is_mounted:
            self._ballast(pid).unlink()
        else:
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)

    def _ballast(self, pid: int) -> Path:
        # as the service sees it: nobody else sees what is mounted there
        return Path(f"/proc/{pid}/root{self.folder}/ballast")


def log(service: Manager) -> dict[object, object]:
    """What was said in each exchange, as the service itself tells it."""
    return {each["id"]: each["transcript"] for each in service.client.log(100)}


def test_a_disk_that_is_full_costs_no_answer(sound_server: SoundServer, tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path / "house" / "data")
    with managed(tmp_path / "house", sound_server.env, disk.command) as service:
        service.microphone("listening")
        first = ask(service, sound_server)
        disk.fill(service.pid)
        during = [ask(service, sound_server) for _ in range(2)]
        assert all(each["reply"] for each in (first, *during))
        assert service.client.status().warnings
        disk.free(service.pid)
        last = ask(service, sound_server)
        assert last["reply"]
        service.until(lambda: not service.client.status().warnings, "all is kept")
        assert service.statuses == []
        assert [spoken_form(str(text)) for text in log(service).values()] == [QUESTION] * 4


def test_a_database_that_another_program_keeps_costs_no_answer(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    with managed(tmp_path / "house", sound_server.env) as service:
        service.microphone("listening")
        first = ask(service, sound_server)
        with held_by_another(service.database):
            second = ask(service, sound_server)
        assert first["reply"]
        assert second["reply"]
        service.until(lambda: not service.client.status().warnings, "all is kept")
        third = ask(service, sound_server)
        assert third["reply"]
        assert service.statuses == []
        assert len(kept(service)) == 3


def test_a_clock_that_jumps_changes_nothing_but_dates(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0", encoding="ascii")
    environment = sound_server.env | {"CLOCK_OFFSET": str(clock)}
    with managed(tmp_path / "house", environment, JUMPING) as service:
        service.microphone("listening")
        exchanges = [ask(service, sound_server)]
        for jump in (400 * DAY_S, -3 * DAY_S):
            after = clock.with_name("after")
            after.write_text(str(jump), encoding="ascii")
            after.replace(clock)  # at once: the daemon looks at it all the time
            exchanges.append(ask(service, sound_server))
        assert all(each["reply"] for each in exchanges)
        assert service.statuses == []
        assert len(kept(service)) == 3
        moments = [datetime.fromisoformat(each["started_at"]) for each in exchanges]
        now = datetime.now(timezone.utc)
        assert moments[1] - now > timedelta(days=399)
        assert moments[2] - now < -timedelta(days=2)
        assert all(0 < each["timings_ms"]["total"] < 60_000 for each in exchanges)
