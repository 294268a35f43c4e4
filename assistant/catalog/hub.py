"""The hub that provides models: a thin wrapper around huggingface_hub.

Address, token and proxies come from the environment: HF_ENDPOINT, HF_TOKEN, HTTPS_PROXY. The
library's own download starts over after its process has died, so bytes are requested here, from
where the file on the disk ends.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from assistant.catalog.checksum import is_known
from assistant.catalog.failure import BrokenError, SourceError
from assistant.errors import CatalogError

_FOR_A_WHILE = frozenset((408, 425, 429, 500, 502, 503, 504))
"""Statuses after which the same request may succeed."""

_CLOSED = frozenset((401, 403))


@dataclass(frozen=True, slots=True)
class Remote:
    """A file on the hub."""

    repository: str
    commit: str
    path: str
    size: int  # bytes
    etag: str  # SHA-256, or SHA-1 of the git blob


@dataclass(frozen=True, slots=True)
class Body:
    """The rest of a file."""

    start: int  # offset of its first byte: the requested one, or 0
    pieces: Iterator[bytes]


class Hub:
    """Asks a hub; huggingface_hub is slow to load, so it is imported only then.

    Args:
        endpoint: its address; ``None``: HF_ENDPOINT, else https://huggingface.co.

    Every method raises ``SourceError`` if the address is invalid.
    """

    def __init__(self, endpoint: str | None = None) -> None:
        self._endpoint = endpoint

    @cached_property
    def endpoint(self) -> str:
        """Its address."""
        # reads its variables when it is loaded
        from huggingface_hub import constants, get_token  # noqa: PLC0415

        endpoint = (self._endpoint or constants.ENDPOINT).rstrip("/")
        if not _is_address(endpoint):
            raise SourceError(
                f"HF_ENDPOINT is {endpoint!r}, which is not an address",
                "It should look like https://huggingface.co, the default if it is unset.",
            )
        parts = urlsplit(endpoint)
        if parts.scheme == "http" and not _is_loopback(parts.hostname) and get_token():
            raise SourceError(
                f"HF_ENDPOINT is {endpoint}, and anybody on the way could read your token",
                "Use an https:// address, or unset HF_TOKEN and log out with 'hf auth logout'.",
            )
        return endpoint

    def look_up(self, repository: str, path: str, revision: str, timeout_s: float | None) -> Remote:
        """The file at a path of a repository.

        Args:
            repository: its name.
            path: of the file in it.
            revision: a branch, tag or commit.
            timeout_s: longest silence; ``None``: HF_HUB_DOWNLOAD_TIMEOUT, else 10 s.

        Raises:
            BrokenError: if the hub cannot be reached now.
            SourceError: if it does not have the file, or refuses it.
        """
        from huggingface_hub import (  # noqa: PLC0415
            get_hf_file_metadata,  # pyright: ignore[reportUnknownVariableType]
            hf_hub_url,
        )

        url = hf_hub_url(repository, path, revision=revision, endpoint=self.endpoint)
        with self._translated(repository, path, revision):
            found = get_hf_file_metadata(
                url, timeout=_timeout(timeout_s), library_name="attune", endpoint=self.endpoint
            )
        if found.commit_hash is None or found.etag is None or found.size is None:
            raise SourceError(
                f"{self.endpoint} does not answer like a model hub",
                "Check HF_ENDPOINT, and whether a proxy or a login page answers in its place.",
            )
        if not is_known(found.etag):
            raise SourceError(
                f"the hub at {self.endpoint} has no checksum for {path}, so it cannot be checked",
                "Set HF_ENDPOINT to another mirror, or unset it.",
            )
        return Remote(repository, found.commit_hash, path, found.size, found.etag)

    @contextmanager
    def body(
        self, remote: Remote, start: int, timeout_s: float | None
    ) -> Generator[Body, None, None]:
        """The bytes of a file from an offset on, as they arrive; ``timeout_s`` as in ``look_up``.

        Raises:
            BrokenError: also while they are read.
            SourceError: if the hub no longer provides it.
        """
        from huggingface_hub import get_session, hf_hub_url, hf_raise_for_status  # noqa: PLC0415
        from huggingface_hub.utils import (  # noqa: PLC0415
            build_hf_headers,  # pyright: ignore[reportUnknownVariableType]
        )

        # through the hub each time: the address that it redirects to expires after an hour
        url = hf_hub_url(
            remote.repository, remote.path, revision=remote.commit, endpoint=self.endpoint
        )
        headers = build_hf_headers(library_name="attune") | {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        with (
            self._translated(remote.repository, remote.path, remote.commit),
            get_session().stream(
                "GET", url, headers=headers, timeout=_timeout(timeout_s)
            ) as response,
        ):
            hf_raise_for_status(response)
            begins = f"bytes {start}-"
            if response.status_code == 206:
                if not response.headers.get("Content-Range", "").startswith(begins):
                    raise BrokenError("the hub sent another part of the file than requested")
            else:
                start = 0
            # raw: a server that compresses them anyway could fill the memory
            yield Body(start, response.iter_raw())

    @contextmanager
    def _translated(self, repository: str, path: str, revision: str) -> Generator[None, None, None]:
        """Turns the library's errors into ours."""
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled  # noqa: PLC0415

        # whatever HTTP client the library uses, its errors have this base
        from huggingface_hub.errors import (  # noqa: PLC0415 # isort: skip
            HTTPError,  # pyright: ignore[reportPrivateImportUsage]
        )

        try:
            yield
        except OfflineModeIsEnabled:
            raise CatalogError(
                "HF_HUB_OFFLINE is set, so nothing can be fetched. Unset it, then pull again."
            ) from None
        except HfHubHTTPError as error:
            response = error.response
            status = response.status_code
            if status in _FOR_A_WHILE:
                wait = response.headers.get("Retry-After", "")
                raise BrokenError(
                    f"the hub answers {status}", float(wait) if wait.isdecimal() else None
                ) from None
            if status in _CLOSED:
                raise SourceError(
                    f"the hub does not give access to {repository} ({status})",
                    f"If it asks for that, accept its terms at {self.endpoint}/{repository}, "
                    "then set HF_TOKEN to a token of your account.",
                ) from None
            if status == 404:
                raise SourceError(
                    f"the hub has no {path} in {repository} at {revision}",
                    "Download the model yourself, then run 'assistant models import PATH'.",
                ) from None
            raise SourceError(
                f"the hub refuses {path} of {repository} ({status})",
                "Check HF_ENDPOINT and HF_TOKEN, then pull again.",
            ) from None
        except HTTPError as error:
            why = str(error).strip().partition("\n")[0] or type(error).__name__
            raise BrokenError(why) from None


def _timeout(seconds: float | None) -> float:
    from huggingface_hub import constants  # noqa: PLC0415

    return constants.HF_HUB_DOWNLOAD_TIMEOUT if seconds is None else seconds


def _is_loopback(host: str | None) -> bool:
    return host in ("localhost", "::1") or (host or "").startswith("127.")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
