"""Every command, by who types it, whose files there are, and whether Attune runs."""

from __future__ import annotations

import grp
import os
import pwd
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.journal.store import Journal
from tests.cli.callers import Caller, Done, Machine

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can be several users; run the tests as root for this"
)

SERVICE = Caller(1, 1)  # a user and a group that every system has
MEMBER = Caller(65_534, 1)
PERSON = Caller(65_534, 65_534)

OUTCOMES = {
    "as owner": r"^assistant: What this needs belongs to the user {owner} \([^)]*\)\. "
    r"Run '?sudo -u {owner} assistant {words}'?\.\n$",
    "as root": r"^assistant: What this needs belongs to the user root \([^)]*\)\. "
    r"Run '?sudo assistant {words}'?\.\n$",
    "join": r"^assistant: Only members of the group '{group}' may use \S+\. Run 'sudo usermod "
    r"-aG {group} {me}', log out and in again, then repeat this\.\n$",
    "a service": r"^assistant: What this needs belongs to the user (root|{owner}) \(\S+\)\. If "
    r"Attune is a service here, 'sudo systemctl start attune' starts it; 'assistant status' shows",
    "is running": r"^assistant: Attune is already running, at \S+\. 'assistant status' shows",
    "start it": r"nothing listens at \S+\. Start it with 'sudo systemctl start attune'\.\n$",
    "run it": r"nothing listens at \S+\. Start it with 'assistant run'\.\n$",
    "no exchange": r"^assistant: There is no exchange 7",
    "no version": r"^assistant: There is no bridge '12ab'",
    "no file": r"^assistant: (There is no|Cannot read) .*nowhere",
    "no backup": r"^assistant: Cannot read the backup /nowhere: No such file or directory\. Name",
    "no sound": r"^assistant: The folder /usr/share contains neither recordings nor",
    "no model": r"^assistant: No model 'smollm2-135m' is installed",
    "first": r"^assistant: What Attune came with is already in use",
    "stop it": r"^assistant: Attune is running\. Stop it, then restore again",
}
"""What a command says if it fails."""

TABLE = """
    command                         |           mine            | the service's, in group   |    not in the group
                                    | stopped     | running     | stopped     | running     | stopped  | running
run --service                       |             | is running  | a service   | a service   | a service | a service
status                              | ok          | ok          | as owner    | ok          | as owner | as owner
stop                                | run it      | ok          | start it    | ok          | start it | join
mute                                | run it      | ok          | start it    | ok          | start it | join
unmute                              | run it      | ok          | start it    | ok          | start it | join
reload                              | run it      | ok          | start it    | ok          | start it | join
say good morning                    |             | ok          |             | ok          |          | join
ask hello                           |             | ok          | as owner    | ok          | as owner | join
transcribe /nowhere.wav             | no file     | no file     | no file     | no file     | no file  | no file
timers                              | ok          | ok          | as owner    | ok          | as owner | join
alarms list                         | ok          | ok          | as owner    | ok          | as owner | join
reminders past                      | ok          | ok          | as owner    | ok          | as owner | join
lists                               | ok          | ok          | as owner    | ok          | as owner | join
notes                               | ok          | ok          | as owner    | ok          | as owner | join
devices                             | ok          | ok          | ok          | ok          | ok       | ok
enroll --input /usr/share           | no sound    | no sound    | as owner    | as owner    | as owner | as owner
review                              | ok          | ok          | as owner    | ok          | as owner | join
review --sure                       | ok          | ok          | as owner    | ok          | as owner | join
retrain                             |             | ok          | as owner    | ok          | as owner | join
bridge list                         | ok          | ok          | as owner    | ok          | as owner | join
bridge show 12ab                    | no version  | no version  | as owner    | as owner    | as owner | as owner
bridge promote 12ab                 | no version  | no version  | as owner    | no version  | as owner | join
bridge rollback                     | first       | first       | as owner    | ok          | as owner | join
models list                         | ok          | ok          | as owner    | as owner    | as owner | as owner
models verify                       | ok          | ok          | as owner    | as owner    | as owner | as owner
models remove smollm2-135m --force  | no model    | no model    | as owner    | as owner    | as owner | as owner
log list                            | ok          | ok          | as owner    | ok          | as owner | join
log show 7                          | no exchange | no exchange | as owner    | no exchange | as owner | join
log play 7                          | no exchange | no exchange | as owner    | no exchange | as owner | join
log correct 7 hello                 | no exchange | no exchange | as owner    | no exchange | as owner | join
log confirm 7                       | no exchange | no exchange | as owner    | no exchange | as owner | join
log delete 7 --yes                  | no exchange | no exchange | as owner    | no exchange | as owner | join
log delete --all --yes              | ok          | ok          | as owner    | ok          | as owner | join
log export FOLDER                   | ok          | ok          | as owner    | as owner    | as owner | as owner
log import /nowhere                 | no file     | no file     | as owner    | as owner    | as owner | as owner
backup FILE                         | ok          | ok          | as owner    | as owner    | as owner | as owner
restore /nowhere                    | no backup   | stop it     | as owner    | as owner    | as owner | as owner
forget-me --yes                     | ok          | ok          | as owner    | as owner    | as owner | as owner
config show                         | ok          | ok          | ok          | ok          | ok       | ok
config set --system speak.pitch 40  | as root     | as root     | as root     | as root     | as root  | as root
"""  # noqa: E501 - a table
COLUMNS = 6


