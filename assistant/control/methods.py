"""What a client may ask the daemon to do: each method is declared here, once.

The server checks a call's parameters against its declaration, the client the result. A client uses
these methods as they are; the daemon overrides them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any, Literal, ParamSpec, TypeAlias, TypeVar, cast, get_type_hints

from pydantic import Field, StringConstraints, TypeAdapter, create_model

from assistant.control.messages import MAX_LOG, Message, Record, Status
from assistant.household.nouns import Act, Noun

_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")

Words: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
TurnId: TypeAlias = Annotated[int, Field(ge=1, alias="id")]
Number: TypeAlias = Annotated[int, Field(ge=1)]
Start: TypeAlias = Literal["current", "base", "scratch"]
Minutes: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class RefusalError(Exception):
    """The daemon refuses a call; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Method:
    """The types of a method's parameters and result on the socket."""

    params: type[Message]
    result: TypeAdapter[Any]

    def wire(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters under their names on the socket."""
        fields = self.params.model_fields
        return {fields[name].alias or name: value for name, value in given.items()}


EVENTS = "events"
"""The method after which a client gets all notices; the server itself answers it."""

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
    """What the daemon does when asked, in the thread of the client.

    Any method may be called from several threads at once, except ``talk``. In the daemon, a method
    raises ``RefusalError`` to refuse.
    """

    @_method
    def status(self) -> Status:
        """The daemon's status."""
        raise NotImplementedError

    @_method
    def retrain(self, start: Start = "current", minutes: Minutes | None = None) -> None:
        """Train as soon as the device has room for it."""

    @_method
    def ask(self, text: Words, *, aloud: bool = True) -> Record:
        """Answer a question and return the exchange's record; refuse after ``ASK_S``."""
        raise NotImplementedError

    @_method
    def say(self, text: Words) -> None:
        """Speak a text after everything queued before it, without waiting for it."""

    @_method
    def mute(self) -> None:
        """Close the microphone."""

    @_method
    def unmute(self) -> None:
        """Open it again."""

    @_method
    def stop(self) -> None:
        """Stop speaking, and cancel the current reply."""

    @_method
    def reload(self) -> None:
        """Read the settings again; if they are invalid, refuse and keep the old ones."""

    @_method
    def talk(self, *, down: bool) -> None:
        """The talk button goes down, or comes up; always in turn."""

    @_method
    def log(self, last: Annotated[int, Field(ge=1, le=MAX_LOG)] = 20) -> list[Record]:
        """The last exchanges without their recordings, newest first."""
        raise NotImplementedError

    @_method
    def correct(self, turn_id: TurnId, text: Words) -> None:
        """Note what was really said in an exchange."""

    @_method
    def confirm(self, turn_id: TurnId) -> str:
        """Note that an exchange was understood correctly, and return its text."""
        raise NotImplementedError

    @_method
    def kept(self, noun: Noun) -> list[Record]:
        """What the household has asked Attune to keep, as ``assistant.household.kept`` has it."""
        raise NotImplementedError

    @_method
    def past_reminders(self, days: Annotated[int, Field(ge=1, le=366)] = 7) -> list[Record]:
        """How reminders of the last days were answered, oldest first."""
        raise NotImplementedError

    @_method
    def keep(self, noun: Noun, words: Annotated[list[str], Field(min_length=1)]) -> list[Record]:
        """Add what is typed, and return its records."""
        raise NotImplementedError

    @_method
    def change(self, noun: Noun, act: Act, ids: list[Number]) -> list[Record]:
        """Do something to what has these numbers, and return its records as they were."""
        raise NotImplementedError

    @_method
    def bridges(self) -> list[Record]:
        """All bridges, latest first."""
        raise NotImplementedError

    @_method
    def promote(self, version: Words | None) -> None:
        """Put a bridge to use; ``None``: the base bridge."""

    @_method
    def rollback(self) -> str | None:
        """Go back by one promotion, and return the version now in use; ``None``: the base."""
        raise NotImplementedError
