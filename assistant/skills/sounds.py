"""Roughly how English words sound, by their spelling.

"Eight" is nearer to "date" than its letters are, and "tea" to "sea". Sounds that unclear speech
confuses first, with voice and without it, are the same here.
"""

from __future__ import annotations

import re
from functools import cache

_RULES = tuple(
    (re.compile(spelled), sound)
    for spelled, sound in (
        ("'", ""),
        ("^one$", "wun"), ("^two$", "tU"), ("^(?:eight|ate)$", "At"), ("^day", "dA"),
        ("^kn", "n"), ("^wr", "r"), ("^wh", "w"),
        ("eigh", "A"), ("igh", "I"), ("(?:ought|aught)", "Ot"), ("ough", "O"), ("tion$", "Sn"),
        ("ph", "f"), ("t?ch", "C"), ("sh", "S"), ("th", "T"),
        ("ck", "k"), ("qu", "kw"), ("c(?=[eiy])", "s"), ("c", "k"), ("x", "ks"), ("dge|j", "J"),
        *((f"{short}([bdfgklmnpstvz])e(s?)$", rf"{long}\1\2") for short, long in
          ("aA", "iI", "oO", "uU")),
        ("ai|ay|ey|ei", "A"), ("ee|ea|ie$", "E"), ("oa|ow|oe", "O"), ("oo|ew|ou|ue", "U"),
        ("au|aw", "O"), ("^([bcdfghklmnpstvwz]?)e$", r"\1E"), ("^(m|b|fl|sh|tr|sp|dr)y$", r"\1I"),
        ("y$", "E"), ("(?<=..)e$", ""),
        ("d", "t"), ("b", "p"), ("g", "k"), ("z", "s"), ("v", "f"), (r"(.)\1+", r"\1"),
    )
)  # fmt: skip


def sounds(text: str) -> str:
    """Spoken words in lower case as one string of sounds: where words begin is not heard."""
    return "".join(map(_sounds, text.split()))


@cache
def _sounds(word: str) -> str:
    for spelled, sound in _RULES:
        word = spelled.sub(sound, word)
    return word
