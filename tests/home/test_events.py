"""What happened is told to programs, and nobody waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from assistant.control.client import Client
from assistant.control.messages import Happening, Notice
from assistant.errors import HomeError
from assistant.home import events as module
from assistant.home.events import OLD_S, WAITING, Command, Events
from tests.control.sockets import serving
from tests.waiting import until

DUE = Happening(
    what="reminder_due",
    ids=(3, -7),
    words=("take the blue pill",),
    at=datetime(2026, 11, 29, 15, 30, tzinfo=timezone.utc),
)


class Ear:
    """Somebody who is told."""

    def __init__(self) -> None:
        self.told: list[Happening] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.error: str | None = None

    def tell(self, happening: Happening) -> None:
        assert self.may_go_on.wait(60)
        if self.error is not None:
            raise HomeError(self.error)
        self.told.append(happening)


def script(folder: Path, text: str) -> str:
    path = folder / "told"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_program_finds_what_happened_in_its_environment(tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = script(
        tmp_path, f'echo "$1|$ATTUNE_EVENT|$ATTUNE_IDS|$ATTUNE_AT|$ATTUNE_WORDS" >> {out}'
    )
    Command([program, "$(id)"]).tell(DUE)
    Command([program, "second"]).tell(DUE.model_copy(update={"words": ()}))
    first, second = out.read_text().splitlines()
    assert first == "$(id)|reminder_due|3 -7|2026-11-29T15:30:00+00:00|take the blue pill"
    assert second == "second|reminder_due|3 -7|2026-11-29T15:30:00+00:00|"


def test_words_are_never_a_command(tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = script(tmp_path, f'echo "$ATTUNE_WORDS" > {out}')
    words = ("`touch /nowhere`; $(reboot)\0 && x",)
    Command([program]).tell(DUE.model_copy(update={"words": words}))
    assert out.read_text() == "`touch /nowhere`; $(reboot) && x\n"


@pytest.mark.parametrize(
    ("text", "why"), [("exit 3", "failed with status 3"), ("sleep 60", "takes longer than")]
)
def test_what_is_wrong_with_a_program_is_said(
    text: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMAND_S", 0.2 if "sleep" in text else 60)
    with pytest.raises(HomeError, match=f"{why}.*home.event_command"):
        Command([script(tmp_path, text)]).tell(DUE)


def test_a_program_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match=r"No such file.*home\.event_command"):
        Command([str(tmp_path / "none")]).tell(DUE)


@pytest.mark.parametrize("with_words", [True, False])
def test_what_the_daemon_tells_arrives_without_words_unless_they_are_wished(
    with_words: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    place, ear = tmp_path / "control.sock", Ear()
    with serving(place) as server:
        events = Events(Client(place), [ear], with_words=with_words)
        events.start()
        try:

            def published() -> bool:
                server.publish_happening(DUE)
                server.publish_state("muted")  # is not for it
                return bool(ear.told)

            until(published)
        finally:
            events.stop()
    assert ear.told[0].words == (DUE.words if with_words else ())
    assert (ear.told[0].what, ear.told[0].ids, ear.told[0].at) == (DUE.what, DUE.ids, DUE.at)
    assert events.trouble is None


@pytest.fixture
def alone(tmp_path: Path) -> Client:
    """Of a daemon that does not run."""
    return Client(tmp_path / "none.sock")


def running(events: Events, act: Callable[[], None]) -> None:
    events.start()
    try:
        act()
    finally:
        events.stop()


def test_who_is_slow_keeps_nobody_waiting_and_what_is_too_much_is_dropped(alone: Client) -> None:
    ear = Ear()
    ear.may_go_on.clear()
    events = Events(alone, [ear])

    def act() -> None:
        events.take(DUE)
        until(events._waiting.empty)  # it is being told
        for _ in range(WAITING + 3):
            events.take(DUE)
        assert events.trouble == "3 events were not passed on. Too much happened at once."
        ear.may_go_on.set()
        until(lambda: len(ear.told) == WAITING + 1)
        until(lambda: events.trouble is None)

    running(events, act)


def test_what_failed_is_said_until_the_next_is_told(alone: Client) -> None:
    deaf, ear = Ear(), Ear()
    deaf.error = "Nobody is there. Look."
    events = Events(alone, [deaf, ear])

    def act() -> None:
        events.take(DUE)
        until(lambda: events.trouble)
        assert events.trouble == "An event was not passed on. Nobody is there. Look."
        assert len(ear.told) == 1
        deaf.error = None
        events.take(DUE)
        until(lambda: events.trouble is None)

    running(events, act)


def test_what_is_old_is_told_no_more(alone: Client) -> None:
    clock, ear = [0.0], Ear()
    events = Events(alone, [ear], clock=lambda: clock[0])
    events.take(DUE)
    clock[0] = OLD_S + 1

    def act() -> None:
        until(lambda: events.trouble)
        assert ear.told == []
        events.take(DUE)
        until(lambda: ear.told)

    running(events, act)


def test_a_daemon_that_tells_what_nobody_knows_is_said(alone: Client) -> None:
    events = Events(alone, [])
    events._read(Notice(method="happening", params={"what": "; rm -rf /"}))
    assert events.trouble is not None
    assert "another version" in events.trouble
