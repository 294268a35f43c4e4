"""What was said and answered, whether Attune hears, and what can be done about it at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from assistant.web.visit import Handler, Visit, back

if TYPE_CHECKING:
    from starlette.responses import Response

    from assistant.control.messages import Status

SHOWN = 30
"""Exchanges on the page."""

MORNING = 7
"""The hour until which "until tomorrow morning" lasts."""


def show(visit: Visit) -> Response:
    """The page, which is also asked for again whenever something has happened."""
    status = visit.client.status()
    return visit.page("today", light=light(status), status=status, turns=visit.client.log(SHOWN))


def light(status: Status) -> str:
    """One word for the traffic light: hears, asleep, muted, starting or deaf."""
    microphone = status.microphone
    if microphone is None:
        return "without"
    if microphone.state == "listening" and microphone.why is None:
        return "asleep" if microphone.button else "hears"
    return {"muted": "muted", "waiting": "starting"}.get(microphone.state, "deaf")


def say(visit: Visit) -> Response:
    """Say something aloud."""
    visit.client.say(visit.form.get("text", ""))
    return back("/", done="said")


def quiet(visit: Visit) -> Response:
    """Say nothing unasked for a while."""
    until = visit.form.get("until")
    minutes = {"hour": 60.0, "morning": until_morning(datetime.now().astimezone())}.get(until or "")
    visit.client.quiet(minutes)
    return back("/", done="quiet" if minutes else "unquiet")


def until_morning(now: datetime) -> float:
    """Minutes until the next morning."""
    morning = now.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    if morning <= now:
        morning += timedelta(days=1)
    return (morning - now).total_seconds() / 60


def acting(name: str) -> Handler:
    """A handler that has the daemon do one thing."""

    def act(visit: Visit) -> Response:
        getattr(visit.client, name)()
        return back("/")

    return act
