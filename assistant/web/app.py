"""All pages, and what stands in front of them."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anyio.to_thread import current_default_thread_limiter
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from assistant.control.client import Client
from assistant.errors import ControlError, traced
from assistant.web.guard import Guard, mark
from assistant.web.live import Live
from assistant.web.pages import (
    backup,
    calendars,
    health,
    kept,
    learning,
    manners,
    pairing,
    privacy,
    review,
    teach,
    today,
)
from assistant.web.templates import STATIC, render
from assistant.web.upload import upload
from assistant.web.visit import COOKIE, digest, page

if TYPE_CHECKING:
    from starlette.requests import Request

AT_ONCE = 6
"""Pages that ask the daemon at once: it lets a group have eight connections, and live has one."""

_FOR_GOOD = "public, max-age=31536000, immutable"
"""Addresses of static files change with their content."""

_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def make(client: Client, *, names: Collection[str] = ()) -> Starlette:
    """The pages over one daemon.

    Args:
        client: of the daemon.
        names: host names under which they are asked for, beside this machine's own.
    """
    live = Live(client)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        current_default_thread_limiter().total_tokens = AT_ONCE
        yield
        live.close()

    routes = [
        page("/", today.show, role="reader"),
        page("/say", today.say, method="POST"),
        page("/quiet", today.quiet, method="POST"),
        page("/mute", today.acting("mute"), method="POST"),
        page("/unmute", today.acting("unmute"), method="POST"),
        page("/stop", today.acting("stop"), method="POST"),
        page("/review", review.show),
        page("/review/{number}", review.one),
        page("/review/{number}", review.decide, method="POST"),
        page("/review/{number}/undo", review.undo, method="POST"),
        page("/sound/{number}", review.sound),
        page("/teach", teach.show),
        page("/teach/listen", teach.listen, method="POST"),
        page("/teach/recorded", teach.recorded, method="POST"),
        page("/teach/keep", teach.keep, method="POST"),
        page("/teach/say", teach.say, method="POST"),
        page("/kept/{place}", kept.show),
        page("/kept/{noun}/add", kept.add, method="POST"),
        page("/kept/{noun}/{number}", kept.change, method="POST"),
        page("/learning", learning.show),
        page("/learning/learn", learning.learn, method="POST"),
        page("/learning/back", learning.go_back, method="POST"),
        page("/learning/use", learning.use, method="POST"),
        page("/manners", manners.show),
        page("/manners/speak", manners.speak, method="POST"),
        page("/manners/choose", manners.choose, method="POST"),
        page("/privacy", privacy.show),
        page("/privacy/erase", privacy.about_to_erase),
        page("/privacy/erase", privacy.erase, method="POST"),
        page("/privacy/export", privacy.export),
        page("/privacy/invite", privacy.invite, method="POST"),
        page("/privacy/devices/{number}", privacy.shut_out, method="POST"),
        page("/backup", backup.show),
        page("/backup/make", backup.make, method="POST"),
        page("/backup/file", backup.save),
        upload("/backup/restore", backup.restore, backup.is_meant),
        page("/calendars", calendars.show),
        upload("/calendars/add", calendars.add),
        page("/calendars/remove", calendars.remove, method="POST"),
        page("/health", health.show),
        page("/health/check", health.examine, method="POST"),
        page("/health/support", health.support),
        Route("/pair", pairing.show),
        Route("/pair", pairing.enter, methods=["POST"]),
        Route("/pair/aloud", pairing.aloud, methods=["POST"]),
        Route("/live", _live(live)),
        Route("/static/{name}", _static),
    ]
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(
                Guard,
                names=names,
                limits={"/teach/recorded": teach.LONGEST},
                streams=("/backup/restore", "/calendars/add"),
            )
        ],
        exception_handlers={404: _nothing, 403: _closed, Exception: _failed},
        lifespan=lifespan,
    )
    app.state.client = client
    return app


def _live(live: Live):  # noqa: ANN202 - an endpoint
    async def answer(request: Request) -> Response:
        client: Client = request.app.state.client
        key = request.cookies.get(COOKIE, "")

        async def is_known() -> bool:
            return bool(key and await run_in_threadpool(client.who, digest(key)))

        async def is_still_known() -> bool:
            try:
                return await is_known()
            except ControlError:
                return True  # that the daemon is away is to be told as well

        try:
            if not await is_known():
                return Response(status_code=403)
        except ControlError:
            return Response(status_code=503)
        return StreamingResponse(live.events(is_still_known), media_type="text/event-stream")

    return answer


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    files = {path.name: path for path in STATIC.iterdir()}  # names, so that no path leads out
    if name not in files:
        return Response(status_code=404)
    kind = _KINDS.get(files[name].suffix)
    return FileResponse(files[name], media_type=kind, headers={"Cache-Control": _FOR_GOOD})


async def _nothing(_request: Request, _error: Exception) -> Response:
    return render("nothing.html", 404)


async def _closed(_request: Request, _error: Exception) -> Response:
    return render("closed.html", 403)


async def _failed(_request: Request, error: Exception) -> Response:
    sys.stderr.write(traced(error))  # without what somebody said or typed
    answer = render("failed.html", 500)
    mark(answer.headers)  # it is not sent through the guard
    return answer
