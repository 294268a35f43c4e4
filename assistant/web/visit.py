"""One request of a helper, after it was checked who it is: what a page needs to answer it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from assistant.control.client import Client
from assistant.control.messages import Helper, Role, Task, Work
from assistant.errors import ControlError
from assistant.web.templates import render

if TYPE_CHECKING:
    from starlette.requests import Request

COOKIE = "attune"
"""Holds the key of a device."""

COOKIE_S = 90 * 86_400

TOKEN = "token"  # noqa: S105 - the name of a form's field
"""Field that shows that a form came from this helper's own page."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request, and whose it is."""

    request: Request
    client: Client  # asks in this helper's name
    helper: Helper
    token: str  # what the forms of the page carry
    form: Mapping[str, str] = field(default_factory=dict[str, str])  # empty unless one was sent
    sound: bytes = b""  # of a recording that came with the form
    upload: str = ""  # key of a file that came with the form, and is with the daemon
    file_name: str = ""  # as the helper's own device calls it

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters in the address."""
        return self.request.query_params

    def sent(self, form: Mapping[str, str]) -> bool:
        """Whether a form came from a page of this helper's own."""
        given = form.get(TOKEN, "").encode()  # as text, only ASCII could be compared
        return hmac.compare_digest(given, self.token.encode())

    def number(self, name: str) -> int:
        """A number in the address's path or in the form; ``HTTPException`` 404 without one."""
        given = str(self.request.path_params.get(name, self.form.get(name, "")))
        if not (given.isascii() and given.isdigit() and len(given) < 16):
            raise HTTPException(404)
        return int(given)

    def task(self, name: Task) -> Work | None:
        """How a task goes, or went the last time; ``None``: not since the daemon started."""
        return next((each for each in self.client.working() if each.task == name), None)

    def page(self, name: str, code: int = 200, /, **words: Any) -> Response:
        """A page with the frame around it."""
        return render(
            f"{name}.html",
            code,
            here=name,
            helper=self.helper,
            token=self.token,
            request=self.request,
            **words,
        )


Handler = Callable[[Visit], Response]


def page(
    path: str, handler: Handler, *, method: Literal["GET", "POST"] = "GET", role: Role = "helper"
) -> Route:
    """A route for helpers; ``role="reader"`` opens it to those, too.

    The handler runs in a thread, and may ask the daemon.
    """

    async def answer(request: Request) -> Response:
        form: dict[str, str] = {}
        sound = b""
        if method == "POST":
            async with request.form(max_files=1, max_fields=40) as sent:
                form = {name: value for name, value in sent.items() if isinstance(value, str)}
                if isinstance(file := sent.get("sound"), UploadFile):
                    sound = await file.read()
        return await run_in_threadpool(_answer, request, form, sound, handler, role)

    return Route(path, answer, methods=[method])


def _answer(
    request: Request, form: Mapping[str, str], sound: bytes, handler: Handler, role: Role
) -> Response:
    visit = known(request, role)
    if isinstance(visit, Response):
        return visit
    if request.method == "POST" and not visit.sent(form):
        return expired()
    return handled(replace(visit, form=form, sound=sound), handler)


def known(request: Request, role: Role = "helper") -> Visit | Response:
    """Whose request it is, still without a form; or what to answer to somebody else.

    Raises:
        HTTPException: 403 if this helper may not have it.
    """
    client: Client = request.app.state.client
    key = request.cookies.get(COOKIE, "")
    try:
        helper = client.who(digest(key)) if key else None
    except ControlError as error:
        return render("away.html", 503, why=str(error))
    if helper is None:
        return RedirectResponse("/pair", 303) if request.method == "GET" else expired()
    if role == "helper" and helper.role != "helper":
        raise HTTPException(403)
    return Visit(request, replace(client, by=helper.name), helper, token=form_token(key))


def handled(visit: Visit, handler: Handler) -> Response:
    """A handler's answer; what the daemon refuses, it says in a sentence."""
    try:
        return handler(visit)
    except ControlError as error:
        again = visit.request.method == "GET"
        return visit.page("refused", 409, why=str(error), again=again)


def expired() -> Response:
    """The answer to a form whose helper is not known any more."""
    return render("expired.html", 403)


def new_key() -> str:
    """A secret for a new device."""
    return secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """What the daemon knows of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def form_token(key: str) -> str:
    """What forms carry: made of the key, which no other site can read."""
    return hmac.digest(key.encode(), b"form", "sha256").hex()


def back(path: str, **query: object) -> Response:
    """Go on with a page after something was done, so that reloading does not do it twice."""
    return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)
