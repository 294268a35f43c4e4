"""Answers of whatever takes itself for Home Assistant."""

from __future__ import annotations

import json

from assistant.control.calls import METHODS
from assistant.home.conversation import read as read_answer
from assistant.household.smart_home import LONGEST
from tests.home.assistant_stub import answered, done, refused, response

SEEDS = [
    json.dumps(each).encode()
    for each in (
        done("Turned on the light", "kitchen light"),
        done("Turned on two of three", "one", "two", failed=("three",)),
        answered("The front door is locked"),
        refused("no_valid_targets", "Sorry, I am not aware of any device called moon"),
        response("action_done", None),
    )
]


def read(data: bytes) -> None:
    answer = read_answer(data)
    assert answer.speech == "" or answer.speech.isprintable()
    assert len(answer.speech) <= LONGEST
    told = {"number": 1, "outcome": answer.outcome, "speech": answer.speech}
    METHODS["home_answer"].params.model_validate(told)
