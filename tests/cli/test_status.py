from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from assistant.cli import status
from assistant.config import load
from assistant.control.messages import Status
from assistant.control.server import Server
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.personalise.background.scheduler import EXAMPLES
from assistant.personalise.bridges.folder import BridgeFolder
from tests.bridge.tables import checkpoint
from tests.control.knowing import Knowing
from tests.journal.exchanges import STARTED_AT, exchange, utterance
from tests.person import ordinary_home, ordinary_person
from tests.plain_words import looked_at

Told = Callable[..., dict[str, str]]
"""Runs the command and gives its rows."""

CapSys = pytest.CaptureFixture[str]

NUMBERS = {
    "held_out": 12,
    "transcript_rouge1": 0.31,
    "transcript_word_error": 0.55,
    "transcript_right": 0.25,
    "after_rouge1": 0.71,
    "after_word_error": 0.24,
    "after_right": 8 / 12,
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "ATTUNE_JOURNAL__PATH": str(tmp_path / "data" / "journal.db"),
        "ATTUNE_CONTROL__PATH": str(tmp_path / "control.sock"),
        "ATTUNE_PERSONALISE__HELD_OUT": "0.4",
    }


@pytest.fixture
def journal(environment: dict[str, str]) -> Iterator[Journal]:
    with Journal(Path(environment["ATTUNE_JOURNAL__PATH"])) as journal:
        yield journal


@pytest.fixture
def folder(journal: Journal) -> BridgeFolder:
    return BridgeFolder(journal.path.parent / "bridges")


def run(environment: dict[str, str], *words: str) -> int:
    parser = argparse.ArgumentParser()
    status.register(parser.add_subparsers())
    args = parser.parse_args(["status", *words])
    loaded = load(environ=environment, files=())
    return args.run(args, loaded.settings, loaded)


