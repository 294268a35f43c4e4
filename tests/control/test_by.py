"""Which helper has done something is noted, without a word of what was said."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.control.client import Client
from assistant.control.declaring import METHODS
from assistant.control.messages import NAME, Call
from assistant.errors import ControlError
from tests.control.knowing import Knowing
from tests.control.sockets import call, sent


class Noting(Knowing):
    def __init__(self) -> None:
        super().__init__()
        self.noted: list[tuple[str, str, list[int]]] = []

    def acted(self, by: str, what: str, about: list[int]) -> None:
        self.noted.append((by, what, about))


@pytest.fixture
def knowing() -> Noting:
    return Noting()


@pytest.mark.usefixtures("server")
def test_acts_are_noted_with_numbers_and_without_words(place: Path, knowing: Noting) -> None:
    anna = Client(place, by="Anna")
    anna.say("a secret")
    anna.correct(3, "a secret")
    anna.consent(4, allowed=False)
    anna.erase([5, 6])
    anna.change("lists", "done", [7, 8])
    anna.mute()
    assert knowing.noted == [
        ("Anna", "say", []),
        ("Anna", "correct", [3]),
        ("Anna", "consent", [4]),
        ("Anna", "erase", [5, 6]),
        ("Anna", "change", [7, 8]),
        ("Anna", "mute", []),
    ]


@pytest.mark.usefixtures("server")
def test_what_only_asks_is_not_noted(place: Path, knowing: Noting) -> None:
    anna = Client(place, by="Anna")
    anna.status()
    anna.log(5)
    anna.kept("lists")
    anna.bridges()
    anna.read_aloud()
    anna.loss([1])
    assert knowing.noted == []


@pytest.mark.usefixtures("server")
def test_what_was_refused_is_not_noted(place: Path, knowing: Noting) -> None:
    knowing.refusal = "No."
    with pytest.raises(ControlError, match="No"):
        Client(place, by="Anna").mute()
    assert knowing.noted == []


@pytest.mark.usefixtures("server")
def test_what_the_device_itself_is_asked_is_not_noted(place: Path, knowing: Noting) -> None:
    Client(place).mute()
    assert knowing.done == [("mute",)]
    assert knowing.noted == []


@pytest.mark.usefixtures("server")
def test_an_older_client_says_nothing_of_it_and_is_answered(place: Path, knowing: Noting) -> None:
    (answer,) = sent(place, call(method="mute"))
    assert "error" not in answer
    (answer,) = sent(place, call(method="mute", by=None))
    assert "error" not in answer
    assert knowing.noted == []


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("by", ["", "x" * (NAME + 1), 7, ["Anna"], {}])
def test_a_name_has_to_be_one(by: object, place: Path, knowing: Noting) -> None:
    (answer,) = sent(place, call(method="mute", by=by))
    assert answer["error"]["code"] == -32600
    assert knowing.done == []


def test_an_older_daemon_is_not_told_who_asks_unless_somebody_does() -> None:
    """It would refuse a field that it does not know."""
    assert '"by"' not in Call(id=1, method="mute").model_dump_json(exclude_none=True)


def test_everything_that_changes_something_is_an_act() -> None:
    asking = {name for name, method in METHODS.items() if not method.changes}
    assert asking >= {"status", "log", "kept", "recording", "who", "helpers", "stored", "choices"}
    assert asking.isdisjoint(
        {"say", "mute", "correct", "erase", "forget_me", "choose", "shut_out", "invite", "keep"}
    )
