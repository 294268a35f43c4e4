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
        trained = {**record, "id": 0, "turns": record["examples"], "curve": ()}
        entry = {
            **record,
            "is_base": record["standing"] == Standing.BASE.value,
            "path": record["file"],
            "record": record["created_at"] and _TRAINED.validate_python(trained),
        }
        return _ENTRY.validate_python(entry)
    except (KeyError, ValidationError):
        raise another_version() from None
