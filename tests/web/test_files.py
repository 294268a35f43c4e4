"""Files both ways: in pieces, and nothing is left of what is broken off."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import cast
from zipfile import ZipFile

import pytest

from assistant.control.messages import Finding, MicrophoneState, Record, Work
from assistant.daemon.examination import Examination
from assistant.doctor.checks import chosen
from assistant.household.nouns import Noun
from assistant.web.visit import COOKIE, TOKEN, form_token
from tests.daemon.home import Daemon
from tests.household.test_calendars import event, write
from tests.journal.exchanges import exchange, utterance
from tests.waiting import WAIT_S, until
from tests.web.browsing import Answer, Browser, rest
from tests.web.helped import Helped
from tests.web.served import Web, serving_pages

LetIn = Callable[..., Browser]

KIND = "multipart/form-data; boundary=b"

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def form(*parts: tuple[str, bytes], file: bytes | None, name: str = "x.tar") -> bytes:
    """A form with fields, and a file behind them."""
    head = b"--b\r\nContent-Disposition: form-data; name="
    body = b"".join(
        head + f'"{key}"'.encode() + b"\r\n\r\n" + value + b"\r\n" for key, value in parts
    )
    if file is not None:
        about = f'"file"; filename="{name}"\r\nContent-Type: application/x\r\n\r\n'.encode()
        body += head + about + file + b"\r\n"
    return body + b"--b--\r\n"


def send(browser: Browser, path: str, file: bytes, *, name: str = "x.tar", **fields: str) -> Answer:
    fields = {TOKEN: form_token(browser.key)} | fields
    body = form(*((key, value.encode()) for key, value in fields.items()), file=file, name=name)
    return browser.ask("POST", path, body, {"Content-Type": KIND})


@pytest.mark.parametrize("size", [0, 1, 44_999, 45_000, 45_001, 90_000, 1_000_003])
def test_a_file_comes_to_the_daemon_as_it_was_sent(
    size: int, anna: Browser, helped: Helped
) -> None:
    # with what ends a part in it, but for the last letter
    file = (b"\r\n--\r\n-b\r\n--a" * (size // 14 + 1))[:size]
    answer = send(anna, "/backup/restore", file, word="Replace")
    if size == 0:
        assert answer.status == 409 or helped.done[-1][0] == "restore"
        return
    assert answer.to == "/backup"
    assert helped.done[-1] == ("restore", file)
    assert helped.acted_on[-1] == ("Anna's phone", "restore", [])
    assert helped.sent == {}


@pytest.mark.parametrize("word", ["", "yes", "erase", "replac"])
def test_nothing_is_replaced_without_the_word(word: str, anna: Browser, helped: Helped) -> None:
    assert send(anna, "/backup/restore", b"x" * 1_000_000, word=word).to == "/backup"
    assert helped.changes == []


def test_nothing_of_a_stranger_or_a_reader_is_read(let_in: LetIn, helped: Helped) -> None:
    anna, reader = let_in(), let_in("Bert's tablet", "reader")
    stranger = Browser(anna.port)
    for path in ("/backup/restore", "/calendars/add"):
        assert send(stranger, path, b"x" * 1_000, word="replace").status == 403
        assert send(reader, path, b"x" * 1_000, word="replace").status == 403
        for token in ("", "x", form_token(reader.key)):
            assert send(anna, path, b"x" * 1_000, word="replace", token=token).status == 403
    for path in ("/backup", "/backup/file", "/calendars", "/health/support"):
        assert reader.get(path).status == 403
        assert stranger.get(path).to == "/pair"
    assert helped.done == []


TOKEN_PART = (TOKEN, b"%TOKEN%")
BROKEN = {
    "no file": form(TOKEN_PART, ("word", b"replace"), file=None),
    "file first": form(file=b"x") + form(TOKEN_PART, file=None),
    "cut off": form(TOKEN_PART, ("word", b"replace"), file=b"x" * 100_000)[:-60_000],
    "without its end": form(TOKEN_PART, ("word", b"replace"), file=b"x")[:-6],
    "two files": form(TOKEN_PART, ("word", b"replace"), file=b"x")[:-7] + form(file=b"y"),
    "many fields": form(TOKEN_PART, *((f"f{n}", b"") for n in range(20)), file=b"x"),
    "a long field": form(TOKEN_PART, ("word", b"x" * 5_000), file=b"x"),
    "long headers": b"--b\r\nX: " + b"x" * 50_000 + b"\r\n\r\n",
    "nonsense": b"nonsense" * 1_000,
    "nothing": b"",
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN.keys())
def test_a_form_that_is_not_this_pages_changes_nothing(
    body: bytes, anna: Browser, helped: Helped
) -> None:
    body = body.replace(b"%TOKEN%", form_token(anna.key).encode())
    answer = anna.ask("POST", "/backup/restore", body, {"Content-Type": KIND})
    assert answer.status == 403
    assert "Nothing was changed" in answer.text
    assert helped.sent == {}, "what had come is given up"
    assert "restore" not in [each[0] for each in helped.done]
    for kind in ("multipart/form-data", "text/plain", f"{KIND}{'b' * 500}", ""):
        again = anna.ask("POST", "/backup/restore", body, {"Content-Type": kind})
        assert again.status == 403


def test_what_the_daemon_refuses_is_told_though_more_is_coming(
    anna: Browser, helped: Helped
) -> None:
    helped.refusal = "There is not enough room."
    answer = send(anna, "/backup/restore", b"x" * 3_000_000, word="replace")
    assert answer.status == 409
    assert "There is not enough room." in answer.said


@pytest.fixture(scope="module")
def hasty(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("hasty")
    with serving_pages(place, folder, upload__PAUSE_S=0.5, upload__SLOWEST=1e9) as web:
        yield web


@pytest.mark.parametrize("how", ["silent", "gone", "slow"])
def test_what_is_broken_off_is_given_up(how: str, hasty: Web, helped: Helped) -> None:
    browser = Browser(hasty.port)
    browser.pair(helped.invite())
    body = form(
        (TOKEN, form_token(browser.key).encode()), ("word", b"replace"), file=b"x" * 200_000
    )
    head = (
        f"POST /backup/restore HTTP/1.1\r\nHost: localhost:{hasty.port}\r\n"
        f"Origin: http://localhost:{hasty.port}\r\nCookie: {COOKIE}={browser.key}\r\n"
        f"Content-Type: {KIND}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", hasty.port), WAIT_S) as connection:
        connection.sendall(head + body[:100_000])
        until(lambda: helped.sent)
        if how == "silent":
            assert rest(connection).startswith(b"HTTP/1.1 403 ")
        elif how == "slow":
            connection.settimeout(0.1)
            answer = b""
            for begin in range(100_000, len(body)):
                connection.sendall(body[begin : begin + 1])
                try:
                    answer = connection.recv(1 << 10)
                except TimeoutError:
                    continue
                break
            assert answer.startswith(b"HTTP/1.1 403 ")
    until(lambda: helped.sent == {})
    assert "restore" not in [each[0] for each in helped.done]


def test_a_backup_is_made_and_saved(anna: Browser, helped: Helped) -> None:
    assert "Make a backup" in anna.get("/backup").said
    assert anna.post("/backup/make").to == "/backup"
    assert helped.done[-1] == ("back_up",)
    helped.tasks = [Work(task="backup", running=True, began_at=NOW)]
    assert "A backup is being made" in anna.get("/backup").said
    assert "data-busy" in anna.get("/backup").text
    helped.archive = bytes(range(256)) * 500
    helped.tasks = [Work(task="backup", running=False, began_at=NOW, n_bytes=len(helped.archive))]
    assert "Save it (128 kB)" in anna.get("/backup").said
    answer = anna.get("/backup/file")
    assert answer.body == helped.archive
    assert answer.headers["Content-Disposition"].startswith(
        'attachment; filename="attune-backup-20'
    )
    helped.tasks = [Work(task="restore", running=False, began_at=NOW, why="It is <i>damaged</i>.")]
    assert "It is &lt;i&gt;damaged" in anna.get("/backup").text


def test_a_backup_that_is_gone_is_told(living: Daemon, bert: Browser) -> None:
    del living
    answer = bert.get("/backup/file")
    assert answer.status == 409
    assert "Make a new one" in answer.said


def test_what_the_checks_found_is_shown_worst_first(anna: Browser, helped: Helped) -> None:
    assert anna.post("/health/check").to == "/health"
    assert helped.done[-1] == ("examine",)
    helped.tasks = [Work(task="checks", running=False, began_at=NOW)]
    helped.findings_now = [
        Finding(check="disk", level="ok", text="There is room."),
        Finding(check="memory", level="warn", text="Little is left. Close <b>programs</b>."),
        Finding(check="microphone", level="fail", text="There is none. Plug one in."),
    ]
    said = anna.get("/health").said
    order = [said.index(each) for each in ("Plug one in.", "Little is left.", "There is room.")]
    assert order == sorted(order)
    assert "<b>programs" not in anna.get("/health").text
    answer = anna.get("/health/support")
    assert answer.body == b"support"
    assert answer.headers["Content-Disposition"].endswith('.tar.gz"')


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"microphone": MicrophoneState(state="muted")}, "not even a call for help"),
        ({"microphone": MicrophoneState(state="absent", why="It is unplugged.")}, "unplugged"),
        ({"warnings": ("The disk is full.",)}, "The disk is full."),
        ({}, "The last check has found 1 thing"),
    ],
)
def test_all_is_well_only_where_nothing_is_wrong(
    changed: dict[str, object], told: str, anna: Browser, helped: Helped
) -> None:
    helped.status_now = helped.status_now.model_copy(
        update={"microphone": MicrophoneState(state="listening")}
    )
    assert "Nothing is wrong" in anna.get("/health").said
    helped.status_now = helped.status_now.model_copy(update=changed)
    if not changed:
        helped.findings_now = [Finding(check="household", level="warn", text="Nobody is called.")]
    said = anna.get("/health").said
    assert told in said
    assert "Nothing is wrong" not in said


def test_the_checks_of_a_daemon_come_to_the_page(living: Daemon, bert: Browser) -> None:
    living.controls.examination = Examination(chosen(["python"]))
    bert.post("/health/check")
    until(
        lambda: (
            "Settings" in bert.get("/health").said and "data-busy" not in bert.get("/health").text
        )
    )
    assert "Python" in bert.get("/health").said


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>"


def test_a_calendar_is_added_shown_as_text_and_removed(
    living: Daemon, bert: Browser, tmp_path: Path
) -> None:
    path = write(tmp_path / "x.ics", event(HOSTILE, "DTSTART:20200101T100000", "RRULE:FREQ=DAILY"))
    answer = send(bert, "/calendars/add", path.read_bytes(), name=f"../../{HOSTILE}.ics")
    assert answer.to == "/calendars?done=added"
    page = bert.get("/calendars")
    assert "&lt;script&gt;alert(1)" in page.text
    assert "1 entry" in page.said
    for tag in ("<script>a", "<img", "onerror=alert(1)>"):
        assert tag not in page.text
    (calendar,) = living.client.calendars()
    assert bert.post("/calendars/remove", name="../x").status == 409
    assert bert.post("/calendars/remove", name=calendar["name"]).to == "/calendars?done=removed"
    assert living.client.calendars() == []


@pytest.mark.parametrize(
    "data", [b"", b"nonsense", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", b"x" * 1_500_000]
)
def test_what_is_no_calendar_is_refused_in_a_sentence(
    data: bytes, living: Daemon, bert: Browser
) -> None:
    answer = send(bert, "/calendars/add", data, name="x.ics")
    assert answer.status == 409
    assert "That was not done" in answer.said
    assert living.client.calendars() == []


def test_what_is_exported_is_all_there_is_and_nothing_else(living: Daemon, bert: Browser) -> None:
    journal = living.assistant.journal
    numbers = [exchange(journal, f"thing {number}", seed=number) for number in range(2)]
    living.client.ask("typed", aloud=False)
    unanswered = journal.hear(utterance())
    journal.correct(numbers[0], "<really> this")
    gone = exchange(journal, "this was erased")
    living.client.erase([gone])
    living.client.keep("lists", ["shopping", "milk"])
    living.client.keep("notes", ["Peter", "Peter is your son."])
    living.client.keep("reminders", ["every morning at eight take the blue pill"])
    answer = bert.get("/privacy/export")
    assert answer.headers["Content-Type"] == "application/zip"
    turns = list(journal.turns())
    with ZipFile(io.BytesIO(answer.body)) as packed:
        assert packed.testzip() is None
        sounds = {f"{turn.id:06}.flac": turn.id for turn in turns if turn.record()["has_audio"]}
        assert set(sounds.values()) == {*numbers, unanswered}
        kinds = {f"{noun}.json" for noun in ("alarms", "lists", "notes", "reminders", "timers")}
        assert set(packed.namelist()) == {*sounds, *kinds, "exchanges.jsonl"}
        for name, number in sounds.items():
            assert packed.read(name) == journal.flac(number)
        lines = packed.read("exchanges.jsonl").decode().splitlines()
        assert [json.loads(line) for line in lines] == [turn.record() for turn in turns]
        for kind in kinds:
            held = living.client.kept(cast("Noun", kind.removesuffix(".json")))
            assert timeless(json.loads(packed.read(kind))) == timeless(held)
    assert b"this was erased" not in answer.body


def timeless(records: list[Record]) -> list[Record]:
    """Without the time that is left, which passes."""
    return [each | {"left_s": None} for each in records]


def test_an_export_of_nothing_is_a_whole_file_too(living: Daemon, bert: Browser) -> None:
    assert list(living.assistant.journal.turns()) == []
    with ZipFile(io.BytesIO(bert.get("/privacy/export").body)) as packed:
        assert packed.read("exchanges.jsonl").strip() == b""
        assert json.loads(packed.read("lists.json")) == []
