"""Voice and manners: what a person would turn, each with a sentence."""

from __future__ import annotations

from contextlib import suppress
from math import isfinite
from typing import TYPE_CHECKING, get_args

from pydantic import JsonValue
from starlette.exceptions import HTTPException

from assistant.control.methods import Choice
from assistant.web.visit import Visit, back

if TYPE_CHECKING:
    from starlette.responses import Response


def show(visit: Visit) -> Response:
    """What is turned how."""
    return visit.page("manners", manner=visit.client.manner(), choices=visit.client.choices())


def speak(visit: Visit) -> Response:
    """Louder or softer, faster or slower."""
    try:
        gain_db, tempo = float(visit.form["gain_db"]), float(visit.form["tempo"])
    except (KeyError, ValueError):
        raise HTTPException(404) from None
    visit.client.speak_so(gain_db, tempo)
    if "sample" in visit.form:
        visit.client.say(visit.form["sample"])
    return back("/manners", done="speak")


def choose(visit: Visit) -> Response:
    """Turn what was turned; what stays as it is is not written."""
    held = visit.client.choices()
    for choice in get_args(Choice):
        if choice in visit.form and (value := _value(choice, visit.form[choice])) != held.get(
            choice
        ):
            visit.client.choose(choice, value)
            return back("/manners", done="chosen")
    return back("/manners")


def _value(choice: Choice, text: str) -> JsonValue:
    text = text.strip()
    if choice in _NUMBERS:
        with suppress(ValueError):
            if isfinite(number := float(text)):
                return number
    return text or None


_NUMBERS = ("turn.ask_back",)
"""Choices that are numbers; a name may look like one."""
