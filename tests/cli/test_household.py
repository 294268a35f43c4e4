"""Commands for what a household keeps, in the journal itself and through the running daemon."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from assistant.cli import household
from assistant.config import load
from assistant.control.declaring import RefusalError
from assistant.control.messages import Record
from assistant.control.server import Server
from assistant.errors import AttuneError, ControlError, HouseholdError
from assistant.household.agenda import Agenda, Kind
from assistant.household.clocks import Moment
from assistant.household.nouns import ACTS, Act, Noun
from assistant.journal.store import Journal
from assistant.skills.typed import Typed
from tests.control.knowing import Knowing
from tests.person import ordinary_person

Run = Callable[..., list[str]]
"""Run a command that must succeed and give the lines it prints."""

NOT_RUNNING = "Attune is not running; it can only ring while it does: 'assistant run'."


def run_command(folder: Path, *words: str) -> None:
    """What the command line does: parse, load the settings, run."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    for noun in ACTS:
        household.register(commands, noun)
    args = parser.parse_args(words)
    flags = {"journal.path": folder / "journal.db", "control.path": folder / "control.sock"}
    loaded = load(flags, environ={}, files=())
    assert args.run(args, loaded.settings, loaded) == 0


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str) -> list[str]:
        run_command(tmp_path, *words)
        return capsys.readouterr().out.splitlines()

    return run


@pytest.mark.parametrize("noun", ACTS)
def test_an_empty_house_says_how_to_add_something(run: Run, noun: Noun) -> None:
    (line,) = run(noun)
    assert line.startswith(("There are no", "There is nothing"))
    assert f"To add something: assistant {noun} add " in line
    assert run(noun, "--json") == run(noun, "list", "--json") == []


def test_a_timer_is_read_back_listed_paused_and_removed(run: Run) -> None:
    assert run("timers", "add", "ten", "minutes", "pizza") == [
        "A pizza timer for ten minutes is running.",
        NOT_RUNNING,
    ]
    assert run("timers", "pause", "1")[0].startswith("Paused: a pizza timer, ")
    head, row = run("timers")
    assert head.split() == ["ID", "NAME", "LEFT"]
    assert row.split()[:2] == ["1", "pizza"]
    assert row.endswith(", paused")
    (record,) = map(json.loads, run("timers", "--json", "list"))
    assert [json.loads(line)["id"] for line in run("timers", "--json")] == [1]
    assert (record["state"], record["length_s"]) == ("paused", 600)
    (resumed,) = run("timers", "resume", "1")
    assert resumed.startswith("Goes on: a pizza timer, ")
    assert "paused" not in resumed
    assert run("timers", "remove", "1")[0].startswith("Removed: a pizza timer, ")
    assert len(run("timers")) == 1


def test_reminders_and_alarms_are_read_back_with_their_times(run: Run) -> None:
    assert run("reminders", "add", *"every morning at eight take the blue pill".split()) == [
        "It will be said every day at eight o'clock in the morning: take the blue pill.",
        NOT_RUNNING,
    ]
    assert run("alarms", "add", "weekdays at half past six")[0] == (
        "An alarm will ring on weekdays at half past six in the morning."
    )
    head, row = run("reminders", "list")
    assert head.split() == ["ID", "WHEN", "WHAT"]
    assert row.split(maxsplit=1) == [
        "1",
        "every day at eight o'clock in the morning  take the blue pill",
    ]
    assert run("alarms")[1].endswith("  on weekdays at half past six in the morning")
    assert run("reminders", "remove", "1") == [
        "Removed: reminder every day at eight o'clock in the morning: take the blue pill"
    ]
    (record,) = map(json.loads, run("alarms", "add", "--json", "tomorrow at seven"))
    assert (record["kind"], record["days"]) == ("alarm", [])


def test_what_is_due_is_shown_and_confirmed(run: Run, tmp_path: Path) -> None:
    now = datetime.now(timezone.utc).astimezone()
    at = (now - timedelta(days=1)).replace(hour=14, minute=30)
    then = Moment(at - timedelta(minutes=1), "boot", 1.0)
    with Journal(tmp_path / "journal.db") as journal:
        agenda = Agenda(journal)
        agenda.add(Kind.REMINDER, "take the blue pill", at, then)
        agenda.tick(Moment(now + timedelta(days=1), "boot", 2.0))
    (_, row) = run("reminders")
    assert row.startswith("1   due since half past two in the afternoon on ")
    assert run("reminders", "done")[0].startswith("Done: reminder due since half past two in ")
    assert run("reminders", "list")[0].startswith("There are no reminders yet.")
    with pytest.raises(HouseholdError, match="ringing at the moment"):
        run("reminders", "done")
    head, row = run("reminders", "past")
    assert head.split() == ["DUE", "ANSWER", "WHAT"]
    due, answer, what = row.split("  ")
    assert due.endswith(" 14:30")
    assert answer.startswith("done 20")
    assert what == "take the blue pill"
    (record,) = map(json.loads, run("reminders", "past", "--json", "--days", "366"))
    assert (record["state"], record["name"]) == ("done", "take the blue pill")


