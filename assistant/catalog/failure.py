"""How a source of models can fail."""

from __future__ import annotations

from assistant.errors import CatalogError


class BrokenError(Exception):
    """The connection failed or the hub is busy: a later try may work.

    Args:
        why: in a few words.
        wait_s: how long the hub asks to wait, if it does.
    """

    def __init__(self, why: str, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.wait_s = wait_s


class SourceError(CatalogError):
    """A source does not provide a model, though another one may; or none of them does.

    Args:
        why: what is wrong, as a clause.
        advice: what to do about it, in a sentence.
    """

    def __init__(self, why: str, advice: str) -> None:
        super().__init__(f"{why[:1].upper()}{why[1:]}. {advice}")
        self.why = why
