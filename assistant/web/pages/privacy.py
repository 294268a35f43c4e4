"""What is stored, who may see it, and what has been done from here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast, get_args
from zipfile import ZipFile

from starlette.responses import StreamingResponse

from assistant.control.messages import MAX_ERASED
from assistant.errors import ControlError
from assistant.household.nouns import Noun
from assistant.web.pages.review import exchanges
from assistant.web.saving import saved_as
from assistant.web.visit import Visit, back

if TYPE_CHECKING:
    from starlette.responses import Response


def show(visit: Visit) -> Response:
    """All of it."""
    return visit.page(
        "privacy",
        stored=visit.client.stored(),
        helpers=visit.client.helpers(),
        acts=visit.client.acts(20),
    )


def export(visit: Visit) -> Response:
    """Everything that was said as one ZIP file, which is made while it is sent."""
    headers = saved_as("attune", ".zip")
    return StreamingResponse(_packed(visit), headers=headers, media_type="application/zip")


def _packed(visit: Visit) -> Iterator[bytes]:
    """Recordings as FLAC files, and ``exchanges.jsonl`` with a record of each, oldest last."""
    written = _Written()
    with ZipFile(cast("Any", written), "w") as packed:
        records: list[str] = []
        for each in exchanges(visit.client):
            records.append(json.dumps(each, ensure_ascii=False))
            if each["has_audio"]:
                with suppress(ControlError):  # erased meanwhile
                    sound = visit.client.recording(each["id"])
                    packed.writestr(f"{each['id']:06}.flac", sound)
            yield written.taken()
        packed.writestr("exchanges.jsonl", "\n".join(records) + "\n")
        for noun in get_args(Noun):
            packed.writestr(f"{noun}.json", json.dumps(visit.client.kept(noun), indent=2))
    yield written.taken()


class _Written:
    """What has been written to it, until it is taken; without a way back, as ``ZipFile`` may do."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        """Hold some more."""
        self._held += data
        return len(data)

    def flush(self) -> None:
        """Nothing more to do."""

    def taken(self) -> bytes:
        """What is there, which is then forgotten."""
        found = bytes(self._held)
        self._held.clear()
        return found


def about_to_erase(visit: Visit) -> Response:
    """What would be erased, and what would be forgotten with it, before it is."""
    query = visit.query
    day, number = query.get("day", ""), query.get("number", "")
    numbers = [int(number)] if _NUMBER.fullmatch(number) else _of_day(visit, day)
    everything = "all" in query
    return visit.page(
        "erase",
        everything=everything,
        day=day,
        number=number,
        count=visit.client.stored().exchanges if everything else len(numbers),
        loss=visit.client.loss(numbers) if numbers else None,
    )


def erase(visit: Visit) -> Response:
    """Erase it."""
    form = visit.form
    if "all" in form:
        if form.get("word", "").strip().lower() != "erase":
            return back("/privacy/erase", all="")
        visit.client.forget_me()
    elif _NUMBER.fullmatch(form.get("number", "")):
        visit.client.erase([int(form["number"])])
    elif numbers := _of_day(visit, form.get("day", "")):
        for begin in range(0, len(numbers), MAX_ERASED):
            visit.client.erase(numbers[begin : begin + MAX_ERASED])
    return back("/privacy", done="erased")


def _of_day(visit: Visit, day: str) -> list[int]:
    """Numbers of what was said on a day, in this device's time."""
    try:
        begin = datetime.fromisoformat(day).astimezone()
        end = (datetime.fromisoformat(day) + timedelta(days=1)).astimezone()
    except (ValueError, OverflowError):
        return []
    found: list[int] = []
    for each in exchanges(visit.client):
        at = datetime.fromisoformat(each["started_at"])
        if at < begin:
            break
        if at < end:
            found.append(each["id"])
    return found


_NUMBER = re.compile(r"[0-9]{1,15}")


def shut_out(visit: Visit) -> Response:
    """Let a device in no more."""
    visit.client.shut_out(visit.number("number"))
    return back("/privacy", done="shut_out")


def invite(visit: Visit) -> Response:
    """A code for one more device, shown here."""
    role = "reader" if visit.form.get("role") == "reader" else "helper"
    address = str(visit.request.url.replace(path="/pair", query=""))
    return visit.page("invited", code=visit.client.invite(role), role=role, address=address)
