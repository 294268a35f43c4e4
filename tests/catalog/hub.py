"""A model hub on this machine that speaks the protocol, and breaks off when it is told to."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from tests.catalog import web
from tests.catalog.web import Fault

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    start: int
    token: str | None
    host: str


@dataclass
class FakeHub:
    """What it has, what goes wrong next, and what it was asked."""

    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    etags: dict[tuple[str, str], str] = field(default_factory=dict)  # where they are to be wrong
    sizes: dict[tuple[str, str], int] = field(default_factory=dict)  # likewise
    commit: str = COMMIT
    faults: deque[Fault] = field(default_factory=deque)  # of answers with bytes
    refusals: deque[tuple[int, str | None]] = field(default_factory=deque)  # of HEAD
    gated: bool = False  # asks for the token "good"
    bare: bool = False  # answers as any web server
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def elsewhere(self) -> str:
        """Where large files lie: another host, as far as HTTP knows."""
        return f"http://localhost:{self.port}"

    def put(self, repository: str, path: str, data: bytes) -> None:
        self.files[repository, path] = data

    def starts(self) -> list[int]:
        """From where bytes of large files were asked for."""
        return [each.start for each in self.asked if each.path.startswith("/blob/")]

    def etag(self, repository: str, path: str) -> str:
        if (repository, path) in self.etags:
            return self.etags[repository, path]
        data = self.files[repository, path]
        if is_large(path):
            return hashlib.sha256(data).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def is_large(path: str) -> bool:
    """Whether git keeps only a pointer to it."""
    return not path.endswith((".json", ".txt"))


@contextmanager
def serving() -> Iterator[FakeHub]:
    hub = FakeHub()

    class Handler(_Handler):
        state = hub

    with web.serving(hub, Handler):
        yield hub


class _Handler(web.Handler):
    state: ClassVar[FakeHub]

    def answer(self) -> None:
        hub = self.state
        path = unquote(urlsplit(self.path).path)  # a proxy is given whole addresses
        token = self.headers.get("Authorization")
        hub.asked.append(Asked(self.command, path, self.start, token, self.headers.get("Host", "")))
        if path.startswith("/blob/"):
            digest = path.removeprefix("/blob/")
            for (repository, name), data in hub.files.items():
                if hub.etag(repository, name) == digest:
                    self.body(hub.faults, data)
                    return
            self.plain(404)
            return
        repository, _, rest = path.removeprefix("/").partition("/resolve/")
        name = rest.partition("/")[2]
        if self.command == "HEAD" and hub.refusals:
            status, retry_after = hub.refusals.popleft()
            self.plain(status, **({"Retry-After": retry_after} if retry_after else {}))
        elif hub.gated and token != "Bearer good":  # noqa: S105
            self.plain(401, **{"X-Error-Code": "GatedRepo"})
        elif hub.bare:
            self.plain(200)
        elif (repository, name) not in hub.files:
            self.plain(404, **{"X-Error-Code": "EntryNotFound"})
        elif is_large(name):
            self._redirect(repository, name)
        else:
            self._small(repository, name)

    def _redirect(self, repository: str, name: str) -> None:
        hub = self.state
        etag = hub.etag(repository, name)
        self.plain(
            302,
            **{
                "Location": f"{hub.elsewhere}/blob/{etag}?Signature=x",
                "X-Repo-Commit": hub.commit,
                "X-Linked-Size": str(
                    hub.sizes.get((repository, name), len(hub.files[repository, name]))
                ),
                "X-Linked-Etag": f'"{etag}"',
                "ETag": '"of the pointer"',
            },
        )

    def _small(self, repository: str, name: str) -> None:
        headers = {
            "X-Repo-Commit": self.state.commit,
            "ETag": f'W/"{self.state.etag(repository, name)}"',
        }
        self.body(self.state.faults, self.state.files[repository, name], **headers)