@pytest.fixture
def told(environment: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Told:
    def told(wanted: int = 0, **changes: str) -> dict[str, str]:
        assert run(environment | changes) == wanted
        captured = capsys.readouterr()
        assert captured.err == ""
        looked_at(("status",), captured.out)
        rows = (
            line.split(maxsplit=1)
            for line in captured.out.replace("last verdict", "last").splitlines()
        )
        return {row[0]: row[1] for row in rows}

    return told


class Running(Knowing):
    """A daemon in this state."""

    def __init__(self, **state: Any) -> None:
        super().__init__()
        self.state = state

    def status(self) -> Status:
        return Status.model_validate({"pid": 77, "bridge": None, "state": "waiting"} | self.state)


def judge(journal: Journal, version: str, *, accepted: bool, why: str) -> None:
    lineage = Lineage(journal)
    record = lineage.trained(version, "letters", "base", [], [])
    lineage.judged(record, {"why": why, **NUMBERS}, accepted=accepted)


def learned(journal: Journal, folder: BridgeFolder) -> str:
    """A bridge that the gate accepted, and one that it then rejected."""
    version = folder.add(checkpoint())
    folder.promote(version)
    judge(journal, version, accepted=True, why="replies got better")
    judge(journal, "0ff", accepted=False, why="replies are not better")
    return version


def test_a_new_device_is_told_what_to_do(told: Told) -> None:
    assert told() == {
        "Attune": "not running; start it with 'assistant run'",
        "learned": "nothing yet: everybody is heard alike",
        "examples": "0 taught (0 kept as a test), 0 understood with confidence",
        "learning": "waiting for: Attune to be started ('assistant run'); 5 more examples",
    }


def test_what_was_learned_is_told_without_a_daemon(
    told: Told, journal: Journal, folder: BridgeFolder
) -> None:
    version = learned(journal, folder)
    rows = told()
    assert rows["learned"].startswith(f"version {version}, 20")
    assert rows["learned"].endswith(" from 0 sentences")
    assert rows["score"] == "of 12 test sentences it understands 8; plain transcription, 3"
    assert rows["last"].startswith("0ff not used 20")
    assert rows["last"].endswith(": replies are not better")
    folder.rollback()
    rows = told()
    assert rows["learned"] == "nothing yet: everybody is heard alike"
    assert "score" not in rows


def test_what_was_measured_is_told_when_asked(
    environment: dict[str, str],
    journal: Journal,
    folder: BridgeFolder,
    capsys: pytest.CaptureFixture[str],
) -> None:
    learned(journal, folder)
    assert run(environment) == 0
    assert "ROUGE" not in capsys.readouterr().out
    assert run(environment, "--verbose") == 0
    shown = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    cells = {row[0]: [cell.strip() for cell in row[1:] if cell] for row in shown}
    assert cells["wrong words per word said"] == ["0.24", "0.55"]
    assert cells["replies as to the true text (ROUGE-1)"] == ["0.71", "0.31"]


def test_a_verdict_from_before_words_were_counted_has_no_score(
    told: Told, journal: Journal, folder: BridgeFolder
) -> None:
    version = folder.add(checkpoint())
    folder.promote(version)
    record = Lineage(journal).trained(version, "letters", "base", [], [])
    Lineage(journal).judged(record, {"why": "so", "after_rouge1": 0.7}, accepted=True)
    rows = told()
    assert "score" not in rows
    assert rows["last"].endswith(": so")


def test_examples_are_counted_by_kind_and_from_the_last_training(
    told: Told, journal: Journal
) -> None:
    for number in range(20):
        moment = STARTED_AT + timedelta(minutes=number)
        journal.enrolled(utterance(0.1, started_at=moment), "good morning", Taught.ENROLLED)
    exchange(journal)
    journal.remember(EXAMPLES, "18")
    found = told(ATTUNE_PERSONALISE__CONFIDENT="0.7")["examples"].split()
    assert (found[0], found[-4]) == ("20", "1")
    assert 0 < int(found[2].removeprefix("(")) < 20
    assert told()["learning"].endswith("; 3 more examples")
    journal.remember(EXAMPLES, "16")
    assert told()["learning"].endswith("; 1 more example")
    journal.remember(EXAMPLES, "rubbish")
    assert told()["learning"] == "waiting for: Attune to be started ('assistant run')"
    journal.remember(EXAMPLES, "900")  # most of them erased since
    assert told()["learning"].endswith("; 5 more examples")


@pytest.mark.parametrize(
    ("state", "learning"),
    [
        (
            {"waits": ["2 more examples", "somebody spoke 40 s ago, 260 s more"]},
            "waiting for: 2 more examples; somebody spoke 40 s ago, 260 s more",
        ),
        ({}, "starting in a moment"),
        ({"state": "off"}, "off; 'assistant retrain' trains all the same"),
        ({"state": "training"}, "training"),
        (
            {"state": "training", "progress": 0.456, "seconds_left": 12.3},
            "training, 46% done, 13 s left",
        ),
        ({"state": "judging", "progress": 0.5}, "judging, 50% done"),
        ({"state": "paused", "progress": 0.5}, "paused while somebody speaks, 50% done"),
    ],
)
def test_what_the_daemon_does_is_told(
    state: dict[str, Any], learning: str, told: Told, environment: dict[str, str]
) -> None:
    with Server(Path(environment["ATTUNE_CONTROL__PATH"])) as server:
        server.serve(Running(**state))
        rows = told()
    assert rows["Attune"] == "running for 0 s (process 77)"
    assert rows["learning"] == learning


UNTIL = datetime(2026, 3, 1, 18, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("microphone", "told"),
    [
        ({"state": "listening"}, "yes; nobody has spoken yet"),
        (
            {"state": "listening", "since_s": 200, "spoken_s": 40.0, "level_dbfs": -50},
            "yes, for 3 min 20 s; somebody spoke 40 s ago",
        ),
        (
            {"state": "listening", "since_s": 5, "spoken_s": 0.1, "speech": True, "button": True},
            "yes while the talk button is held, for 5 s; somebody speaks now",
        ),
        (
            {"state": "listening", "since_s": 5, "level_dbfs": -96},
            (
                "nothing but silence, for 5 s: the microphone gives no sound at all. Is it "
                "switched off? 'assistant devices' shows which there are."
            ),
        ),
        (
            {"state": "listening", "since_s": 9, "why": "No sound has come for 5 s."},
            "no: No sound has come for 5 s. Unplug the microphone and plug it in again.",
        ),
        (
            {"state": "muted", "since_s": 65},
            "no, for 1 min 05 s: muted; 'assistant unmute' turns it on again",
        ),
        ({"state": "waiting"}, "not yet: the microphone is being opened"),
        (
            {"state": "absent", "since_s": 7_300, "why": "The microphone is gone."},
            "no, for 2 h 01 min: The microphone is gone. It is tried again by itself.",
        ),
    ],
)
def test_whether_it_hears_is_told_first(
    microphone: dict[str, Any], told: str, environment: dict[str, str], capsys: CapSys
) -> None:
    with Server(Path(environment["ATTUNE_CONTROL__PATH"])) as server:
        server.serve(Running(microphone=microphone))
        assert run(environment) == 0
    assert capsys.readouterr().out.splitlines()[1].split(maxsplit=1) == ["hears", told]


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({}, "yes"),
        ({"speaking": True}, "yes; speaking now"),
        (
            {"loudspeaker": {"why": "There is no loudspeaker. Connect one.", "since_s": 5}},
            (
                "no, for 5 s: There is no loudspeaker. Connect one. It is tried again with the "
                "next reply."
            ),
        ),
        (
            {"loudspeaker": {"folder": "/replies"}},
            "no: replies are written to files in /replies, because speak.wav_dir says so",
        ),
        (
            {"loudspeaker": {"quiet_until": UNTIL}},
            f"yes, but nothing unasked until {UNTIL.astimezone():%A %H:%M}, as somebody wished",
        ),
    ],
)
def test_whether_it_speaks_is_told_second(
    state: dict[str, Any], told: str, environment: dict[str, str], capsys: CapSys
) -> None:
    with Server(Path(environment["ATTUNE_CONTROL__PATH"])) as server:
        server.serve(Running(**state))
        assert run(environment) == 0
    assert capsys.readouterr().out.splitlines()[2].split(maxsplit=1) == ["speaks", told]


