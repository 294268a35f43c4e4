"""Files that a browser saves."""

from __future__ import annotations

from datetime import datetime


def saved_as(what: str, ending: str) -> dict[str, str]:
    """The header by which a browser saves an answer as a file, such as ``attune-2026-03-01.zip``.

    Args:
        what: begins the file's name.
        ending: with its dot.
    """
    today = f"{datetime.now().astimezone():%Y-%m-%d}"
    return {"Content-Disposition": f'attachment; filename="{what}-{today}{ending}"'}
