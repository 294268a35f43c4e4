"""The checks as a process: one that hangs, crashes or breaks off costs its own line alone."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from assistant.config import Settings
from assistant.doctor.__main__ import run
from assistant.doctor.checks import CHECKS, Check, chosen
from assistant.doctor.examine import examine
from assistant.doctor.finding import Finding, Level
from assistant.doctor.subject import Daemon, Subject, from_json, to_json
from tests.sound import SoundServer, silent_environment
from tests.waiting import WAIT_S


@pytest.fixture
def silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in silent_environment(tmp_path / "silent").items():
        monkeypatch.setenv(name, value)


def found(*names: str, subject: Subject | None = None) -> dict[str, Finding]:
    return {check.name: finding for check, finding in examine(subject or Subject(), chosen(names))}


def the_checks_process() -> psutil.Process:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        for child in psutil.Process().children():
            if "assistant.doctor" in child.cmdline():
                return child
        time.sleep(0.01)
    raise AssertionError("it never began")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_is_there_and_says_what_it_looks_at(check: Check) -> None:
    module, _, function = check.place.partition(":")
    assert check.function.__module__ == f"assistant.doctor.{module}"
    assert check.function.__name__ == function
    assert check.function.__doc__


def test_the_subject_arrives_as_it_is(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"journal": {"path": tmp_path / "ä" / "journal.db"}, "generate": {"reminders": ("a", "b")}}
    )
    subject = Subject(settings, Daemon(running=True, pid=7, level_dbfs=-33.5, trouble=None))
    assert from_json(to_json(subject)) == subject


@pytest.mark.usefixtures("silent")
def test_findings_come_in_order_and_those_without_sound_are_told() -> None:
    names = ("sound devices", "microphone", "python", "loudspeaker", "loopback")
    findings = found(*names)
    assert tuple(findings) == names
    levels = [finding.level.value for finding in findings.values()]
    assert levels == ["ok", "fail", "ok", "fail", "warn"]
    assert findings["sound devices"].figures == {"microphones": 0, "loudspeakers": 0}
    assert findings["microphone"].text.startswith("There is no microphone: connect one")
    assert findings["loudspeaker"].text.startswith("There is no loudspeaker: connect one")
    assert findings["loopback"].text.startswith("Skipped: There is no microphone")


def test_a_sound_server_that_hangs_is_given_up_and_the_next_check_made(
    mortal_server: SoundServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in mortal_server.env.items():
        monkeypatch.setenv(name, value)
    os.kill(mortal_server.process.pid, signal.SIGSTOP)
    hanging, python = chosen(["sound devices", "python"])
    told = [finding for _, finding in examine(Subject(), [replace(hanging, limit_s=1.5), python])]
    assert [finding.level for finding in told] == [Level.FAIL, Level.OK]
    assert told[0].text.startswith("The check did not finish within 1.5 s and was abandoned")


def test_a_check_that_ends_its_process_is_told_and_the_next_one_made(
    mortal_server: SoundServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in mortal_server.env.items():
        monkeypatch.setenv(name, value)
    os.kill(mortal_server.process.pid, signal.SIGSTOP)  # it hangs until it is killed
    told: list[Finding] = []
    checks = chosen(["sound devices", "python"])
    thread = threading.Thread(
        target=lambda: told.extend(finding for _, finding in examine(Subject(), checks))
    )
    thread.start()
    the_checks_process().kill()
    thread.join()
    assert [finding.level for finding in told] == [Level.FAIL, Level.OK]
    assert "The process of the check was killed, probably because memory ran out." in told[0].text


def test_no_process_is_left_behind() -> None:
    findings = examine(Subject(), chosen(["python", "packages"]))
    check, _ = next(findings)
    assert check.name == "python"
    process = the_checks_process()
    findings.close()
    assert not process.is_running()


def _broken(_subject: Subject) -> Finding:
    raise ZeroDivisionError("by zero\nin a library")


def _forbidden(_subject: Subject) -> Finding:
    raise PermissionError(13, "Permission denied", "/var/lib/attune/journal.db")


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (_broken, "The check failed (ZeroDivisionError: by zero). Reinstall Attune"),
        (_forbidden, "You may not read /var/lib/attune/journal.db. Run this as the user"),
    ],
)
def test_what_nobody_expected_is_a_line_of_its_own(
    function: Callable[[Subject], Finding], told: str
) -> None:
    class Broken(Check):
        __slots__ = ()

        @property
        def function(self) -> Callable[[Subject], Finding]:
            return function

    finding = run(Broken("broken", "none"), Subject())
    assert finding.level is Level.FAIL
    assert finding.text.startswith(told)
