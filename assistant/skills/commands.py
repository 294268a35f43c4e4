"""The sentences that templates of the grammar stand for."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hassil import expression as parts
from hassil.intents import Intents, TextSlotList

from assistant.spoken import said_words

MOST = 10
"""Most wordings that are drawn from one template."""

_TRIES = 4 * MOST
_OPTIONAL = 0.25
"""Share of optional words that are drawn: most people say the plain form."""

_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to say a request."""

    request: str  # its name, such as "clock.time"
    text: str  # with slots, as in "set a timer for {duration}"
    slots: tuple[str, ...] = ()  # in the order of the text

    def filled(self, values: Sequence[str]) -> tuple[str, tuple[str, ...]]:
        """The text with a value in each slot, and what it means, however it is worded."""
        if not self.slots:
            return self.text, (self.request,)
        given = iter(values)
        text = _SLOT.sub(lambda _: next(given), self.text)
        of_slots = sorted(zip(self.slots, values, strict=True), key=lambda pair: pair[0])
        return text, (self.request, *(value for _, value in of_slots))


@dataclass(frozen=True, slots=True)
class Commands:
    """Everything that can be asked of the skills."""

    wordings: Sequence[Wording]
    values: Mapping[str, Sequence[str]]  # of every slot in them, as they are said


def commands(templates: Iterable[Intents], household: Mapping[str, Sequence[str]]) -> Commands:
    """Different wordings of every template, always the same ones.

    Args:
        templates: of one language.
        household: further values of the templates' lists, by name, such as this household's names.
            A wording with a list that has no values is left out.
    """
    found: dict[str, Wording] = {}
    values: dict[str, list[str]] = {
        name: list(map(said_words, given)) for name, given in household.items()
    }
    for intents in templates:
        for name, own in _values(intents):
            values.setdefault(name, []).extend(own)
        for name, intent in intents.intents.items():
            for sentence in (each for data in intent.data for each in data.sentences):
                for text in _wordings(sentence, intents):
                    found.setdefault(text, Wording(name, text, tuple(_SLOT.findall(text))))
    distinct = {
        name: [each for each in dict[str, None].fromkeys(own) if each]
        for name, own in values.items()
    }
    sayable = [each for each in found.values() if all(distinct.get(slot) for slot in each.slots)]
    return Commands(sayable, distinct)


def _values(intents: Intents) -> Iterator[tuple[str, list[str]]]:
    """The templates' own lists, as they are said."""
    for name, known in intents.slot_lists.items():
        if isinstance(known, TextSlotList):
            drawn = [_drawn(each.text_in, intents, random.Random(0)) for each in known.values]  # noqa: S311
            yield name, list(map(said_words, drawn))


def _wordings(sentence: parts.Sentence, intents: Intents) -> Iterator[str]:
    rng = random.Random(sentence.text)  # noqa: S311 - reproducible, not secret
    drawn: dict[str, None] = {}
    for _ in range(_TRIES):
        drawn[" ".join(_drawn(sentence.expression, intents, rng).split())] = None
        if len(drawn) == MOST:
            break
    yield from filter(None, drawn)


def _drawn(part: parts.Expression, intents: Intents, rng: random.Random) -> str:
    """One wording of a part of a template; slots stay as ``{name}``."""
    text = ""
    match part:
        case parts.TextChunk():
            text = part.original_text
        case parts.ListReference():
            text = f"{{{part.list_name}}}"
        case parts.RuleReference():
            text = _drawn(intents.expansion_rules[part.rule_name].expression, intents, rng)
        case parts.Alternative():
            if not part.is_optional or rng.random() < _OPTIONAL:
                text = _drawn(rng.choice(part.items), intents, rng)
        case parts.Permutation():
            shuffled = rng.sample(part.items, len(part.items))
            text = " ".join(_drawn(each, intents, rng) for each in shuffled)
        case parts.Group():
            text = "".join(_drawn(each, intents, rng) for each in part.items)
        case _:
            raise TypeError(f"{part!r} is no part of a template.")
    return text
