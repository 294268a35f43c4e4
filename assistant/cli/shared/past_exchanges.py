"""Past exchanges: from the journal, or from the running daemon if that is another user's."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from assistant.cli.shared.ownership import stand_in
from assistant.config import Settings
from assistant.control.client import Client, another_version
from assistant.control.messages import MAX_ERASED, MAX_LOG
from assistant.errors import ControlError
from assistant.journal.store import Journal
from assistant.journal.turn import Turn

if TYPE_CHECKING:  # only sound needs arrays, and only erasing what was learned
    import numpy as np
    from numpy.typing import NDArray

    from assistant.personalise.bridges.erasure import Erased, Loss

_T = TypeVar("_T")


@contextmanager
def opened(settings: Settings) -> Generator[Journal | InJournal, None, None]:
    """The journal, or the daemon that keeps it.

    Raises:
        JournalError: if the journal cannot be opened and no daemon listens.
        ControlError: if the daemon may not be asked.
    """
    client = stand_in(settings)
    if client is None:
        with Journal.open(settings.journal) as journal:
            yield journal
    else:
        yield InJournal(client)


@dataclass(frozen=True, slots=True)
class InJournal:
    """The exchanges, as the daemon reports them.

    Every method raises ``ControlError`` if the daemon cannot be asked, or refuses.
    """

    client: Client

    def count(self) -> int:
        """How many there are, counted up to one."""
        return len(self.client.log(1))

    def turns(self, *, limit: int | None = None, since: datetime | None = None) -> Iterator[Turn]:
        """Exchanges since a moment, newest first, a page at a time."""
        before, left = None, sys.maxsize if limit is None else limit
        while left > 0:
            page = [turn_of(each) for each in self.client.log(min(left, MAX_LOG), before)]
            recent = [turn for turn in page if since is None or turn.started_at >= since]
            yield from recent
            if len(recent) < min(left, MAX_LOG):
                return
            before, left = page[-1].id, left - len(page)

    def kept(self, *, since: datetime | None = None) -> list[Turn]:
        """All exchanges since a moment, oldest first."""
        return list(self.turns(since=since))[::-1]

    def turn(self, turn_id: int) -> Turn:
        """One exchange."""
        for record in self.client.log(1, turn_id + 1):
            if (turn := turn_of(record)).id == turn_id:
                return turn
        raise ControlError(f"There is no exchange {turn_id}. 'assistant log list' shows them all.")

    def correct(self, turn_id: int, text: str) -> None:
        """Have the daemon note what was really said."""
        self.client.correct(self.turn(turn_id).id, text)

    def audio(self, turn_id: int) -> NDArray[np.float32]:
        """The recording of an exchange, mono 16 kHz in [-1, 1], shape (n_samples,)."""
        from assistant.journal import flac  # noqa: PLC0415 - only sound needs soundfile

        try:
            return flac.decode(self.client.recording(turn_id))
        except ValueError:
            raise another_version() from None

    def consent(self, turn_id: int, *, allowed: bool) -> None:
        """Have the daemon note whether it may be learned from."""
        self.client.consent(turn_id, allowed=allowed)

    def put_back(self, turn: Turn) -> None:
        """Have the daemon take back what was said about an exchange since it was read."""
        self.client.put_back(turn.id, turn.record())

    def loss(self, turn_ids: Sequence[int]) -> Loss | None:
        """What would be forgotten with these exchanges."""
        from assistant.personalise.bridges.erasure import Loss  # noqa: PLC0415

        kind: TypeAdapter[Loss | None] = TypeAdapter(Loss | None)
        found = [_understood(kind, self.client.loss(list(part))) for part in _parts(turn_ids)]
        return next((each for each in found if each is not None), None)

    def erase(self, turn_ids: Sequence[int]) -> Erased:
        """Have the daemon erase exchanges, and what was learned from them."""
        from assistant.personalise.bridges.erasure import Erased  # noqa: PLC0415

        kind = TypeAdapter(Erased)
        done = [_understood(kind, self.client.erase(list(part))) for part in _parts(turn_ids)]
        return replace(
            done[-1],
            turns=sum(each.turns for each in done),
            bridges=tuple(version for each in done for version in each.bridges),
            current=next((each.current for each in done[::-1] if each.bridges), None),
        )

    def confirm(self, turn_id: int) -> str:
        """Have the daemon note that it was understood correctly."""
        return self.client.confirm(self.turn(turn_id).id)


def _parts(turn_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for begin in range(0, len(turn_ids), MAX_ERASED):
        yield turn_ids[begin : begin + MAX_ERASED]


def _understood(kind: TypeAdapter[_T], record: object) -> _T:
    try:
        return kind.validate_python(record)
    except ValidationError:
        raise another_version() from None


@cache
def _turns() -> TypeAdapter[Turn]:
    return TypeAdapter(Turn)


def turn_of(record: Mapping[str, Any]) -> Turn:
    """The exchange in a record, as ``Turn.record`` makes it.

    Raises:
        ControlError: if it is not one.
    """
    fields = dict(record)
    try:
        fields |= {"hypothesis": fields.pop("transcript"), "timings": fields.pop("timings_ms")}
        return _turns().validate_python(fields)
    except (KeyError, ValidationError):
        raise another_version() from None