class Place:
    """A machine on which somebody's Attune is or was running."""

    def __init__(self, folder: Path, owner: Caller, *, closed_settings: bool = False) -> None:
        self._owner = owner
        self.data, self.run, self.mine = folder / "data", folder / "run", folder / "mine"
        for made, whom in ((self.data, owner), (self.mine, PERSON)):
            made.mkdir(0o700)
            os.chown(made, whom.uid, whom.gid)
        settings = folder / "config" / "attune" / "attune.toml"
        settings.parent.mkdir(parents=True)
        group = f'group = "{GROUP}"\n' if owner is SERVICE else ""
        settings.write_text(
            f'[journal]\npath = "{self.data}/journal.db"\n'
            f'[models]\nfolder = "{self.data}/models"\n'
            '[bridge]\npath = ""\n'
            f'[control]\npath = "{self.run}/control.sock"\n{group}'
        )
        os.chown(settings, 0, SERVICE.gid)
        settings.chmod(0o640 if closed_settings else 0o644)
        Journal(self.data / "journal.db").close()
        for path in self.data.iterdir():
            os.chown(path, owner.uid, owner.gid)
        self.environment = {
            "HOME": str(self.mine),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "PATH": os.environ["PATH"],
        }

    def open(self) -> None:
        """Make the folder of the socket, as systemd does for a service that starts."""
        self.run.mkdir()
        os.chown(self.run, self._owner.uid, self._owner.gid)
        self.run.chmod(0o750)


OWNER, GROUP = pwd.getpwuid(SERVICE.uid).pw_name, grp.getgrgid(SERVICE.gid).gr_name
ME = pwd.getpwuid(PERSON.uid).pw_name


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where other users get to: pytest's own folders are closed to them, again and again."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def machine() -> Machine:
    return Machine()


def rows() -> Iterator[tuple[str, list[str]]]:
    for line in TABLE.strip("\n").splitlines()[2:]:
        words, *cells = (cell.strip() for cell in line.split("|"))
        assert len(cells) == COLUMNS, line
        yield words, cells


def is_as_said(done: Done, outcome: str, words: tuple[str, ...]) -> bool:
    if outcome == "ok":
        return done.status == 0 and done.err == ""
    typed = re.escape(shlex.join(words))
    pattern = OUTCOMES[outcome].format(owner=OWNER, group=GROUP, me=ME, words=typed)
    return done.status == 1 and re.search(pattern, done.err) is not None


@pytest.mark.parametrize("running", [False, True], ids=["stopped", "running"])
@pytest.mark.parametrize(
    ("column", "owner", "caller"),
    [(0, PERSON, PERSON), (2, SERVICE, MEMBER), (4, SERVICE, PERSON)],
    ids=["mine", "in the group", "not in the group"],
)
def test_what_a_command_says_fits_who_types_it(
    folder: Path, machine: Machine, column: int, owner: Caller, caller: Caller, *, running: bool
) -> None:
    place, daemon = Place(folder, owner), None
    if running or owner is PERSON:
        place.open()
    if running:
        group = GROUP if owner is SERVICE else None
        daemon = machine.serve(owner, place.run / "control.sock", group)
    wrong: list[str] = []
    for number, (line, cells) in enumerate(rows()):
        target = str(place.mine / f"made-{number}")
        words = tuple(line.replace("FOLDER", target).replace("FILE", f"{target}.tar").split())
        if expected := cells[column + running]:  # else it computes
            done = machine.type(caller, words, place.environment)
            if not is_as_said(done, expected, words):
                wrong.append(f"{line}: wanted {expected!r}, got {done}")
    if daemon is not None:
        daemon.terminate()
        daemon.join()
    assert wrong == []


def test_who_may_not_even_read_the_settings_is_told_how(folder: Path, machine: Machine) -> None:
    place = Place(folder, SERVICE, closed_settings=True)
    wrong: list[str] = []
    for line, _ in rows():
        words = tuple(line.split())
        if words[0] == "run":
            continue  # the same as if the settings could be read
        done = machine.type(PERSON, words, place.environment)
        if not is_as_said(done, "join", words):
            wrong.append(f"{line}: got {done}")
    assert wrong == []
