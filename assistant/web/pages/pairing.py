"""Letting a new device in: nobody is known here yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from assistant.control.client import Client
from assistant.errors import ControlError
from assistant.web.templates import render
from assistant.web.visit import COOKIE, COOKIE_S, digest, new_key

if TYPE_CHECKING:
    from starlette.requests import Request


async def show(_request: Request) -> Response:
    """Where the code is entered."""
    return render("pair.html", why=None, said=False, name="")


async def aloud(request: Request) -> Response:
    """Have a code said aloud."""
    client: Client = request.app.state.client
    try:
        await run_in_threadpool(client.invite_aloud)
    except ControlError as error:
        return render("pair.html", 409, why=str(error), said=False, name="")
    return render("pair.html", why=None, said=True, name="")


async def enter(request: Request) -> Response:
    """Let the device in if the code is right."""
    client: Client = request.app.state.client
    async with request.form(max_files=0, max_fields=5) as form:
        code = "".join(filter(str.isdigit, str(form.get("code", ""))))
        name = " ".join(str(form.get("name", "")).split())
    if not name:
        return render("pair.html", 409, why="Give this device a name.", said=False, name="")
    key = new_key()
    try:
        await run_in_threadpool(client.admit, code, name, digest(key))
    except ControlError as error:
        return render("pair.html", 409, why=str(error), said=False, name=name)
    answer = RedirectResponse("/", 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(
        COOKIE, key, max_age=COOKIE_S, httponly=True, secure=secure, samesite="strict"
    )
    return answer