def test_no_reminder_in_the_past_is_said(run: Run) -> None:
    assert run("reminders", "past", "--days", "3") == ["No reminder was due in the last 3 days."]
    with pytest.raises(SystemExit):
        run("reminders", "past", "--days", "367")


def test_lists_are_shown_together_or_one_of_them(run: Run) -> None:
    assert run("lists", "add", "shopping", "milk,", "brown", "bread", "and", "eggs") == [
        "Milk, brown bread and eggs are on the shopping list."
    ]
    assert run("lists", "add", "to do", "call Peter") == ["Call Peter is on the to do list."]
    assert [line.split(maxsplit=2) for line in run("lists", "show", "groceries")] == [
        ["ID", "LIST", "WHAT"],
        ["1", "shopping", "milk"],
        ["2", "shopping", "brown bread"],
        ["3", "shopping", "eggs"],
    ]
    assert len(run("lists")) == 5
    assert run("lists", "done", "1", "2") == [
        "Done: milk (shopping)",
        "Done: brown bread (shopping)",
    ]
    assert run("lists", "remove", "3") == ["Removed: eggs (shopping)"]
    (line,) = run("lists", "show", "shopping")
    assert line.startswith("There is nothing on the list 'shopping'.")
    assert [json.loads(each) for each in run("lists", "show", "to", "do", "--json")] == [
        {"id": 4, "list": "to do", "text": "call Peter"}
    ]


def test_a_note_is_shown_whole(run: Run) -> None:
    text = "Peter is your son. He lives in Leeds. " * 5
    assert run("notes", "add", "Peter", text) == [
        f"When asked about Peter, Attune will say: {text.strip()}"
    ]
    assert run("notes")[1] == f"1   Peter  {text.strip()}"
    assert run("notes", "remove", "1") == [f"Removed: Peter: {text.strip()}"]


def test_no_name_steers_the_terminal(run: Run) -> None:
    run("notes", "add", "Peter", "clear\x1b[2J the\nscreen")
    assert "\x1b" not in "".join(run("notes") + run("notes", "remove", "1"))


@pytest.mark.parametrize(
    "words", [("timers", "remove"), ("lists", "done"), ("notes", "stop", "1"), ("notes", "add")]
)
def test_what_is_no_command_is_refused(run: Run, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        run(*words)


class Keeping(Knowing):
    """A daemon that keeps in a journal of its own."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def kept(self, noun: Noun) -> list[Record]:
        return self._do(lambda typed: typed.kept(noun))

    def keep(self, noun: Noun, words: list[str]) -> list[Record]:
        return self._do(lambda typed: typed.keep(noun, words))

    def change(self, noun: Noun, act: Act, ids: list[int]) -> list[Record]:
        return self._do(lambda typed: typed.change(noun, act, ids))

    def _do(self, what: Callable[[Typed], list[Record]]) -> list[Record]:
        try:
            with Journal(self.path) as journal:
                return what(Typed(journal))
        except AttuneError as error:
            raise RefusalError(str(error)) from error


def test_a_service_of_another_user_keeps_and_tells_it(
    service: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(*words: str) -> list[str]:
        with ordinary_person():
            run_command(service, *words)
        return capsys.readouterr().out.splitlines()

    with Server(service / "control.sock") as server:
        (service / "control.sock").chmod(0o777)  # as for one of its group
        server.serve(Keeping(service / "theirs.db"))
        assert ask("timers", "add", "ten", "minutes") == ["A timer for ten minutes is running."]
        assert ask("timers")[1].startswith("1   -     ")
        assert ask("timers", "pause", "1")[0].startswith("Paused: a timer, ")
        assert ask("notes", "add", "keys", "Your keys hang by the door.") == [
            "When asked about keys, Attune will say: Your keys hang by the door."
        ]
        assert json.loads(ask("notes", "--json")[0])["text"] == "Your keys hang by the door."
        with pytest.raises(ControlError, match="There is no number 9 among the notes"):
            ask("notes", "remove", "9")
        with pytest.raises(ControlError, match="I do not understand the time in 'call Peter'"):
            ask("reminders", "add", "call", "Peter")
    with pytest.raises(AttuneError, match="Give yourself write permission"):
        ask("notes")
