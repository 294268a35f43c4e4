"""Checks, backups and calendars, as clients have them from a daemon that goes on meanwhile."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.control.client import Client
from assistant.control.declaring import RefusalError
from assistant.control.messages import Task, Work
from assistant.daemon import examination
from assistant.daemon.background import Background
from assistant.daemon.copies import KEPT_S, Backup
from assistant.daemon.examination import Examination
from assistant.daemon.health import Heartbeat
from assistant.daemon.interlude import Interlude
from assistant.daemon.notify import Notifier
from assistant.daemon.uploads import IDLE_S, Uploads
from assistant.daemon.watch import Watch
from assistant.doctor.checks import Check, chosen
from assistant.doctor.subject import Subject
from assistant.errors import BackupError, ControlError, JournalError
from assistant.journal.acts import Acts
from assistant.journal.backup import Places, pack
from assistant.journal.restore import restore
from assistant.journal.store import Journal
from assistant.personalise.bridges.folder import BridgeFolder
from tests.cli.house import House
from tests.daemon.home import Home
from tests.daemon.served import RUN, Service, ended
from tests.household.test_calendars import event, write
from tests.journal.archives import NOW, everything
from tests.journal.exchanges import exchange
from tests.personalise.lived_in import learn, talk
from tests.sound import silent_environment
from tests.waiting import WAIT_S, until

KEY = "0" * 64


def ends(client: Client, task: Task) -> Work:
    """How it went."""
    found: list[Work] = []

    def is_over() -> bool:
        found[:] = [each for each in client.working() if each.task == task]
        return bool(found) and not found[0].running

    until(is_over)
    return found[0]


def send(client: Client, data: bytes, key: str = KEY, size: int = 45_000) -> None:
    for place, begin in enumerate(range(0, len(data), size)):
        client.upload(key, base64.b64encode(data[begin : begin + size]).decode(), place)


def fetched(client: Client) -> bytes:
    found = b""
    while piece := client.backup(len(found)):
        found += piece
    return found


def test_one_task_at_a_time_and_how_it_went_is_known() -> None:
    background, may_end = Background(), threading.Event()
    assert background.tasks() == []

    def wait() -> None:
        may_end.wait(WAIT_S)

    background.begin("checks", wait)
    (task,) = background.tasks()
    assert (task.task, task.running, task.why) == ("checks", True, None)
    for name in ("checks", "backup"):
        with pytest.raises(RefusalError, match="still checking its parts"):
            background.begin(name, lambda: None)
    may_end.set()
    until(lambda: not background.tasks()[0].running)

    def fail() -> None:
        raise BackupError("The disk is full.")

    background.begin("backup", fail)
    until(lambda: not background.tasks()[1].running)
    assert [each.why for each in background.tasks()] == [None, "The disk is full."]


def test_a_fault_of_a_task_ends_nothing_and_shows_no_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    background, words = Background(), "a secret"

    def fail() -> None:
        raise KeyError(words)

    background.begin("backup", fail)
    until(lambda: not background.tasks()[0].running)
    assert "KeyError" in (background.tasks()[0].why or "")
    assert "secret" not in repr(background.tasks()) + capsys.readouterr().err


FEW = chosen(["python", "disk", "temperature"])


def test_checks_are_done_and_told_one_after_another(home: Home) -> None:
    with home.daemon() as daemon:
        daemon.controls.examination = Examination(FEW)
        assert daemon.client.findings() == []
        daemon.client.examine()
        assert ends(daemon.client, "checks").why is None
        found = daemon.client.findings()
        assert [each.check for each in found] == ["settings", *(each.name for each in FEW)]
        assert all(each.text for each in found)
        with tarfile.open(fileobj=io.BytesIO(daemon.client.support())) as archive:
            file = archive.extractfile("attune-doctor/findings.json")
            assert file is not None
            assert json.load(file).keys() == {each.check for each in found}


def test_the_support_file_holds_no_words(home: Home) -> None:
    with home.daemon() as daemon:
        exchange(daemon.assistant.journal, "the secret garden", "a secret reply")
        with tarfile.open(fileobj=io.BytesIO(daemon.client.support())) as archive:
            texts = [archive.extractfile(each) for each in archive.getmembers()]
            whole = b"".join(each.read() for each in texts if each is not None)
    assert b"exchanges" in whole
    assert b"secret" not in whole


def test_checks_that_take_too_long_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "LONGEST_S", -1.0)
    checks = Examination(FEW)
    with pytest.raises(RefusalError, match="took longer"):
        checks.run(Subject())
    assert [each.check for each in checks.findings()] == ["settings", "python"]


def test_nobody_in_the_room_hears_the_checks() -> None:
    heard: list[Check] = [each for each in examination.QUIET if each.is_loud]
    assert heard == []
    assert len(examination.QUIET) > 20


def test_a_backup_is_made_fetched_and_restored_elsewhere(home: Home, tmp_path: Path) -> None:
    with home.daemon() as daemon:
        for number in range(3):
            exchange(daemon.assistant.journal, f"thing {number}", seed=number)
        daemon.client.back_up()
        assert ends(daemon.client, "backup").why is None
        archive = tmp_path / "saved.tar"
        archive.write_bytes(fetched(daemon.client))
        assert ends(daemon.client, "backup").n_bytes == archive.stat().st_size
        before = list(daemon.assistant.journal.turns())
    assert not list(home.folder.glob(".attune*")), "it has no name on the device"
    there = Places(tmp_path / "there" / "journal.db", tmp_path / "there" / "bridges")
    restore(archive, there)
    with Journal(there.journal) as journal:
        assert list(journal.turns()) == before


@pytest.mark.parametrize("how", ["one", "all"])
def test_a_backup_that_waits_is_erased_with_what_is_in_it(how: str, home: Home) -> None:
    with home.daemon() as daemon:
        number = exchange(daemon.assistant.journal)
        daemon.client.back_up()
        ends(daemon.client, "backup")
        assert fetched(daemon.client)
        if how == "one":
            daemon.client.erase([number])
        else:
            daemon.client.forget_me()
        with pytest.raises(ControlError, match="not there any more"):
            daemon.client.backup(0)


def test_a_backup_waits_for_so_long_and_needs_room(home: Home) -> None:
    places, times, free = Places(home.folder / "journal.db", home.bridges.folder), [0.0], [10**12]
    backup = Backup(lambda: times[0], lambda _: free[0])
    with pytest.raises(BackupError, match="There is no journal"):
        backup.make(places)
    with Journal(places.journal) as journal:
        exchange(journal)
        backup.make(places)
        times[0] += KEPT_S
        backup.tidy()
        assert backup.piece(0)
        times[0] += KEPT_S + 1
        backup.tidy()
        assert backup.size() is None
        free[0] = 200_000_000
        with pytest.raises(BackupError, match=r"needs \d+ MB"):
            backup.make(places)


def test_a_runtime_makes_way_and_the_next_one_waits() -> None:
    asked, done = threading.Event(), list[str]()
    interlude = Interlude(asked.set)
    interlude.take_place(lambda: done.append("nobody wants it"))

    def exchange_files() -> None:
        with interlude.held():
            done.append("exchanged")

    thread = threading.Thread(target=exchange_files)
    thread.start()
    assert asked.wait(60)
    assert done == []
    interlude.take_place(lambda: None)
    done.append("opened")
    thread.join(60)
    assert done == ["exchanged", "opened"]


def test_who_waits_in_vain_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.daemon.interlude.LONGEST_S", 0.01)
    interlude = Interlude(lambda: None)
    with pytest.raises(BackupError, match="nothing was changed"), interlude.held():
        pytest.fail("a runtime is still open")
    interlude.take_place(lambda: pytest.fail("nobody waits any more"))


def test_what_was_broken_off_is_given_up_though_nobody_asks(home: Home) -> None:
    now = [0.0]
    with home.daemon() as daemon:
        daemon.controls.uploads = uploads = Uploads(lambda: now[0])
        send(daemon.client, b"x")
        with Watch(daemon.controls, Heartbeat(), Notifier(), home.told.append).over(daemon.server):
            now[0] += IDLE_S
            assert len(uploads) == 1
            now[0] += 1
            until(lambda: len(uploads) == 0)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House.build(tmp_path_factory.mktemp("runtime"))


@pytest.fixture
def service(tmp_path: Path, runtime: House) -> Iterator[Service]:
    service = Service(tmp_path, runtime, silent_environment(tmp_path / "silent"))
    yield service
    service.manager.close()


def archive_of(folder: Path, *texts: str) -> tuple[bytes, str]:
    """A backup of another device, and the version that is learned there."""
    places = Places(folder / "journal.db", folder / "bridges")
    with Journal(places.journal) as journal:
        for number, text in enumerate(texts):
            exchange(journal, text, seed=number)
        talk(journal, 9)
        version, _ = learn(journal, BridgeFolder(places.bridges), [1], seed=1)
    pack(places, folder / "saved.tar", NOW)
    return (folder / "saved.tar").read_bytes(), version


def test_a_running_daemon_goes_on_with_a_backup_that_is_sent_to_it(
    service: Service, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    archive, version = archive_of(tmp_path / "elsewhere", "from the backup")
    client, path = service.client, service.folder / "journal.db"
    with service.running(RUN) as process:
        service.manager.told_until("READY=1")
        client.ask("what was here before", aloud=False)
        anna = Client(client.path, by="Anna's phone")
        anna.quiet(5.0)
        for broken in (b"nonsense", archive[: len(archive) // 2], b""):
            send(client, broken or b"x")
            client.restore(KEY)
            why = ends(client, "restore").why or ""
            assert "Nothing was changed" in why
            assert "/proc" not in why
        assert client.log(1)[0]["transcript"] == "what was here before"

        send(anna, archive)
        anna.restore(KEY)
        assert ends(client, "restore").why is None
        until(lambda: service.answers("are you there"))
        texts = [each["transcript"] for each in client.log()]
        assert texts[0] == "are you there"
        assert "from the backup" in texts
        assert "what was here before" not in texts
        heard = [each.heard for each in client.status().recent]
        assert set(heard) == {"are you there"}
        assert version in [each["version"] for each in client.bridges() if each["file"]]
        did = [(each["by"], each["what"]) for each in client.acts()]
        assert did == [("Anna's phone", "restore"), ("Anna's phone", "quiet")]
        beats = service.manager.alive
        until(lambda: service.manager.alive > beats)
        ended(process)
    with Journal(path.with_name("journal.db.before-restore")) as journal:
        assert [each.understood for each in journal.turns()] == ["what was here before"]
    assert not [name for name in everything(service.folder) if "restoring" in str(name)]


def test_acts_go_on_from_a_journal_that_is_replaced(tmp_path: Path) -> None:
    with Journal(tmp_path / "old.db") as old, Journal(tmp_path / "new.db") as new:
        Acts(old).add("Anna", "quiet")
        Acts(new).go_on_from(Acts(old))
        Acts(old).add("Bert", "erase", [1, 2])
        Acts(new).go_on_from(Acts(old))
        Acts(new).go_on_from(Acts(old))
        assert [(each.by, each.what, each.about) for each in Acts(new).last(9)] == [
            ("Bert", "erase", (1, 2)),
            ("Anna", "quiet", ()),
        ]


def test_an_act_that_attune_did_not_write_is_an_error_of_the_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        Acts(journal).add("Anna", "quiet")
        journal.database.conn.execute("UPDATE acts SET about = '[[1]]'")
        with pytest.raises(JournalError):
            Acts(journal).last(1)


def test_calendars_are_added_told_and_removed(home: Home, tmp_path: Path) -> None:
    soon = "DTSTART:20990101T100000", "RRULE:FREQ=DAILY"
    data = write(tmp_path / "x.ics", event("The <b>doctor", *soon)).read_bytes()
    daily = data.replace(b"20990101", b"20200101")
    with home.daemon() as daemon:
        client = daemon.client
        assert client.calendars() == []
        send(client, daily)
        assert client.add_calendar(KEY, "../../Family.ics") == {"name": "Family", "entries": 1}
        assert {each["text"] for each in client.appointments(3)} == {"The <b>doctor"}
        send(client, data)
        client.add_calendar(KEY, "Family.ics")
        assert client.appointments(3) == [], "the same name takes its place"
        assert client.calendars() == [{"name": "Family", "entries": 1}]
        for name in ("../Family", "Family.ics", "/etc/passwd", "*"):
            with pytest.raises(ControlError, match="no such calendar"):
                client.remove_calendar(name)
        client.remove_calendar("Family")
        assert client.calendars() == []
        with pytest.raises(ControlError, match="No file has come"):
            client.add_calendar(KEY, "Family.ics")


def test_everything_that_is_erased_is_the_calendars_too(home: Home, tmp_path: Path) -> None:
    data = write(tmp_path / "x.ics", event("doctor", "DTSTART:20990101T100000")).read_bytes()
    with home.daemon() as daemon:
        send(daemon.client, data)
        daemon.client.add_calendar(KEY, "x")
        daemon.client.forget_me()
        assert daemon.client.calendars() == []
