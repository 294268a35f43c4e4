"""A bridge as the running daemon tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from assistant.control.client import another_version
from assistant.journal.lineage import BridgeRecord
from assistant.personalise.bridges.listing import Entry, Standing

_TRAINED = TypeAdapter(BridgeRecord)
_ENTRY = TypeAdapter(Entry)


def entry_of(record: Mapping[str, Any]) -> Entry:
    """The bridge in a record, as ``Entry.as_json`` makes it; of its loss curve nothing is known.

    Raises:
        ControlError: if it is none.
    """
    try:
        trained = (
            None
            if record["created_at"] is None
            else _TRAINED.validate_python(
                {**record, "id": 0, "turns": record["examples"], "curve": ()}
            )
        )
        return _ENTRY.validate_python(
            {
                **record,
                "is_base": record["standing"] == Standing.BASE.value,
                "path": record["file"],
                "record": trained,
            }
        )
    except (KeyError, ValidationError):
        raise another_version() from None
