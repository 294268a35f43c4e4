"""User text as the speech encoder writes it: a to z, apostrophe, single spaces."""

from __future__ import annotations

import hashlib
import re

_SAYABLE = re.compile(r"[a-z]+(?:'[a-z]+)*(?: [a-z]+(?:'[a-z]+)*)*")
_PAUSES = re.compile(r"[\s,.;:!?\"()\-]+")


def normalised(text: str) -> str | None:
    """The text in lower case without punctuation, or None where words are not enough."""
    plain = text.lower().replace("\u2019", "'").replace("\u2018", "'")
    plain = _PAUSES.sub(" ", plain).strip()
    return plain if _SAYABLE.fullmatch(plain) else None


def held_out(user: str) -> bool:
    """Whether a user sentence belongs to the 3 % that training never sees."""
    digest = hashlib.sha256(user.encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < 3
