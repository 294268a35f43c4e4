"""The daemon, ``assistant home`` and Home Assistant together."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from assistant import child
from assistant.config import HomeSettings
from assistant.control.client import Client
from assistant.daemon.happenings import Happenings
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.errors import ControlError
from assistant.generate.llama import LlamaSession
from assistant.home import service
from assistant.household.smart_home import ANSWER_S
from tests.attacks.bounds import ROOT, command
from tests.cli.house import House as CliHouse
from tests.daemon.home import Home
from tests.daemon.served import RUN, Service, ended
from tests.home import assistant_stub as stub
from tests.home.assistant_stub import House, refused, serving, settings
from tests.home.brokers import broker, listening
from tests.sound import silent_environment
from tests.waiting import WAIT_S, until

LIGHT = "turn on the kitchen light"


@pytest.fixture
def home(tmp_path: Path, encoder: Wav2Vec2Encoder, llm: LlamaSession) -> Home:
    return Home(tmp_path, encoder, llm, [])


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks often whether it is to end."""
    monkeypatch.setattr(service, "WAIT_S", 0.2)


@contextmanager
def passing_on(client: Client, chosen: HomeSettings) -> Iterator[list[str]]:
    """``assistant home`` in a thread; what it notes."""
    ended, notes = threading.Event(), list[str]()
    thread = threading.Thread(target=service.serve, args=(client, chosen, notes.append, ended))
    thread.start()
    try:
        yield notes
    finally:
        ended.set()
        thread.join(WAIT_S)


def test_what_is_asked_reaches_the_home_and_its_answer_is_the_reply(
    home: Home, tmp_path: Path
) -> None:
    with serving() as house:
        chosen = home.settings(home={"url": house.url})
        with home.daemon(chosen) as daemon, daemon.living():
            with passing_on(daemon.client, settings(tmp_path, house.url)) as notes:
                assert daemon.client.ask(LIGHT, aloud=False)["reply"] == "Turned on the light."
                house.body = refused("no_intent_match")
                reply = daemon.client.ask("close the blinds", aloud=False)["reply"]
                assert reply == "Your home did not understand that, so nothing was done."
            assert [each["text"] for each in house.asked] == [LIGHT, "close the blinds"]
            assert notes == []


def test_what_keeps_it_from_its_work_is_told_once_and_shown_in_the_status(
    home: Home, tmp_path: Path
) -> None:
    with serving(House(status=404)) as house:
        chosen = home.settings(home={"url": house.url})
        with home.daemon(chosen) as daemon, daemon.living():
            with passing_on(daemon.client, settings(tmp_path, house.url)) as notes:
                for _ in range(2):
                    reply = daemon.client.ask(LIGHT, aloud=False)["reply"]
                    assert reply == "I cannot reach your home at the moment, so nothing was done."
                until(lambda: daemon.client.status().warnings)
                (warning,) = daemon.client.status().warnings
                assert "Correct home.url" in warning
            assert notes == [warning]


def test_a_daemon_that_goes_and_comes_is_waited_for(home: Home, tmp_path: Path) -> None:
    with serving() as house:
        chosen = home.settings(home={"url": house.url})
        client = Client(chosen.control.path)
        with passing_on(client, settings(tmp_path, house.url)) as notes:
            until(lambda: notes)
            assert "not running" in notes[0]
            with home.daemon(chosen) as daemon, daemon.living():
                until(lambda: daemon.runtime.smart_home and daemon.runtime.smart_home.is_awaited)
                assert client.ask(LIGHT, aloud=False)["reply"] == "Turned on the light."
                daemon.controls.leave()


def test_without_a_home_nobody_is_given_anything(home: Home) -> None:
    with (
        home.daemon() as daemon,
        pytest.raises(ControlError, match=r"Set home\.url"),
    ):
        daemon.client.home_wish(0)


def test_the_command_needs_an_address_and_a_secret(tmp_path: Path) -> None:
    done = command(tmp_path, ["home"])
    assert done.returncode == 1
    assert "Set home.url" in done.stderr
    done = command(tmp_path, ["home"], {"ATTUNE_HOME__URL": "http://localhost:1"})
    assert done.returncode == 1
    assert "home.token_file" in done.stderr


