"""Recognises requests by templates over their words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any, cast

import yaml
from hassil import RecognizeResult, recognize_all
from hassil.intents import Intents
from hassil.parse_expression import parse_sentence

from assistant.errors import ConfigError
from assistant.skills.plainly import plainly
from assistant.spoken import said_words

LONGEST = 40
"""Most words in a request."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was found in a text."""

    name: str  # such as "clock.time"
    slots: Mapping[str, str]  # words


class Grammar:
    """The templates for one kind of request.

    Args:
        intents: as hassil reads them; each is named ``skill.request``.
    """

    def __init__(self, intents: Intents) -> None:
        self.intents = intents

    def requests(self, text: str) -> list[Request]:
        """The requests that a text may be, the most literal first."""
        words = said_words(text)
        if not words or len(words.split()) > LONGEST:
            return []
        readings = dict.fromkeys((words, plainly(words) or words))
        found = sorted(
            chain.from_iterable(recognize_all(each, self.intents) for each in readings),
            key=_freedom,
        )
        requests: list[Request] = []
        for each in found:
            slots = {name: str(slot.value).strip() for name, slot in each.entities.items()}
            request = Request(each.intent.name, slots)
            if request not in requests:
                requests.append(request)
        return requests

    def request(self, text: str) -> Request | None:
        """The most literal of them."""
        return next(iter(self.requests(text)), None)


def _freedom(found: RecognizeResult) -> tuple[int, int]:
    """How much of a text the templates leave open: letters in wildcards, and their number."""
    open_ = [each for each in found.entities_list if each.is_wildcard]
    return sum(len(each.text.strip()) for each in open_), len(open_)


@cache
def grammar(name: str, language: str = "en", own: Path | None = None) -> Grammar:
    """The templates that come with Attune, with the household's own.

    Args:
        name: "requests", "distress", or "home".
        language: as in ``encode.language``.
        own: a file in the same format with more sentences for the same requests.

    Raises:
        ConfigError: if the household's own cannot be read.
    """
    folder = files("assistant.skills").joinpath("sentences")
    every = yaml.safe_load(folder.joinpath(f"{language}.{name}.yaml").read_text("utf-8"))
    if own is None:
        return Grammar(Intents.from_dict(every))
    try:
        for intent, sentences in _sentences(yaml.safe_load(own.read_text("utf-8"))):
            if intent.startswith("home.") != (name == "home"):
                continue  # it belongs to the other file
            every["intents"][intent]["data"].append({"sentences": sentences})
            for each in sentences:
                _check(each, every)
        return Grammar(Intents.from_dict(every))
    except KeyError as error:
        raise ConfigError(
            f"{own} has sentences for {error}, but there is no such request. Use one of: "
            f"{', '.join(sorted(every['intents']))}."
        ) from None
    except Exception as error:
        raise ConfigError(
            f"The sentences in {own} cannot be used: {error}. Correct them, or unset "
            "household.sentences."
        ) from error


def _sentences(own: Any) -> Iterable[tuple[str, list[str]]]:
    """A household's file: requests with lists of templates."""
    if not isinstance(own, dict):
        raise TypeError("expected lines such as 'clock.time:', each with a list of sentences")
    for name, sentences in cast("dict[object, object]", own).items():
        if not isinstance(sentences, list):
            raise TypeError(f"{name} needs a list of sentences")
        yield str(name), [str(each) for each in cast("list[object]", sentences)]


def _check(sentence: str, every: Any) -> None:
    """Raise what is wrong with a template; hassil itself would only say so once it is needed."""
    parse_sentence(sentence)
    for kind, pattern in (("lists", r"\{([^}:]+)"), ("expansion_rules", r"<([^>]+)>")):
        for name in re.findall(pattern, sentence):
            if name not in every[kind]:
                known = ", ".join(sorted(every[kind]))
                raise ValueError(f"'{sentence}' names '{name}', which is none of: {known}")
