from __future__ import annotations

import grp
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.control.address import PATH_BYTES, is_trusted
from assistant.control.client import Client
from assistant.control.server import Server
from assistant.errors import ControlError
from tests.control.knowing import STATUS
from tests.control.sockets import serving
from tests.person import ordinary_home, ordinary_person

ROOT = Path(__file__).parents[2]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.mark.usefixtures("server")
def test_only_its_user_and_its_group_may_use_the_socket(place: Path) -> None:
    assert mode(place) == 0o600
    assert mode(place.parent) == 0o700


@pytest.mark.parametrize(
    ("uid", "groups", "may"),
    [
        (1000, {1000}, True),
        (0, {0}, True),
        (1001, {1001, 50}, True),
        (1001, {1001}, False),
        (1001, set[int](), False),
    ],
)
def test_who_may_ask(uid: int, groups: set[int], may: bool) -> None:  # noqa: FBT001
    assert is_trusted(uid, groups, own_uid=1000, socket_group=50) is may


def group_of_ours() -> grp.struct_group:
    """A group that this user may give files to, if possible not the usual one."""
    known = {each.gr_gid for each in grp.getgrall()}
    gids = known if os.geteuid() == 0 else known & set(os.getgroups())
    return grp.getgrgid(max(gids - {os.getegid()} or {os.getegid()}))


def group_of_others() -> grp.struct_group:
    """A group that no ordinary user here may give files to."""
    ours = {os.getegid(), *os.getgroups()}
    return next(each for each in grp.getgrall() if each.gr_gid not in ours)


def test_the_socket_and_its_new_folder_belong_to_the_group_that_may_ask(place: Path) -> None:
    group = group_of_ours()
    with serving(place, group=group.gr_name):
        assert (place.stat().st_gid, mode(place)) == (group.gr_gid, 0o660)
        assert (place.parent.stat().st_gid, mode(place.parent)) == (group.gr_gid, 0o750)
        assert Client(place).status() == STATUS


def test_a_folder_that_is_there_stays_as_it_is(place: Path) -> None:
    group = group_of_ours()
    place.parent.mkdir(mode=0o750)  # as systemd makes a RuntimeDirectory
    before = place.parent.stat()
    with serving(place, group=group.gr_name):
        assert place.stat().st_gid == group.gr_gid
        assert (place.parent.stat().st_gid, mode(place.parent)) == (before.st_gid, 0o750)
        assert Client(place).status() == STATUS


def test_a_group_that_does_not_exist_is_told(place: Path) -> None:
    with (
        pytest.raises(
            ControlError,
            match=r"The group 'unheard-of' .*does not exist.* groupadd --system unheard-of",
        ),
        Server(place, group="unheard-of"),
    ):
        pass
    assert not place.parent.exists()


def test_a_group_that_the_daemon_is_not_in_is_told() -> None:
    group = group_of_others().gr_name
    with ordinary_home() as home, ordinary_person():
        place = home / "control.sock"
        with (
            pytest.raises(ControlError, match=f"may not give {place} to the group '{group}'"),
            Server(place, group=group),
        ):
            pass
        assert not Client(place).is_running()


def test_who_may_not_reach_the_socket_is_told_whom_to_ask() -> None:
    with ordinary_home() as home, serving(place := home / "run" / "control.sock"):
        home.chmod(0o000)
        with (
            ordinary_person(),
            pytest.raises(ControlError, match=r"join the group set in control\.group"),
        ):
            Client(place).status()
        home.chmod(0o700)


@pytest.mark.usefixtures("server")
def test_a_second_daemon_is_refused_and_the_first_goes_on(place: Path) -> None:
    with pytest.raises(ControlError, match="Attune is already running"), Server(place):
        pass
    assert Client(place).status() == STATUS


def test_the_place_is_free_again_after_the_end(place: Path) -> None:
    for _ in range(2):
        with serving(place):
            assert Client(place).status() == STATUS
        assert not place.exists()


def test_the_socket_of_a_killed_daemon_is_replaced(place: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from assistant.control.server import Server\n"
        "with Server(Path(sys.argv[1])): print('ready', flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(place)], cwd=ROOT, stdout=subprocess.PIPE
    ) as daemon:
        assert daemon.stdout is not None
        daemon.stdout.readline()
        with pytest.raises(ControlError, match="Attune is already running"), Server(place):
            pass
        os.kill(daemon.pid, signal.SIGKILL)
    assert place.is_socket()
    assert not Client(place).is_running()
    with serving(place):
        assert Client(place).status() == STATUS


def test_something_else_in_its_place_is_left_alone(place: Path) -> None:
    place.parent.mkdir()
    place.write_text("mine")
    with pytest.raises(ControlError, match="is not a socket"), Server(place):
        pass
    assert place.read_text() == "mine"
    assert not Client(place).is_running()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "control.sock"
    with pytest.raises(ControlError, match="Cannot listen for commands"), Server(place):
        pass
    assert not Client(place).is_running()


def test_a_path_that_no_socket_can_have_is_told(tmp_path: Path) -> None:
    place = tmp_path / ("x" * PATH_BYTES)
    with pytest.raises(ControlError, match="too long for a socket"), Server(place):
        pass
    with pytest.raises(ControlError, match="too long for a socket"):
        Client(place).status()


def test_a_path_as_long_as_a_socket_can_have_is_used(tmp_path: Path) -> None:
    place = tmp_path / ("x" * (PATH_BYTES - len(os.fsencode(tmp_path)) - 1))
    assert len(os.fsencode(place)) == PATH_BYTES
    with serving(place):
        assert Client(place).status() == STATUS
