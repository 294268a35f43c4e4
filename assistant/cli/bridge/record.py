"""Bridges, as the journal and their folder or the running daemon know them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from assistant.config import Settings
from assistant.control.client import another_version
from assistant.journal.lineage import BridgeRecord, Lineage
from assistant.journal.store import Journal
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.bridges.listing import Entry, Standing, entries

_TRAINED = TypeAdapter(BridgeRecord)
_ENTRY = TypeAdapter(Entry)


def listed(settings: Settings, folder: BridgeFolder, answering: str | None) -> list[Entry]:
    """All bridges, the latest first, given which of them is in use."""
    with Journal.open(settings.journal) as journal:
        return entries(settings.bridge.path, folder, Lineage(journal), answering)


def entry_of(record: Mapping[str, Any]) -> Entry:
    """The bridge in a record made by ``Entry.as_json``, without its loss curve.

    Raises:
        ControlError: if it is not one.
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
