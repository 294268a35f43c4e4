"""A package index on this machine, as pip asks one, and wheels of many kinds for it."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from tests.catalog import web
from tests.catalog.web import Fault


@dataclass
class FakeIndex:
    """What it has, what goes wrong next, and what it was asked."""

    wheels: dict[str, bytes] = field(default_factory=dict)  # by name of file
    faults: deque[Fault] = field(default_factory=deque)  # of answers with bytes
    asked: list[tuple[str, int]] = field(default_factory=list)  # wheels, and from where on
    is_away: bool = False  # answers that it is busy
    port: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/simple"

    def put(self, project: str, data: bytes) -> dict[str, Any]:
        """Have a wheel; what the catalogue says of it."""
        self.wheels[file_name(project)] = data
        return {"project": project, "version": VERSION, "size": len(data)}


VERSION = "1.0"


def file_name(project: str) -> str:
    return f"{project.replace('-', '_')}-{VERSION}-py3-none-any.whl"


def environment(address: str) -> dict[str, str]:
    """What pip is to be told so that it asks only this index."""
    return {
        **{name: "" for name in os.environ if name.startswith("PIP_")},
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": address,
        "NO_PROXY": "127.0.0.1,localhost",
    }


def wheel(
    project: str,
    members: Mapping[str, bytes | tuple[zipfile.ZipInfo, bytes]],
    compression: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """A wheel that pip takes for one, with these members."""
    module = project.replace("-", "_")
    info = f"{module}-{VERSION}.dist-info"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {project}\nVersion: {VERSION}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
        for name, member in members.items():
            place, data = member if isinstance(member, tuple) else (name, member)
            archive.writestr(place, data)
    return buffer.getvalue()


@contextmanager
def serving() -> Iterator[FakeIndex]:
    index = FakeIndex()

    class Handler(_Handler):
        state = index

    with web.serving(index, Handler):
        yield index


class _Handler(web.Handler):
    state: ClassVar[FakeIndex]

    def answer(self) -> None:
        index = self.state
        path = unquote(urlsplit(self.path).path)
        if index.is_away:
            self.plain(503)
        elif path.startswith("/simple/"):
            project = path.strip("/").rpartition("/")[2]
            self._page(project.replace("-", "_"))
        else:
            name = path.strip("/")
            index.asked.append((name, self.start))
            self.body(index.faults, index.wheels[name])

    def _page(self, module: str) -> None:
        links = [
            f'<a href="/{name}#sha256={hashlib.sha256(data).hexdigest()}">{name}</a>'
            for name, data in self.state.wheels.items()
            if name.startswith(f"{module}-")
        ]
        page = f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()
        self.send_response(200 if links else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)
