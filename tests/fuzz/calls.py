"""Lines at the control socket."""

from __future__ import annotations

import json

from assistant.control.calls import Caller, answer
from assistant.control.declaring import METHODS
from assistant.control.messages import Answer
from assistant.control.talk_button import HeldButton
from tests.control.knowing import Knowing

SEEDS = [
    json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    for method in METHODS
    for params in ({}, {"text": "x", "down": True, "ids": [1], "noun": "lists", "words": ["x"]})
]


def read(data: bytes) -> None:
    who = Caller(Knowing(records=[{"id": 1}]), HeldButton(lambda: None, lambda: None))
    line = answer(data, who).line
    Answer.model_validate_json(line)
    assert "\n" not in line
