"""One exchange after another: was it understood, and what was really said?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from starlette.responses import Response

from assistant.control.client import Client
from assistant.control.messages import MAX_LOG, Record
from assistant.web.visit import Visit, back

if TYPE_CHECKING:
    from starlette.requests import Request

LOOKED_AT = 500
"""Of the latest so many exchanges, those are shown that are to be gone through."""

UNSURE = 0.8
"""Below this it is asked about unasked, as ``personalise.confident`` has it."""

_NUMBERS = re.compile(r"(?<![0-9])[0-9]{1,15}(?![0-9])")

_DECIDED = ("correction", "taught", "consent")
"""What a decision changes, and undoing puts back."""


def show(visit: Visit) -> Response:
    """The exchange that is asked about, or that there is none."""
    sure = "sure" in visit.query
    skipped = {int(each) for each in _NUMBERS.findall(visit.query.get("skip", ""))}
    turns = islice(exchanges(visit.client), LOOKED_AT)
    waiting = list(waiting_for(turns, sure=sure))
    turn = next((each for each in waiting if each["id"] not in skipped), None)
    return visit.page(
        "review",
        turn=turn,
        said=turn and said(turn),
        left=len(waiting),
        sure_wanted=sure,
        skip=".".join(map(str, sorted({*skipped, *([turn["id"]] if turn else [])}))),
        decided=visit.query.get("done"),
        was=visit.query,
    )


def one(visit: Visit) -> Response:
    """One exchange that was chosen."""
    number = visit.number("number")
    found = [each for each in visit.client.log(1, before=number + 1) if each["id"] == number]
    return visit.page(
        "review",
        turn=found[0] if found else None,
        said=said(found[0]) if found else None,
        left=len(found),
        sure_wanted=False,
        skip="",
        decided=None,
        was=visit.query,
    )


def exchanges(client: Client) -> Iterator[Record]:
    """All exchanges, newest first; some at a time are asked for."""
    before = None
    while found := client.log(MAX_LOG, before=before):
        yield from found
        before = found[-1]["id"]


def waiting_for(turns: Iterable[Record], *, sure: bool) -> Iterator[Record]:
    """What nobody has said anything about, with sound: the least certain first, or the newest."""
    open_ones = [t for t in turns if t["has_audio"] and t["consent"] and t["taught"] is None]
    if sure:
        yield from (turn for turn in open_ones if confidence(turn) >= UNSURE)
    else:
        yield from sorted((t for t in open_ones if confidence(t) < UNSURE), key=confidence)


def confidence(turn: Record) -> float:
    """How sure it was of what it answered."""
    by_bridge = turn["route"] == "bridge"
    return float((turn["bridge_confidence"] if by_bridge else turn["confidence"]) or 0.0)


def said(turn: Record) -> str | None:
    """What was said, as far as is known."""
    return turn["correction"] or turn["heard" if turn["route"] == "bridge" else "transcript"]


def decide(visit: Visit) -> Response:
    """Keep what was decided, and go on with the next, where it can be taken back."""
    number, how = visit.number("number"), visit.form.get("how")
    before = next((t for t in visit.client.log(1, before=number + 1) if t["id"] == number), None)
    text = visit.form.get("text", "").strip()
    if how == "right" and text and before is not None and text != said(before):
        how = "type"
    if how == "right":
        visit.client.confirm(number)
    elif how == "type":
        visit.client.correct(number, text)
    elif how == "leave":
        visit.client.consent(number, allowed=False)
    was = {} if before is None else {name: before[name] or "" for name in _DECIDED}
    sure = {"sure": ""} if "sure" in visit.form else {}
    return back("/review", done=how, number=number, **was, **sure)


def undo(visit: Visit) -> Response:
    """Take the last decision back."""
    was = {name: visit.form.get(name) or None for name in _DECIDED}
    visit.client.put_back(visit.number("number"), was)
    return back(f"/review/{visit.number('number')}")


def sound(visit: Visit) -> Response:
    """The recording of an exchange, whole or in part."""
    return partial(visit.client.recording(visit.number("number")), visit.request)


def partial(flac: bytes, request: Request) -> Response:
    """Bytes of a recording as a browser asks for them: some play nothing without ranges."""
    headers = {"Accept-Ranges": "bytes"}
    asked = re.fullmatch(r"bytes=(\d{0,12})-(\d{0,12})", request.headers.get("range", ""))
    if asked is None or asked.groups() == ("", ""):
        return Response(flac, 200, headers, "audio/flac")
    first, last = asked.groups()
    if not first:  # the last so many
        begin, end = max(0, len(flac) - int(last)), len(flac) - 1
    else:
        begin, end = int(first), min(int(last or len(flac)), len(flac) - 1)
    if begin > end:
        return Response(None, 416, headers | {"Content-Range": f"bytes */{len(flac)}"})
    headers["Content-Range"] = f"bytes {begin}-{end}/{len(flac)}"
    return Response(flac[begin : end + 1], 206, headers, "audio/flac")
