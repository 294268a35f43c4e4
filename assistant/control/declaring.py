"""How methods of the control socket are declared: by their signatures, each in one place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any, ParamSpec, TypeVar, cast, get_type_hints

from pydantic import TypeAdapter, create_model

from assistant.control.messages import Message
from assistant.errors import AttuneError

_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")


class RefusalError(Exception):
    """The daemon refuses a call; the sentence says why."""


@contextmanager
def refusing() -> Generator[None, None, None]:
    """Refuse a call for whatever goes wrong within the block."""
    try:
        yield
    except AttuneError as error:
        raise RefusalError(str(error)) from error


@dataclass(frozen=True)
class Method:
    """The types of a method's parameters and result on the socket.

    They are made when first used, for a client uses one or two methods of a hundred.
    """

    name: str
    fields: Mapping[str, Any]  # type and default of each parameter
    returns: Any
    changes: bool = False  # so that it is noted which helper has done it

    @cached_property
    def params(self) -> type[Message]:
        """Checks parameters."""
        return create_model(self.name, __base__=Message, **self.fields)

    @cached_property
    def result(self) -> TypeAdapter[Any]:
        """Checks what is returned."""
        return TypeAdapter(self.returns)

    def wire(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters under their names on the socket."""
        fields = self.params.model_fields
        return {fields[name].alias or name: value for name, value in given.items()}


EVENTS = "events"
"""The method after which a client gets all notices; the server itself answers it."""

METHODS = {EVENTS: Method(EVENTS, {}, None)}
"""All methods by name."""


def method(declared: Callable[_Params, _Result]) -> Callable[_Params, _Result]:
    """Declare a method by its signature; a client that calls it asks the daemon."""
    return _declare(declared, changes=False)


def act(declared: Callable[_Params, _Result]) -> Callable[_Params, _Result]:
    """Declare a method that changes something."""
    return _declare(declared, changes=True)


def _declare(declared: Callable[_Params, _Result], *, changes: bool) -> Callable[_Params, _Result]:
    name = cast("Any", declared).__name__
    signature, hints = inspect.signature(declared), get_type_hints(declared, include_extras=True)
    fields: dict[str, Any] = {
        each.name: (hints[each.name], ... if each.default is each.empty else each.default)
        for each in list(signature.parameters.values())[1:]
    }
    METHODS[name] = method = Method(name, fields, hints["return"], changes)

    @wraps(declared)
    def ask(*args: _Params.args, **kwargs: _Params.kwargs) -> _Result:
        asked = dict(signature.bind(*args, **kwargs).arguments)
        daemon = asked.pop("self")
        # what is as usual is not sent, for a daemon of an older version would not know it
        given = {
            name: value
            for name, value in asked.items()
            if value != signature.parameters[name].default
        }
        return daemon.ask_daemon(name, method, method.wire(given))

    return ask
