"""Whether calendars are read and help can be called is told with what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assistant.config import Settings
from assistant.doctor.finding import Finding, Level
from assistant.doctor.household import household
from assistant.doctor.subject import Subject

CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//test//EN
BEGIN:VEVENT
UID:1
DTSTART:20260301T100000
SUMMARY:Dentist
END:VEVENT
END:VCALENDAR
"""


def found(**settings: Any) -> Finding:
    return household(Subject(Settings.model_validate({"household": settings})))


@pytest.fixture
def calendar(tmp_path: Path) -> Path:
    path = tmp_path / "anna.ics"
    path.write_text(CALENDAR, encoding="utf-8")
    return path


def test_without_a_hook_nobody_is_called() -> None:
    finding = found()
    assert finding.level is Level.WARN
    assert finding.text == "Nobody is called for help; set household.help_command."


def test_a_household_that_is_set_up_is_well(calendar: Path) -> None:
    for help_ in (
        {"help_command": "true"},
        {"help_command": ["/bin/sh", "-c", "exit 1"]},  # it is looked for, not run
        {"help_webhook": "http://192.168.1.20:8123/api/webhook/help"},
    ):
        finding = found(calendars=[str(calendar), str(calendar.parent)], **help_)
        assert finding.level is Level.OK
        assert finding.text == "A call for help is passed on, and calendars read: 2."


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"help_command": ["no-such-program"]}, "The program no-such-program is missing or may"),
        ({"help_webhook": "http://93.184.215.14/help"}, "93.184.215.14 is not in the local"),
        ({"help_webhook": "http://attune.invalid/help"}, "No address is known of attune.invalid"),
        ({"sentences": "/no/such/sentences.yaml"}, "/no/such/sentences.yaml"),
    ],
)
def test_help_that_would_not_come_is_a_failure(settings: dict[str, Any], told: str) -> None:
    finding = found(**settings)
    assert finding.level is Level.FAIL
    assert told in finding.text


def test_calendars_that_are_not_read_are_named(calendar: Path, tmp_path: Path) -> None:
    calendar.write_text("no calendar", encoding="utf-8")
    finding = found(calendars=[str(calendar), str(tmp_path / "none.ics")], help_command=["true"])
    assert finding.level is Level.WARN
    assert f"There is no calendar at {tmp_path / 'none.ics'}; put one there" in finding.text
    assert f"The calendar {calendar} cannot be read" in finding.text


def test_a_program_that_may_not_be_run_calls_nobody(calendar: Path) -> None:
    finding = found(help_command=[str(calendar), "now"])
    assert finding.level is Level.FAIL
    assert finding.text.startswith(f"The program {calendar} is missing or may not be run")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://93.184.215.14", "93.184.215.14 is not in the local network, so it could not be"),
        ("http://attune.invalid:8123", "No address is known of attune.invalid"),
    ],
)
def test_a_home_that_would_not_be_asked_is_told(url: str, told: str) -> None:
    help_ = {"help_command": "true"}
    finding = household(
        Subject(Settings.model_validate({"household": help_, "home": {"url": url}}))
    )
    assert finding.level is Level.FAIL
    assert told in finding.text
    assert "change home.url" in finding.text
    near = {"household": help_, "home": {"url": "http://192.168.1.20:8123"}}
    assert household(Subject(Settings.model_validate(near))).level is Level.OK


def test_a_household_s_own_words_for_its_home_are_read(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text('home.act:\n  - "(film night"\n')
    finding = found(help_command="true", sentences=own)
    assert finding.level is Level.FAIL
    assert f"The sentences in {own} cannot be used" in finding.text
