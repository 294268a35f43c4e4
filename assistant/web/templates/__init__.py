"""Fills the pages in: everything that was said or typed is text there, never markup."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, cast

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from assistant.web import words

STATIC = Path(__file__).resolve().parents[1] / "static"


def render(name: str, status: int = 200, /, **filled: Any) -> HTMLResponse:
    """A page, or a part of one."""
    return HTMLResponse(_environment().get_template(name).render(**filled), status)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("assistant.web"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filled = cast("Any", environment)  # whose types jinja2 does not tell
    filled.install_gettext_translations(words.translation(), newstyle=True)
    filled.globals["static"] = _static
    filled.globals["language"] = words.locale().language
    filled.filters |= {
        name: getattr(words, name)
        for name in ("day", "deed", "lasting", "size", "sure", "weekdays", "when")
    }
    filled.filters["combined"] = _combined
    return environment


@cache
def _static(name: str) -> str:
    """The address of a file that changes with its content, so that it can be kept for good."""
    mark = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?{mark}"


def _combined(first: dict[str, object], more: dict[str, object]) -> dict[str, object]:
    return first | more
