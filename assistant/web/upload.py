"""A form with a file of any size, which goes on to the daemon as it comes."""

from __future__ import annotations

import asyncio
import secrets
import time
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from assistant.control.client import Client
from assistant.errors import ControlError
from assistant.web.form_reader import BrokenFormError, FormReader
from assistant.web.visit import Handler, Visit, expired, handled, known

if TYPE_CHECKING:
    from starlette.requests import Request

PIECE = 45_000
"""Bytes of a file in one call."""

PAUSE_S = 10.0
"""Longest time in which nothing comes, or less than ``SLOWEST`` has come."""

SLOWEST = 5_000
"""Bytes per second."""

REST_S = 30.0
"""Time in which the rest of a refused file is read: a browser that is still sending shows no
answer."""


def upload(
    path: str, handler: Handler, refuse: Callable[[Visit], Response | None] = lambda _: None
) -> Route:
    """A route for helpers who send a form with a file at its end.

    Args:
        path: the address.
        handler: is given the visit once the daemon has all of the file.
        refuse: what to answer instead of taking the file, given all fields; ``None``: take it.
    """

    async def answer(request: Request) -> Response:
        # who it is comes first: of a stranger's nothing is read
        visit = await run_in_threadpool(known, request)
        if isinstance(visit, Response):
            return _last(visit)
        key = secrets.token_hex(32)
        body = _paced(request)
        async with aclosing(body):
            try:
                return await _answer(replace(visit, upload=key), body, handler, refuse)
            except (BrokenFormError, ClientDisconnect, asyncio.TimeoutError):
                await run_in_threadpool(_drop, visit.client, key)
                return _last(expired())
            except ControlError as error:
                await run_in_threadpool(_drop, visit.client, key)
                with suppress(ClientDisconnect, asyncio.TimeoutError):
                    await asyncio.wait_for(_read(body), REST_S)
                return _last(visit.page("refused", 409, why=str(error), again=False))

    return Route(path, answer, methods=["POST"])


async def _answer(
    visit: Visit,
    body: AsyncGenerator[bytes],
    handler: Handler,
    refuse: Callable[[Visit], Response | None],
) -> Response:
    form = FormReader(visit.request.headers.get("content-type", ""))
    place, is_wanted = 0, False
    async for data in body:
        form.write(data)
        if not is_wanted and form.file_name is not None:
            visit = replace(visit, form=form.fields, file_name=form.file_name)
            if not visit.sent(form.fields):
                return _last(expired())
            if (refusal := refuse(visit)) is not None:
                return _last(refusal)
            is_wanted = True
        while is_wanted and (piece := form.taken(PIECE, rest=form.has_ended)):
            sent = b64encode(piece).decode()
            await run_in_threadpool(visit.client.upload, visit.upload, sent, place)
            place += 1
    if not (is_wanted and form.has_ended):
        raise BrokenFormError
    return await run_in_threadpool(handled, visit, handler)


async def _paced(request: Request) -> AsyncGenerator[bytes]:
    """The body; ``TimeoutError`` if it comes too slowly."""
    began, size = time.monotonic(), 0
    stream = request.stream()
    async with aclosing(stream):
        while True:
            try:
                data = await asyncio.wait_for(anext(stream), PAUSE_S)
            except StopAsyncIteration:
                return
            size += len(data)
            if time.monotonic() - began > PAUSE_S + size / SLOWEST:
                raise asyncio.TimeoutError
            yield data


async def _read(body: AsyncGenerator[bytes]) -> None:
    async for _ in body:
        pass


def _drop(client: Client, key: str) -> None:
    with suppress(ControlError):  # it is given up anyway, only later
        client.drop(key)


def _last(answer: Response) -> Response:
    """An answer after which nothing follows, because not all that was sent has been read."""
    answer.headers["Connection"] = "close"
    return answer
