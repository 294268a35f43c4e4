"""A method that is declared in one place reaches the daemon, checked on both ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.control.calls import Caller
from assistant.control.client import Client
from assistant.control.declaring import EVENTS, METHODS, method
from assistant.control.methods import Methods
from assistant.daemon.controls import Controls
from assistant.errors import ControlError
from tests.control.knowing import Knowing
from tests.control.sockets import call, sent, serving


def test_what_is_declared_is_all_that_there_is_to_do(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "dance", METHODS["mute"])  # forgotten after the test

    class Dancing:
        @method
        def dance(self, steps: int = 3) -> list[int]:
            raise NotImplementedError

    class Dancer(Knowing):
        def dance(self, steps: int = 3) -> list[int]:
            return list(range(steps))

    class Partner(Client, Dancing):
        pass

    with serving(place, Dancer()):
        assert Partner(place).dance() == [0, 1, 2]
        assert Partner(place).dance(steps=1) == [0]
        (answer,) = sent(place, call(method="dance", params={"steps": "many"}))
        assert answer["error"]["code"] == -32602
        monkeypatch.setattr(Dancer, "dance", lambda *_, **__: ["one"])
        with (
            pytest.warns(UserWarning, match="serializer"),
            pytest.raises(ControlError, match="another version"),
        ):
            Partner(place).dance()


def test_the_daemon_handles_every_declared_method() -> None:
    for name in METHODS.keys() - {EVENTS}:
        assert getattr(Controls, name) is not getattr(Methods, name)
    assert hasattr(Caller, EVENTS)


def test_parameters_travel_under_their_names_of_old() -> None:
    wire = METHODS["correct"].wire({"turn_id": 3, "text": "what day is it"})
    assert wire == {"id": 3, "text": "what day is it"}
