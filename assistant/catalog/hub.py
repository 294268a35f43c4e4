"""The hub from which models come: a thin wrapper around huggingface_hub.

Address, token and proxies are those of the environment: HF_ENDPOINT, HF_TOKEN, HTTPS_PROXY. The
library's own download begins anew after its process has died, so bytes are asked for here, from
where the file on the disk ends.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from assistant.catalog.checksum import is_known
from assistant.errors import CatalogError

_FOR_A_WHILE = frozenset((408, 425, 429, 500, 502, 503, 504))
"""Statuses after which the same request may succeed."""

_CLOSED = frozenset((401, 403))


class BrokenError(Exception):
    """The connection failed or the hub is busy: it may go better in a while.

    Args:
        why: in a few words.
        wait_s: what the hub asks to wait, if it does.
    """

    def __init__(self, why: str, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Remote:
    """A file as the hub has it."""

    repository: str
    commit: str
    path: str
    size: int  # bytes
    etag: str  # SHA-256, or SHA-1 of the git blob


@dataclass(frozen=True, slots=True)
class Body:
    """The rest of a file."""

    start: int  # where it begins: where it was asked for, or 0
    pieces: Iterator[bytes]


class Hub:
    """Asks a hub.

    Args:
        endpoint: its address; ``None``: HF_ENDPOINT, else https://huggingface.co.
        timeout_s: longest silence; ``None``: HF_HUB_DOWNLOAD_TIMEOUT, else 10 s.

    Raises:
        CatalogError: if the address is none.
    """

    def __init__(self, endpoint: str | None = None, timeout_s: float | None = None) -> None:
        # takes a moment to load, and reads its variables then
        from huggingface_hub import constants  # noqa: PLC0415

        self.endpoint = (endpoint or constants.ENDPOINT).rstrip("/")
        if not _is_address(self.endpoint):
            raise CatalogError(
                f"HF_ENDPOINT is {self.endpoint!r}, which is no address. It should look like "
                "https://huggingface.co; unset, it is that."
            )
        self._timeout_s = constants.HF_HUB_DOWNLOAD_TIMEOUT if timeout_s is None else timeout_s

    def look_up(self, repository: str, path: str, revision: str) -> Remote:
        """What the hub has under a path.

        Raises:
            BrokenError: if it cannot be asked at this moment.
            CatalogError: if it does not have it, or does not hand it out.
        """
        from huggingface_hub import (  # noqa: PLC0415
            get_hf_file_metadata,  # pyright: ignore[reportUnknownVariableType]
            hf_hub_url,
        )

        url = hf_hub_url(repository, path, revision=revision, endpoint=self.endpoint)
        with self._translated(repository, path, revision):
            found = get_hf_file_metadata(
                url, timeout=self._timeout_s, library_name="attune", endpoint=self.endpoint
            )
        if found.commit_hash is None or found.etag is None or found.size is None:
            raise CatalogError(
                f"{self.endpoint} does not answer as a model hub does. Check HF_ENDPOINT, and "
                "whether a proxy or a login page answers in its place."
            )
        if not is_known(found.etag):
            raise CatalogError(
                f"{self.endpoint} names no checksum for {path}, so it cannot be checked. Set "
                "HF_ENDPOINT to another mirror, or unset it."
            )
        return Remote(repository, found.commit_hash, path, found.size, found.etag)

    @contextmanager
    def body(self, remote: Remote, start: int) -> Generator[Body, None, None]:
        """The bytes of a file from a place on, as they come.

        Raises:
            BrokenError: also while they are read.
            CatalogError: if the hub does not hand it out any more.
        """
        from huggingface_hub import get_session, hf_hub_url, hf_raise_for_status  # noqa: PLC0415
        from huggingface_hub.utils import (  # noqa: PLC0415
            build_hf_headers,  # pyright: ignore[reportUnknownVariableType]
        )

        # through the hub each time: where it sends us to is open for an hour only
        url = hf_hub_url(
            remote.repository, remote.path, revision=remote.commit, endpoint=self.endpoint
        )
        headers = build_hf_headers(library_name="attune") | {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        with (
            self._translated(remote.repository, remote.path, remote.commit),
            get_session().stream("GET", url, headers=headers, timeout=self._timeout_s) as response,
        ):
            hf_raise_for_status(response)
            begins = f"bytes {start}-"
            if response.status_code == 206:
                if not response.headers.get("Content-Range", "").startswith(begins):
                    raise BrokenError("another part of the file came than was asked for")
            else:
                start = 0
            yield Body(start, response.iter_bytes())

    @contextmanager
    def _translated(self, repository: str, path: str, revision: str) -> Generator[None, None, None]:
        """Failures of the library as ours."""
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled  # noqa: PLC0415

        # the library's HTTP client is its own affair; its errors have this base
        from huggingface_hub.errors import (  # noqa: PLC0415 # isort: skip
            HTTPError,  # pyright: ignore[reportPrivateImportUsage]
        )

        try:
            yield
        except OfflineModeIsEnabled:
            raise CatalogError(
                "HF_HUB_OFFLINE is set, so nothing is fetched. Unset it, then pull again."
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
                raise CatalogError(
                    f"The hub does not hand out {repository} ({status}). Where it asks for that, "
                    f"accept its terms at {self.endpoint}/{repository}, then set HF_TOKEN to a "
                    "token of your account."
                ) from None
            if status == 404:
                raise CatalogError(
                    f"The hub has no {path} in {repository} at {revision}. Fetch the model "
                    "yourself, then run 'assistant models import PATH'."
                ) from None
            raise CatalogError(
                f"The hub refuses {path} of {repository} ({status}). Check HF_ENDPOINT and "
                "HF_TOKEN, then pull again."
            ) from None
        except HTTPError as error:
            why = str(error).strip().partition("\n")[0] or type(error).__name__
            raise BrokenError(why) from None


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
