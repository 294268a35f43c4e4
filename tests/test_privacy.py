"""What was said is its speaker's alone on a machine with other users, whatever the umask."""

from __future__ import annotations

import grp
import os
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

import assistant
from assistant import durable
from assistant.cli.shared.sealing import seal
from assistant.config import Settings, starter_dir
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from tests.cli.house import TIMEOUT_S, House, command
from tests.encode import tiny
from tests.journal.exchanges import STARTED_AT, utterance
from tests.person import ordinary_home, ordinary_person
from tests.sound import silent_environment

PACKAGE = Path(assistant.__file__).parent

QUICK = {
    "ATTUNE_BRIDGE__PATH": "",
    "ATTUNE_ROUTE": "auto",
    "ATTUNE_PERSONALISE__REPLAY": "0",
    "ATTUNE_PERSONALISE__CANARIES": "0",
    "ATTUNE_PERSONALISE__STEPS": "2",
}


@pytest.fixture(params=[0, 0o022], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def open_to_others(*places: Path, but: Path | None = None) -> list[str]:
    """What others may do anything with, of some places and all below them."""
    found = [*places, *(each for place in places for each in place.rglob("*"))]
    return [
        f"{each} {mode(each):o}"
        for each in found
        if mode(each) & 0o077 and (but is None or not each.is_relative_to(but))
    ]


@dataclass(frozen=True)
class Home:
    """Somebody's home in which nothing is yet."""

    path: Path
    settings: dict[str, str]

    @property
    def data(self) -> Path:
        return self.path / ".local" / "share" / "attune"

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        environment = silent_environment(self.path) | self.settings
        done = subprocess.run(
            command(*words),
            env=environment | {"XDG_DATA_HOME": str(self.data.parent)},
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == 0, done.stderr
        return done


@pytest.fixture
def home(tmp_path: Path, house: House) -> Home:
    settings = {k: v for k, v in house.settings.items() if k != "ATTUNE_SPEAK__WAV_DIR"}
    return Home(tmp_path / "home", settings | QUICK)


@pytest.mark.parametrize("umask", [0], indirect=True)  # what is closed then is closed with any
@pytest.mark.usefixtures("umask")
def test_all_that_is_written_is_closed_to_others(home: Home, tmp_path: Path) -> None:
    models = home.data / "models"  # which anybody may read who gets so far
    home.run("models", "import", tiny.write(tmp_path / "mine"))
    assert list(models.iterdir())
    assert open_to_others(home.data, but=models) == []
    with Journal(home.data / "journal.db") as journal:
        for number in range(20):
            moment = STARTED_AT + timedelta(minutes=number)
            said = utterance(0.3, seed=number, started_at=moment)
            journal.enrolled(said, "good morning", Taught.ENROLLED)
    home.run("run", "--input", next((starter_dir() / "examples").glob("2-*")))
    home.run("models", "tune")
    home.run("retrain")
    filled, empty, picture = tmp_path / "filled", tmp_path / "empty", tmp_path / "learned.png"
    (filled / "audio").mkdir(parents=True)
    empty.mkdir()
    home.run("log", "export", "--force", filled)
    home.run("log", "export", empty)
    home.run("backup", tmp_path / "saved.tar")
    home.run("bridge", "inspect", "--png", picture)

    written = {str(each.relative_to(home.data)) for each in home.data.rglob("*")}
    assert {"journal.db", "replies/turn-000021.wav", "encoder"} <= written
    assert any(name.startswith("bridges/") for name in written)
    assert open_to_others(home.data, but=models) == []
    assert open_to_others(empty, filled / "audio", tmp_path / "saved.tar", picture) == []
    assert open_to_others(*(filled / name for name in ("turns.csv", "turns.jsonl"))) == []


OPEN = {
    "bridge/checkpoint.py": "a bridge may be written for others, too",
    "catalog/bring.py": "models",
    "catalog/folder.py": "models",
    "catalog/parts.py": "models",
    "config/edit.py": "settings",
    "control/address.py": "lets a group at the socket",
}
"""What makes folders by itself, and for what."""


def test_nothing_else_makes_a_folder_that_others_may_look_into() -> None:
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if ".mkdir(" in path.read_text(encoding="utf-8")
    }
    assert found == {*OPEN, "durable.py"}


def test_what_stood_open_is_closed_and_told_once(home: Home, tmp_path: Path) -> None:
    (home.data / "bridges").mkdir(parents=True)
    (home.data / "replies").mkdir()
    for name in ("bridges/1a.safetensors", "replies/turn-000001.wav", "journal.db-wal"):
        (home.data / name).touch()
    with Journal(home.data / "journal.db"):
        pass
    (tmp_path / "elsewhere").touch()
    (home.data / "replies" / "link").symlink_to(tmp_path / "elsewhere")
    for each in (home.data, *home.data.rglob("*")):
        each.chmod(0o777 if each.is_dir() else 0o666)
    told = home.run("log", "list").stderr
    assert told == (
        f"assistant: Other users of this machine could read {home.data} and 5 more; now only you "
        "can.\n"
    )
    assert open_to_others(home.data) == [str(home.data / "replies" / "link") + " 666"]
    assert home.run("log", "list").stderr == ""


def test_replies_among_other_files_are_closed(tmp_path: Path, home: Home) -> None:
    for name in ("turn-000001.wav", "song.wav"):
        (tmp_path / name).touch(0o644)
    home.settings["ATTUNE_SPEAK__WAV_DIR"] = str(tmp_path)
    assert f"could read {tmp_path / 'turn-000001.wav'};" in home.run("log", "list").stderr
    assert mode(tmp_path / "turn-000001.wav") == 0o600
    assert mode(tmp_path / "song.wav") == 0o644


@pytest.mark.parametrize(("has_group", "left"), [(True, 0o750), (False, 0o700)])
def test_a_group_may_reach_a_socket_beside_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_group: bool, left: int
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    data = tmp_path / "attune"
    data.mkdir()
    data.chmod(0o755)
    group = grp.getgrgid(os.getgid()).gr_name if has_group else None
    control = {"path": data / "control.sock", "group": group}
    assert seal(Settings.model_validate({"control": control})) is not None
    assert mode(data) == left


@pytest.mark.usefixtures("umask")
def test_a_private_file_is_private_whatever_was_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "words.txt"
    durable.folder(path.parent)
    durable.folder(path.parent)
    path.with_name("words.txt.part").touch()  # of a process that was killed
    durable.write(path, b"good morning")
    assert open_to_others(tmp_path / "new") == []
    path.chmod(0o666)
    with open(path, "w", encoding="utf-8", opener=durable.private) as file:
        file.write("good night")
    assert path.read_text(encoding="utf-8") == "good night"
    assert mode(path) == 0o600
    with pytest.raises(FileExistsError):
        durable.folder(path)


def test_what_is_anothers_is_left_alone() -> None:
    """As is what is not there; and nobody is kept from a command because of either."""
    with ordinary_home() as home:
        journal = home / "service" / "journal.db"
        durable.folder(journal.parent)
        journal.touch(0o644)
        settings = Settings.model_validate({"journal": {"path": journal}})
        home.chmod(0o711)
        for left in (0o700, 0o755):
            journal.parent.chmod(left)
            with ordinary_person():
                told = seal(settings)
            if os.geteuid() == 0:  # else it is one's own
                assert told is None
                assert (mode(journal.parent), mode(journal)) == (left, 0o644)
    assert not durable.close_to_others(Path("/no/such/file"))
