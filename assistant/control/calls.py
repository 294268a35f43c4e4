"""Reads a client's line, has the daemon carry it out, and builds the answer."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from pydantic import ValidationError

from assistant.control.declaring import EVENTS, METHODS, RefusalError
from assistant.control.messages import Call, Code, Message, Record, problem, result
from assistant.control.methods import Methods
from assistant.control.talk_button import HeldButton
from assistant.errors import traced


@dataclass(frozen=True, slots=True, eq=False)
class Caller:
    """One client, and what it may use."""

    daemon: Methods
    button: HeldButton
    is_guest: bool = False  # neither root nor the daemon's own user

    def talk(self, *, down: bool) -> None:
        """Press the talk button, or release it."""
        (self.button.hold if down else self.button.release)(self)

    def hear(self, path: str, *, aloud: bool) -> Record:
        """Have a question in a file answered."""
        self._require_own()
        return self.daemon.hear(path, aloud=aloud)

    def transcribe(self, path: str) -> Record:
        """Have a file written down."""
        self._require_own()
        return self.daemon.transcribe(path)

    def _require_own(self) -> None:
        """Refuse to read files for a guest, who would see what only the daemon may read."""
        if self.is_guest:
            raise RefusalError("Only the user that Attune runs as may have it read files.")

    def events(self) -> None:
        """Nothing to do here: the server itself sends this client notices."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The line to answer, and what follows it."""

    line: str
    follows: bool = False  # the client wants notices from then on


def answer(line: bytes, who: Caller) -> Reply:
    """Carry out what a line asks; if it is invalid, the answer says why."""
    try:
        call = Call.model_validate_json(line)
    except ValidationError as error:
        broken = error.errors()[0]["type"] == "json_invalid"
        return Reply(problem(None, Code.BROKEN if broken else Code.INVALID, _first(error)))
    method = METHODS.get(call.method)
    if method is None:
        why = f"There is no method {call.method[:40]!r}, only {', '.join(sorted(METHODS))}."
        return Reply(problem(call.id, Code.UNKNOWN, why))
    try:
        asked = method.params.model_validate(call.params)
    except ValidationError as error:
        return Reply(problem(call.id, Code.PARAMS, _first(error)))
    handler = getattr(who if hasattr(who, call.method) else who.daemon, call.method)
    try:
        value = handler(**{name: getattr(asked, name) for name in method.params.model_fields})
    except RefusalError as error:
        return Reply(problem(call.id, Code.REFUSED, str(error)))
    except Exception as error:  # noqa: BLE001 - one call must never end the daemon
        sys.stderr.write(traced(error))
        why = f"Attune could not do that ({type(error).__name__}). Its log says where it failed."
        return Reply(problem(call.id, Code.INTERNAL, why))
    if call.by is not None and method.changes:
        who.daemon.acted(call.by, call.method, _numbers(asked))
    line_back = result(call.id, method.result.dump_python(value, mode="json"))
    return Reply(line_back, follows=call.method == EVENTS)


def _numbers(asked: Message) -> list[int]:
    """The numbers of what something was done to."""
    given = (getattr(asked, name, ()) for name in ("turn_id", "turn_ids", "ids"))
    return [number for each in given for number in ((each,) if isinstance(each, int) else each)]


def _first(error: ValidationError) -> str:
    """The first error found, in words."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}." if place else f"{first['msg']}."
