"""What a client may ask of the daemon: each method is declared here, once.

The server validates a call's parameters by its declaration, the client the result; a client's
methods are these as they stand, and the daemon's override them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import (
    Annotated,
    Any,
    Literal,
    ParamSpec,
    TypeAlias,
    TypeVar,
    cast,
    get_type_hints,
)

from pydantic import Field, StringConstraints, TypeAdapter, create_model

from assistant.control.messages import MAX_LOG, Message, Record, Status

_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")

Words: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
TurnId: TypeAlias = Annotated[int, Field(ge=1, alias="id")]
Start: TypeAlias = Literal["current", "base", "scratch"]
Minutes: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class RefusalError(Exception):
    """The daemon does not do what it was asked; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method as it travels."""

    params: type[Message]
    result: TypeAdapter[Any]

    def wire(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters under the names by which they travel."""
        fields = self.params.model_fields
        return {fields[name].alias or name: value for name, value in given.items()}


EVENTS = "events"
"""The method after which a client gets a notice of everything; the server itself answers it."""

METHODS = {EVENTS: Method(create_model(EVENTS, __base__=Message), TypeAdapter(None))}
"""All methods by name."""


def _method(declared: Callable[_Params, _Result]) -> Callable[_Params, _Result]:
    """Declare a method by its signature; a client that calls it asks the daemon."""
    name = cast("Any", declared).__name__
    signature, hints = inspect.signature(declared), get_type_hints(declared, include_extras=True)
    fields: dict[str, Any] = {
        each.name: (hints[each.name], ... if each.default is each.empty else each.default)
        for each in list(signature.parameters.values())[1:]
    }
    params = create_model(name, __base__=Message, **fields)
    METHODS[name] = method = Method(params, TypeAdapter(hints["return"]))

    @wraps(declared)
    def ask(*args: _Params.args, **kwargs: _Params.kwargs) -> _Result:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        asked = bound.arguments.copy()
        return asked.pop("self").ask_daemon(name, method, method.wire(asked))

    return ask


class Methods:
    """What the daemon does when it is asked, in the thread of the client.

    Any method may be called from several threads at once, ``talk`` from one at a time. In the
    daemon one that raises ``RefusalError`` refuses.
    """

    @_method
    def status(self) -> Status:
        """What the daemon knows of itself."""
        raise NotImplementedError

    @_method
    def retrain(self, start: Start = "current", minutes: Minutes | None = None) -> None:
        """Train as soon as there is room."""

    @_method
    def ask(self, text: Words, *, aloud: bool = True) -> Record:
        """Answer a question and give the exchange's record; refuse after ``ASK_S``."""
        raise NotImplementedError

    @_method
    def say(self, text: Words) -> None:
        """Speak a text when what comes before it has been said; do not wait for it."""

    @_method
    def mute(self) -> None:
        """Close the microphone."""

    @_method
    def unmute(self) -> None:
        """Open it again."""

    @_method
    def stop(self) -> None:
        """Fall silent, and break off the reply under way."""

    @_method
    def reload(self) -> None:
        """Read the settings anew; refuse if they are broken, and keep the old ones."""

    @_method
    def talk(self, *, down: bool) -> None:
        """The talk button goes down, or comes up; never twice the same."""

    @_method
    def log(self, last: Annotated[int, Field(ge=1, le=MAX_LOG)] = 20) -> list[Record]:
        """The last exchanges without their recordings, newest first."""
        raise NotImplementedError

    @_method
    def correct(self, turn_id: TurnId, text: Words) -> None:
        """Note what was really said in an exchange."""

    @_method
    def confirm(self, turn_id: TurnId) -> str:
        """Note that an exchange was understood rightly, and give its text."""
        raise NotImplementedError

    @_method
    def bridges(self) -> list[Record]:
        """All bridges, the latest trained first."""
        raise NotImplementedError

    @_method
    def promote(self, version: Words | None) -> None:
        """Let a bridge answer; ``None``: the base bridge."""

    @_method
    def rollback(self) -> str | None:
        """Go back by one promotion, and give the version that answers; ``None``: the base."""
        raise NotImplementedError