def test_what_else_is_wrong_is_told(told: Told, environment: dict[str, str]) -> None:
    gone = "There is no loudspeaker."
    running = Running(warnings=[gone, "The disk is full."], loudspeaker={"why": gone})
    with Server(Path(environment["ATTUNE_CONTROL__PATH"])) as server:
        server.serve(running)
        assert told()["warning"] == "The disk is full."


def test_the_bridge_that_the_daemon_uses_is_told(
    told: Told, environment: dict[str, str], journal: Journal, folder: BridgeFolder
) -> None:
    version = learned(journal, folder)
    running = Running(bridge="ba5e", failures=2, last_failure="it ended with status 3")
    with Server(Path(environment["ATTUNE_CONTROL__PATH"])) as server:
        server.serve(running)
        rows = told()
        assert rows["learned"] == "ba5e"
        assert rows["failures"] == "2 in a row; it ended with status 3"
        running.state = {"bridge": version}
        rows = told()
        assert rows["learned"].startswith(f"version {version}, 20")
        assert "failures" not in rows
        running.state = {"bridge": None}
        assert told()["learned"] == "nothing yet: everybody is heard alike"


def test_a_route_without_a_bridge_is_told(told: Told) -> None:
    assert told(ATTUNE_ROUTE="transcript")["learned"].startswith(
        "not used, because the setting 'route' says so"
    )
    assert told(ATTUNE_BRIDGE__PATH="")["learned"] == "nothing yet: everybody is heard alike"


def test_a_damaged_folder_of_bridges_is_told(told: Told, folder: BridgeFolder) -> None:
    folder.promote(folder.add(checkpoint()))
    folder.state.write_text("rubbish")
    assert told()["learned"].startswith("unknown: The list of what was learned")


def test_a_daemon_that_cannot_be_asked_is_a_failure_and_the_rest_is_told(
    told: Told, environment: dict[str, str], tmp_path: Path
) -> None:
    rows = told(1, ATTUNE_CONTROL__PATH=str(tmp_path / ("x" * 200)))
    assert rows["Attune"].startswith("The path ")
    assert rows["learned"] == "nothing yet: everybody is heard alike"
    assert environment


def test_where_the_journal_is_anothers_the_daemon_alone_tells(told: Told) -> None:
    with ordinary_home() as home, Server(place := home / "control.sock") as server:
        server.serve(Running(bridge="ba5e", waits=["mains power"]))
        Journal(home / "journal.db").close()
        if os.geteuid() != 0:
            (home / "journal.db").chmod(0)
        place.chmod(0o777)
        with ordinary_person():
            rows = told(
                ATTUNE_JOURNAL__PATH=str(home / "journal.db"), ATTUNE_CONTROL__PATH=str(place)
            )
    assert rows == {
        "Attune": "running for 0 s (process 77)",
        "hears": "no: it does not listen to a microphone",
        "speaks": "yes",
        "learned": "ba5e",
        "learning": "waiting for: mains power",
    }


def test_everything_is_told_as_json(
    environment: dict[str, str],
    journal: Journal,
    folder: BridgeFolder,
    capsys: pytest.CaptureFixture[str],
) -> None:
    version = learned(journal, folder)
    assert run(environment, "--json") == 0
    alone = json.loads(capsys.readouterr().out)
    assert (alone["running"], alone["daemon"], alone["bridge"]) == (False, None, version)
    assert alone["score"] == {"why": "replies got better", **NUMBERS}
    assert alone["examples"] == {"taught": 0, "held_out": 0, "confident": 0}
    assert alone["waits"] == ["Attune to be started ('assistant run')", "5 more examples"]
    assert (alone["last_verdict"]["version"], alone["last_verdict"]["accepted"]) == ("0ff", False)
    with Server(Path(environment["ATTUNE_CONTROL__PATH"])) as server:
        server.serve(Running(waits=["mains power"]))
        assert run(environment, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["running"], found["daemon"]["pid"]) == (True, 77)
    assert found["waits"] == found["daemon"]["waits"] == ["mains power"]
