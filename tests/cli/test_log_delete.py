from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from assistant.cli.shared.erasure import SHOWN
from assistant.control.server import Server
from assistant.errors import ConfigError, JournalError
from assistant.journal.store import Journal
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.training.request import Request
from tests.cli.house import House
from tests.cli.terminal import Terminal, terminal
from tests.cli.test_log import assistant_log
from tests.control.knowing import Knowing
from tests.journal.exchanges import STARTED_AT, exchange
from tests.personalise.lived_in import Traces, learn, talk
from tests.sound import silent_environment

Run = Callable[..., list[str]]


@pytest.fixture
def run(path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a log command that must succeed and give the lines it prints."""

    def run(*words: object) -> list[str]:
        assert assistant_log(path, *map(str, words)) == 0
        return capsys.readouterr().out.splitlines()

    return run


RETRAINED = (
    "Attune learns again from what is left when it is idle, or now with 'assistant retrain'."
)
COPIES = "Exports and backups that you saved elsewhere are not erased."


def test_erasing_tells_what_went_and_what_follows(journal: Journal, run: Run) -> None:
    folder = BridgeFolder(journal.path.parent / "bridges")
    traces = [talk(journal, number) for number in (1, 2, 3)]
    first, _ = learn(journal, folder, [1], seed=1)
    _, weights = learn(journal, folder, [1, 2], seed=2)
    assert run("delete", 3, "--yes") == [
        "Erased: exchanges 1, learned versions 0.", COPIES,
    ]  # fmt: skip
    forgets, *told = run("delete", 2, 2, "--yes")  # said even to who does not want to be asked
    assert "what it learned from 2 recordings is forgotten with it." in forgets
    assert told == [
        "Erased: exchanges 1, learned versions 1.",
        f"Version {first} is in use from now on.",
        RETRAINED,
        COPIES,
    ]
    told = run("delete", "--all", "--yes")
    assert "what it learned from 1 recording is forgotten" in told[0]
    assert told[0].endswith("it hears as if it had never learned your voice.")
    assert told[2] == "What Attune came with is in use from now on."
    assert [turn.id for turn in journal.turns()] == []
    assert [each.left_in(journal.path.parent) for each in (*traces, weights)] == [[]] * 4
    (line,) = run("delete", "--all", "--yes")
    assert line.startswith("Nothing has been said yet.")


def test_erasing_since_a_moment(journal: Journal, run: Run) -> None:
    exchange(journal)
    exchange(journal, started_at=datetime.now(timezone.utc) - timedelta(hours=2))
    exchange(journal, started_at=datetime.now(timezone.utc))
    assert run("delete", "--since", "1h", "--yes")[0].startswith("Erased: exchanges 1,")
    assert [turn.id for turn in journal.turns()] == [2, 1]
    (line,) = run("delete", "--since", "1h", "--yes")
    assert line.startswith("Nothing has been said since then.")


def test_one_unknown_exchange_keeps_all_from_being_erased(journal: Journal, path: Path) -> None:
    exchange(journal)
    with pytest.raises(JournalError, match=r"no exchange 7 in .*, so nothing was erased"):
        assistant_log(path, "delete", "1", "7", "9", "--yes")
    assert journal.count() == 1


@pytest.mark.parametrize("words", [(), ("1", "--all"), ("--since", "1h", "--all"), ("--yes",)])
def test_what_to_erase_must_be_said_in_one_way(
    journal: Journal, path: Path, words: tuple[str, ...]
) -> None:
    exchange(journal)
    with pytest.raises(
        ConfigError, match="Give either the numbers of exchanges, or --since WHEN, or"
    ):
        assistant_log(path, "delete", *words)
    assert journal.count() == 1


def test_without_a_terminal_nothing_is_erased_unasked(journal: Journal, path: Path) -> None:
    exchange(journal)
    with pytest.raises(ConfigError, match="Erasing cannot be undone: add --yes"):
        assistant_log(path, "delete", "1")
    assert journal.count() == 1


QUESTION = "Erase 1 exchange and what was learned from it? [y/N] "
TAKE_BACK = "Nothing is gone yet. Press Enter to erase it for good, or u to take it back.\n"
LEARN_AGAIN = "Learn again from what is left now? It may take some minutes. [y/N] "


@contextmanager
def erasing(path: Path, *words: object, **settings: str) -> Generator[Terminal]:
    """The command before a person."""
    environment = silent_environment(path.parent / "silent") | {
        "ATTUNE_JOURNAL__PATH": str(path),
        "ATTUNE_CONTROL__PATH": str(path.parent / "control.sock"),
    }
    with terminal("log", "delete", *words, environment=environment | settings) as screen:
        yield screen


def kept(path: Path, traces: Traces) -> set[bytes]:
    """What is left of it, in the journal's file or its log."""
    return {trace for _, trace in traces.left_in(path.parent)}


@pytest.mark.parametrize("answer", ["\n", "n\n", "yellow\n", "\x04"])
def test_who_does_not_agree_erases_nothing(journal: Journal, path: Path, answer: str) -> None:
    exchange(journal)
    with erasing(path, 1) as screen:
        screen.wait_for(QUESTION)
        screen.press(answer)
        status, rest = screen.end()
    assert status == 1
    assert rest.endswith("\nNothing was erased.\n")
    assert TAKE_BACK not in rest
    assert journal.count() == 1


@pytest.mark.parametrize("answer", ["y\n", " Yes \n"])
def test_a_person_sees_what_they_erase_and_nothing_is_gone_before_the_last_enter(
    journal: Journal, path: Path, answer: str
) -> None:
    exchange(journal, "what time is it")
    exchange(journal, "clear\x1b[2J the\nscreen")
    with erasing(path, 2) as screen:
        moment = f"{STARTED_AT.astimezone():%d %B %Y, %H:%M}"
        assert screen.wait_for(QUESTION) == f"  2, {moment}: clear[2J the screen\n{QUESTION}"
        screen.press(answer)
        screen.wait_for(TAKE_BACK)
        assert journal.count() == 2
        assert journal.memories("erasing:") == {}
        screen.press("xy ")  # keys without a meaning
        screen.press("\n")
        status, rest = screen.end()
    assert (status, rest) == (0, f"Erased: exchanges 1, learned versions 0.\n{COPIES}\n")
    assert [turn.id for turn in journal.turns()] == [1]


def test_an_erasure_is_taken_back(journal: Journal, path: Path) -> None:
    folder = BridgeFolder(path.parent / "bridges")
    trace = talk(journal, 1)
    version, weights = learn(journal, folder, [1], seed=1)
    with erasing(path, "--all") as screen:
        screen.press("y\n\n")  # the second Enter was too much, and is no answer
        screen.wait_for(TAKE_BACK)
        screen.press("u")
        assert screen.end() == (1, "Nothing was erased.\n")
    assert folder.current == version
    assert kept(path, trace) == {*trace.of}
    assert kept(path, weights) == {*weights.of}
    assert journal.turn(1).correction == "meant number zero zero one"


def test_who_breaks_off_at_the_last_moment_erases_nothing(journal: Journal, path: Path) -> None:
    exchange(journal)
    with erasing(path, 1) as screen:
        screen.wait_for(QUESTION)
        screen.press("y\n")
        screen.wait_for(TAKE_BACK)
        screen.interrupt()
        assert screen.end() == (130, "Nothing was erased.\n")
    assert journal.count() == 1


def test_a_command_that_is_killed_at_the_last_moment_leaves_nothing_half_erased(
    journal: Journal, path: Path
) -> None:
    trace = talk(journal, 1)
    with erasing(path, 1) as screen:
        screen.wait_for(QUESTION)
        screen.press("y\n")
        screen.wait_for(TAKE_BACK)
        screen.kill()
        assert screen.end()[0] < 0
    assert journal.memories("erasing:") == {}
    assert kept(path, trace) == {*trace.of}


def test_of_many_exchanges_some_are_shown(journal: Journal, path: Path) -> None:
    for _ in range(SHOWN + 2):
        exchange(journal)
    with erasing(path, "--all") as screen:
        *shown, more, question = screen.wait_for("[y/N] ").splitlines()
        assert [line.split(",")[0] for line in shown] == ["  1", "  2", "  3", "  4", "  5"]
        assert more == "  and 2 more"
        assert question.startswith(f"Erase {SHOWN + 2} exchanges and what was learned from them?")


def test_what_is_forgotten_is_said_before_and_may_be_learned_again(
    journal: Journal, path: Path
) -> None:
    folder = BridgeFolder(journal.path.parent / "bridges")
    for number in (1, 2):
        talk(journal, number)
    first, _ = learn(journal, folder, [1], seed=1)
    learn(journal, folder, [1, 2], seed=2)
    with erasing(path, 2) as screen:
        screen.wait_for("now only you can.\n")  # of the replies that this test laid there
        warning = screen.wait_for(QUESTION)
        assert warning.startswith(
            "Attune has learned from this: what it learned from 2 recordings is"
        )
        assert "Until it has learned again from what is left" in warning
        assert "it hears with what it had learned by " in warning
        screen.press("y\n")
        screen.wait_for(TAKE_BACK)
        screen.press("\n")
        assert RETRAINED in screen.wait_for(LEARN_AGAIN)
        screen.press("n\n")
        status, rest = screen.end()
    assert (status, rest) == (0, "n\n")
    assert folder.current == first


def test_it_learns_again_at_once_from_what_is_left(
    journal: Journal, path: Path, house: House
) -> None:
    """Beside a daemon, which does it, and without one."""
    folder = BridgeFolder(path.parent / "bridges")
    for number in (1, 2, 3):
        talk(journal, number)
    knowing = Knowing()

    def erase_and_learn(number: int) -> str:
        learn(journal, folder, [number], seed=number)
        with erasing(path, number, **house.settings, ATTUNE_BRIDGE__PATH="") as screen:
            screen.wait_for(QUESTION)
            screen.press("y\n")
            screen.wait_for(TAKE_BACK)
            screen.press("\n")
            screen.wait_for(LEARN_AGAIN)
            screen.press("y\n")
            status, rest = screen.end()
        assert status == 0
        return rest

    with Server(path.parent / "control.sock") as server:
        server.serve(knowing)
        assert "Attune learns as soon as it has room for it." in erase_and_learn(1)
    assert knowing.done == [("retrain", Request("base"))]
    assert "Nothing was trained. There are no examples yet." in erase_and_learn(2)
