"""Calendars that other programs have written, as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant.errors import ControlError
from assistant.web.visit import Visit, back

if TYPE_CHECKING:
    from starlette.responses import Response

DAYS = 14
"""How far ahead appointments are shown."""


def show(visit: Visit) -> Response:
    """What there is, and what is in it."""
    return visit.page(
        "calendars",
        files=visit.client.calendars(),
        appointments=visit.client.appointments(DAYS),
        days=DAYS,
    )


def add(visit: Visit) -> Response:
    """Keep a file that was sent; one of the same name is replaced."""
    try:
        visit.client.add_calendar(visit.upload, visit.file_name[:200])
    except ControlError:
        visit.client.drop(visit.upload)
        raise
    return back("/calendars", done="added")


def remove(visit: Visit) -> Response:
    """Remove one."""
    visit.client.remove_calendar(visit.form.get("name", ""))
    return back("/calendars", done="removed")
