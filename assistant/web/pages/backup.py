"""A backup as a file on the helper's own device, and back from one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from starlette.responses import StreamingResponse

from assistant.errors import ControlError
from assistant.web.saving import saved_as
from assistant.web.visit import Visit, back

if TYPE_CHECKING:
    from starlette.responses import Response

WORD = "replace"
"""What has to be typed before anything is replaced."""


def show(visit: Visit) -> Response:
    """How the making of one goes, and where one is sent back."""
    return visit.page("backup", made=visit.task("backup"), restored=visit.task("restore"))


def make(visit: Visit) -> Response:
    """Begin to make one."""
    visit.client.back_up()
    return back("/backup")


def save(visit: Visit) -> Response:
    """The one that was made, piece by piece."""
    begin = visit.client.backup(0)  # so that one that is gone is told before the file begins
    headers = saved_as("attune-backup", ".tar")
    return StreamingResponse(_pieces(visit, begin), headers=headers, media_type="application/x-tar")


def _pieces(visit: Visit, piece: bytes) -> Iterator[bytes]:
    place = 0
    while piece:
        yield piece
        place += len(piece)
        piece = visit.client.backup(place)


def is_meant(visit: Visit) -> Response | None:
    """Go back to the form unless the word was typed."""
    if visit.form.get("word", "").strip().lower() != WORD:
        return back("/backup")
    return None


def restore(visit: Visit) -> Response:
    """Begin to check the file that was sent, and to put it in the place of what is there."""
    try:
        visit.client.restore(visit.upload)
    except ControlError:
        visit.client.drop(visit.upload)
        raise
    return back("/backup")
