"""Reminders, timers, lists and notes: what the household has asked Attune to keep."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, get_args

from starlette.exceptions import HTTPException

from assistant.control.messages import MAX_LOG, Record
from assistant.household.nouns import ACTS, Noun
from assistant.web.visit import Visit, back

if TYPE_CHECKING:
    from starlette.responses import Response

    from assistant.control.client import Client

SHOWN: Mapping[str, tuple[Noun, ...]] = {
    "reminders": ("reminders",),
    "timers": ("timers", "alarms"),
    "lists": ("lists",),
    "notes": ("notes",),
}
"""Which kinds are on which page."""

HISTORY_DAYS = 7

NEAR_S = 5.0
"""Between what a helper has done and what came of it."""

_ALL = dict.fromkeys(("name", "state", "subject", "text"))
"""Fields by which one is named, whatever kind it is of."""


def show(visit: Visit) -> Response:
    """What there is of one kind."""
    place = str(visit.request.path_params["place"])
    if place not in SHOWN:
        raise HTTPException(404)
    kept = {noun: [_ALL | each for each in visit.client.kept(noun)] for noun in SHOWN[place]}
    number = visit.query.get("number")
    timed = (each for entries in kept.values() for each in entries if each.get("due_at"))
    return visit.page(
        "kept",
        place=place,
        kept=kept,
        added=next((each for each in timed if str(each["id"]) == number), None),
        acts=ACTS,
        past=_past(visit.client) if place == "reminders" else [],
    )


def _past(client: Client) -> list[Record]:
    """The reminders of the last days, latest first; with who said here that one was done."""
    acts = [(each, datetime.fromisoformat(each["at"])) for each in client.acts(MAX_LOG)]

    def by(ring: Record) -> str | None:
        if ring["state"] != "done" or ring["ended_at"] is None:
            return None
        ended_at = datetime.fromisoformat(ring["ended_at"])
        for act, at in acts:
            is_near = abs((at - ended_at).total_seconds()) < NEAR_S
            if act["what"] == "change" and ring["id"] in act["about"] and is_near:
                return str(act["by"])
        return None

    return [{**ring, "by": by(ring)} for ring in client.past_reminders(HISTORY_DAYS)[::-1]]


def add(visit: Visit) -> Response:
    """Add what was typed."""
    noun = _noun(visit)
    words = [text for name in ("name", "text") if (text := visit.form.get(name, "").strip())]
    added = visit.client.keep(noun, words)
    return back(_place(noun), done="added", number=added[-1]["id"] if added else "")


def change(visit: Visit) -> Response:
    """Do something to one of them."""
    noun, act = _noun(visit), visit.form.get("act")
    if act not in ACTS[noun]:
        raise HTTPException(404)
    visit.client.change(noun, act, [visit.number("number")])
    return back(_place(noun), done=act)


def _noun(visit: Visit) -> Noun:
    noun = visit.request.path_params["noun"]
    if noun not in get_args(Noun):
        raise HTTPException(404)
    return noun


def _place(noun: Noun) -> str:
    return next(f"/kept/{place}" for place, nouns in SHOWN.items() if noun in nouns)
