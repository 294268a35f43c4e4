"""Past exchanges: from the journal, or from the running daemon if that is another user's."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from assistant.cli.shared.ownership import stand_in
from assistant.config import Settings
from assistant.control.client import Client, another_version
from assistant.control.messages import MAX_LOG
from assistant.errors import ControlError
from assistant.journal.store import Journal
from assistant.journal.turn import Turn

_TURN = TypeAdapter(Turn)


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
    """The last exchanges, as the daemon reports them.

    Every method raises ``ControlError`` if the daemon cannot be asked, or refuses.
    """

    client: Client

    def count(self) -> int:
        """How many there are, counted up to one."""
        return len(self.client.log(1))

    def turns(self, *, limit: int | None = None, since: datetime | None = None) -> Iterator[Turn]:
        """Exchanges, newest first, of the last ``MAX_LOG``."""
        last = MAX_LOG if limit is None or since is not None else min(limit, MAX_LOG)
        found = map(turn_of, self.client.log(last))
        recent = (turn for turn in found if since is None or turn.started_at >= since)
        yield from list(recent)[:limit]

    def turn(self, turn_id: int) -> Turn:
        """One of the last ``MAX_LOG`` exchanges."""
        for turn in self.turns():
            if turn.id == turn_id:
                return turn
        raise ControlError(
            f"Exchange {turn_id} is not among the last {MAX_LOG}. 'assistant log list' shows them; "
            "for older ones run this as the user that Attune runs as."
        )

    def correct(self, turn_id: int, text: str) -> None:
        """Have the daemon note what was really said."""
        self.client.correct(self.turn(turn_id).id, text)

    def confirm(self, turn_id: int) -> str:
        """Have the daemon note that it was understood correctly."""
        return self.client.confirm(self.turn(turn_id).id)


def turn_of(record: Mapping[str, Any]) -> Turn:
    """The exchange in a record, as ``Turn.record`` makes it.

    Raises:
        ControlError: if it is not one.
    """
    fields = dict(record)
    try:
        fields |= {"hypothesis": fields.pop("transcript"), "timings": fields.pop("timings_ms")}
        return _TURN.validate_python(fields)
    except (KeyError, ValidationError):
        raise another_version() from None
