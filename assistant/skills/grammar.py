"""Recognises requests by templates over their words."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from io import StringIO

from hassil.intents import Intents
from hassil.recognize import recognize_best

from assistant.spoken import said_words

LONGEST = 40
"""Most words in a request."""


class Grammar:
    """The templates of one language, for one kind of request.

    Args:
        intents: as hassil reads them; each is named ``skill.request``.
    """

    def __init__(self, intents: Intents) -> None:
        self._intents = intents

    def request(self, text: str) -> str | None:
        """The name of the request in a text, such as "clock.time", if there is one."""
        words = said_words(text)
        if not words or len(words.split()) > LONGEST:
            return None
        found = recognize_best(words, self._intents)
        return None if found is None else found.intent.name


@cache
def grammar(name: str, language: str = "en") -> Grammar:
    """The templates that come with Attune.

    Args:
        name: "requests", or "distress".
        language: as in ``encode.language``.
    """
    file = files("assistant.skills").joinpath(f"sentences/{language}.{name}.yaml")
    return Grammar(Intents.from_yaml(StringIO(file.read_text("utf-8"))))
