"""Reads a client's line, has the daemon do what it asks, and words the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from assistant.control.handlers import Handlers, RefusalError
from assistant.control.messages import (
    Ask,
    Call,
    Code,
    Confirm,
    Correct,
    Log,
    Message,
    NoParams,
    Promote,
    Retrain,
    Say,
    Talk,
    problem,
    result,
)
from assistant.control.talk_button import HeldButton
from assistant.personalise.training.request import Request

_Params = TypeVar("_Params", bound=Message)


@dataclass(frozen=True, slots=True, eq=False)
class Caller:
    """One client, and what it may use."""

    handlers: Handlers
    button: HeldButton

    def talk(self, *, down: bool) -> None:
        """Hold the talk button down, or let go of it."""
        (self.button.hold if down else self.button.release)(self)


@dataclass(frozen=True, slots=True)
class Reply:
    """The line to answer, and what comes after it."""

    line: str
    follows: bool = False  # the client wants to hear of everything from then on


@dataclass(frozen=True, slots=True)
class _Method(Generic[_Params]):
    params: type[_Params]
    do: Callable[[Caller, _Params], object]  # gives JSON values


_EVENTS = "events"

_METHODS: dict[str, _Method[Any]] = {
    "ask": _Method(Ask, lambda who, asked: who.handlers.ask(asked.text, aloud=asked.aloud)),
    "bridges": _Method(NoParams, lambda who, _: list(who.handlers.bridges())),
    "confirm": _Method(Confirm, lambda who, asked: who.handlers.confirm(asked.id)),
    "correct": _Method(Correct, lambda who, asked: who.handlers.correct(asked.id, asked.text)),
    _EVENTS: _Method(NoParams, lambda _who, _: None),
    "log": _Method(Log, lambda who, asked: list(who.handlers.log(asked.last))),
    "mute": _Method(NoParams, lambda who, _: who.handlers.mute()),
    "promote": _Method(Promote, lambda who, asked: who.handlers.promote(asked.version)),
    "reload": _Method(NoParams, lambda who, _: who.handlers.reload()),
    "retrain": _Method(
        Retrain, lambda who, asked: who.handlers.retrain(Request(asked.start, asked.minutes))
    ),
    "rollback": _Method(NoParams, lambda who, _: who.handlers.rollback()),
    "say": _Method(Say, lambda who, asked: who.handlers.say(asked.text)),
    "status": _Method(NoParams, lambda who, _: who.handlers.status().model_dump(mode="json")),
    "stop": _Method(NoParams, lambda who, _: who.handlers.stop_speaking()),
    "talk": _Method(Talk, lambda who, asked: who.talk(down=asked.down)),
    "unmute": _Method(NoParams, lambda who, _: who.handlers.unmute()),
}


def answer(line: bytes, who: Caller) -> Reply:
    """Do what a line asks; whatever is wrong with it is told in the answer."""
    try:
        call = Call.model_validate_json(line)
    except ValidationError as error:
        broken = error.errors()[0]["type"] == "json_invalid"
        return Reply(problem(None, Code.BROKEN if broken else Code.INVALID, _first(error)))
    method = _METHODS.get(call.method)
    if method is None:
        why = f"There is no method {call.method[:40]!r}; there are {', '.join(_METHODS)}."
        return Reply(problem(call.id, Code.UNKNOWN, why))
    try:
        asked = method.params.model_validate(call.params)
    except ValidationError as error:
        return Reply(problem(call.id, Code.PARAMS, _first(error)))
    try:
        value = method.do(who, asked)
    except RefusalError as error:
        return Reply(problem(call.id, Code.REFUSED, str(error)))
    return Reply(result(call.id, value), follows=call.method == _EVENTS)


def _first(error: ValidationError) -> str:
    """The first fault that was found, in words."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}." if place else f"{first['msg']}."