def test_the_command_passes_on_and_never_shows_the_secret(home: Home, tmp_path: Path) -> None:
    with serving(House(status=401)) as house:
        chosen = home.settings(home={"url": house.url})
        token = settings(tmp_path, house.url).token_file
        environment = os.environ | {
            "HOME": str(tmp_path),
            "ATTUNE_HOME__URL": house.url,
            "ATTUNE_HOME__TOKEN_FILE": str(token),
            "ATTUNE_CONTROL__PATH": str(chosen.control.path),
        }
        with (
            home.daemon(chosen) as daemon,
            daemon.living(),
            subprocess.Popen(
                [*child.command("assistant"), "home"],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ) as process,
        ):
            assert process.stdout is not None
            assert process.stderr is not None
            try:
                assert house.url in process.stdout.readline()
                until(lambda: daemon.runtime.smart_home and daemon.runtime.smart_home.is_awaited)
                reply = daemon.client.ask(LIGHT, aloud=False)["reply"]
                assert str(reply).startswith("Your home does not let me in")
                told = process.stderr.readline()
                assert "does not accept" in told
                assert stub.TOKEN not in told
            finally:
                process.terminate()


def test_what_happens_reaches_a_broker_and_a_program(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = tmp_path / "told"
    told.write_text(f'#!/bin/sh\necho "$ATTUNE_EVENT $ATTUNE_WORDS" >> {out}\n')
    told.chmod(0o755)
    with broker(tmp_path) as port, listening(port) as heard:
        block = {"mqtt": f"mqtt://localhost:{port}", "event_command": [str(told)]}
        chosen = home.settings(home=block)
        with home.daemon(chosen) as daemon, daemon.living():
            household = daemon.assistant.desk.household
            happenings = Happenings(household, daemon.server.publish_happening)
            happenings.look()
            with passing_on(daemon.client, chosen.home):
                until(lambda: daemon.server._followers)
                daemon.client.keep("lists", ["shopping", "milk"])
                until(lambda: happenings.look() or heard)
                until(lambda: out.exists() and out.read_text().endswith("\n"))
    assert out.read_text() == "list_changed \n"
    ((topic, body),) = heard
    assert topic == "attune/list_changed"
    assert b"milk" not in body


def test_who_is_only_told_is_asked_nothing(home: Home) -> None:
    chosen = home.settings(home={"event_command": ["true"]})
    with home.daemon(chosen) as daemon, daemon.living(), passing_on(daemon.client, chosen.home):
        assert daemon.client.ask(LIGHT, aloud=False)["reply"] == "Yes."
        assert daemon.client.status().warnings == ()


@pytest.fixture
def running_service(tmp_path: Path, house: CliHouse) -> Iterator[Service]:
    """A daemon in a process of its own, with no sound device."""
    found = Service(tmp_path, house, silent_environment(tmp_path / "silent"))
    yield found
    found.manager.close()


def test_a_service_tells_what_happens_once_somebody_is_set(running_service: Service) -> None:
    client = running_service.client

    def told(most: int) -> set[str]:
        """What is told of a call for help and a list that changes."""
        found: set[str] = set()
        with client.notices(0.2) as notices:
            client.ask("i have fallen", aloud=False)
            client.keep("lists", ["shopping", "milk"])
            for notice in islice(notices, most):
                if notice is not None and notice.method == "happening":
                    found.add(str(notice.params["what"]))
                if len(found) == 2:
                    break
        return found

    with running_service.running(RUN) as process:
        running_service.manager.told_until("READY=1")
        assert told(10) == set()
        running_service.configure("one", '[home]\nevent_command = "true"\n')
        client.reload()
        until(lambda: running_service.answers("hello"))
        assert told(300) == {"help_asked", "list_changed"}
        ended(process)


def test_a_service_hands_out_what_its_home_is_asked_for(running_service: Service) -> None:
    client = running_service.client
    answers: list[str] = []
    with running_service.running(RUN, ATTUNE_HOME__URL="http://192.168.1.5") as process:
        running_service.manager.told_until("READY=1")

        def ask() -> None:
            answers.append(client.ask(LIGHT, aloud=False)["reply"])

        thread = threading.Thread(target=ask)
        thread.start()
        wish = client.home_wish(10)
        assert wish is not None
        assert (wish.words, wish.language) == (LIGHT, "en")
        assert 0 < wish.left_s <= ANSWER_S
        client.home_answer(wish.number, "done", "The light is on")
        thread.join(WAIT_S)
        assert answers == ["The light is on."]
        client.reload()
        until(lambda: running_service.answers("hello"))
        ended(process)


def test_nobody_is_left_waiting_at_what_is_closed(home: Home) -> None:
    with home.daemon(home.settings(home={"url": "http://192.168.1.5"})) as daemon:
        smart_home = daemon.runtime.smart_home
        assert smart_home is not None
        thread = threading.Thread(target=smart_home.take, args=(600,), daemon=True)
        thread.start()
        until(lambda: smart_home.is_awaited)
        daemon.controls.leave()
        thread.join(WAIT_S)
        assert not thread.is_alive()
