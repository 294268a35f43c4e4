"""Shopping, things to do, and every other list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from assistant.household.lists import SHOPPING, TO_DO, Entry
from assistant.household.spelling import one_spelling
from assistant.skills.skill import Requests, Said, Situation, Skill
from assistant.skills.times import duration, number
from assistant.skills.wording import as_written, counted, enumerated, joined, sentence, to_you
from assistant.spoken import said_words

_NAMES = {
    "": SHOPPING, "shopping": SHOPPING, "grocery": SHOPPING, "groceries": SHOPPING,
    "to do": TO_DO, "to dos": TO_DO, "todo": TO_DO, "things to do": TO_DO, "task": TO_DO,
    "tasks": TO_DO, "reminder": TO_DO, "reminders": TO_DO, "agenda": TO_DO, "to remember": TO_DO,
    "things to remember": TO_DO,
}  # fmt: skip
_AND = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+|\s*;\s*")
_NO_THING = re.compile(
    r"\b(?:up|to|from|as|by|with|something|anything|it|that|this|my|more|order"
    r"|time|luck|money|patience|ideas|words|breath|space|room|energy|steam|road|mind|here|hospital|bed"
    r"|practice|touch|shape|sorts|town|work|options|reach|danger|control|date|tune|place|house"
    r"|door|woods|way|question|sight|jail|prison|need|hope|doubt|one|people|pills|tablets)\b"
)
_NO_NAME = re.compile(r"\b(?:my|the|what|i|all|everything|a|to my|put|add)\b")
_NO_ITEM = re.compile(r"^(?:everything|all|you|to|anything|nothing|(?:a )?reminders?)\b")
_STATEMENT = re.compile(
    r"\b(?:is|are|was|were|be|what|what's|who|where|there|i|i'm|you|we|he|she|they|do|does|did|have"
    r"|has|order|place|buy|find|go|open|all|items|everything|read|tell|show|how|why|when|not|no"
    r"|nothing|none|if|that|this)\b"
)
_LONGEST_NAME = 4
_REMINDERS = ("reminder", "reminders", "agenda", "to remember")
_POLITE = re.compile(r",?\s*(?:please|thank you|thanks)$", re.IGNORECASE)
_MORE_TIME = re.compile(r" (?:to|on) (?:the |my |that )?.*\btimer$")
_MEASURE = re.compile(r"^(?:some|a|an|the|also)\s+")


def _listed(skill: Skill) -> Skill:
    """Only if it is certain that a list is meant, and which."""

    def answer(known: Situation) -> Said | str | None:
        named = known.slots.get("list")
        if named is not None and (
            not {"list", "lists", "shopping"} & set(said_words(known.words).split())
            or len(named.split()) > _LONGEST_NAME
            or _NO_NAME.search(named)
        ):
            return None
        return skill(known)

    return answer


def _buy(known: Situation) -> Said | None:
    """Only "add milk": to which list is a guess, and perhaps it is a sum."""
    items = known.slots["items"]
    is_sum = any(number(word) is not None for word in re.split(_AND, items))
    said = None if is_sum or _NO_THING.search(items) else _add(known)
    if said is None or not re.search(r"\b(?:out of|no .+ left)\b", known.words.lower()):
        return said
    return replace(said, asks=True)  # perhaps it is only a remark


def _add(known: Situation) -> Said | None:
    name = _name(known)
    things = _things(known)
    said = known.slots.get("items", "")
    if duration(said) is not None or _MORE_TIME.search(said):  # though there is no timer
        return None
    if any(_NO_ITEM.search(each) for each in things):
        return None  # "get everything on my list"
    if not things:
        return Said(f"What shall I put on {_title(name)}?", completes=f"put {{}} on my {name} list")
    lists, now = known.household.lists, known.now
    return Said(
        sentence(f"{joined(things)} {'is' if len(things) == 1 else 'are'} on {_title(name)}"),
        lambda: lists.add(name, things, now),
        f"Put {joined(things)} on {_title(name)}?",
        completes=f"put {{}} on my {name} list",
        about=f"my {name} list",
    )


def _brief(known: Situation) -> Said | None:
    """Only things and a list: "bread and butter on the list"."""
    return None if _STATEMENT.search(known.slots["items"]) else _add(known)


def _noted(known: Situation) -> Said | None:
    """Something to be written down; where is a guess, so it is asked."""
    said = _buy(known)
    return (
        None
        if said is None or _STATEMENT.search(known.slots["items"])
        else replace(said, asks=True)
    )


def _needed(known: Situation) -> Said | None:
    """More of what this household has bought before; "we need more time" is a remark."""
    return _add(known) if _bought_before(known) else None


def _need(known: Situation) -> Said | str | None:
    """Whether something has to be bought, of what was ever on the list."""
    return _has(known) if _bought_before(known) else None


def _bought_before(known: Situation) -> bool:
    before = [Entry(0, SHOPPING, each) for each in known.household.lists.ever(SHOPPING)]
    things = _things(known)
    return bool(things) and all(_same(before, said_words(each)) for each in things)


def _read(known: Situation) -> Said | None:
    name = _name(known)
    if known.slots.get("list") in _REMINDERS:
        return None  # more than what is on a list
    found = [each.text for each in known.household.lists.entries(name)]
    text = enumerated(found, f"on {_title(name)}", f": {joined(found)}.")
    return Said(text, completes="what is on my {} list", about=f"my {name} list")


_HEAR = frozenset(
    "what what's whats which read tell show hear list see say check know recite display give name"
    " how look view remind pull repeat go let's describe find".split()
)
_AROUND = _HEAR | frozenset(
    "is are was on in the of all any anything everything every each things thing items item "
    "contents content stuff products product food groceries me us to for out off up over back "
    "through my our i we you it that have has had got do did does can could will would please "
    "need needs want like be put written wrote down listed included there so far right now "
    "today currently at moment again aloud whole entire full complete current long big many "
    "much still left buy get let about look looks consist consists contain contains include "
    "includes inform located present".split()
)


def _any(known: Situation) -> Said | None:
    """Whatever is said of the shopping list in the words of somebody who wants to hear it."""
    around = f"{known.slots.get('before', '')} {known.slots.get('after', '')}".split()
    return _read(known) if set(around) <= _AROUND and set(around) & _HEAR else None


def _has(known: Situation) -> str | Said | None:
    name = _name(known)
    thing = known.slots["items"]
    if thing in ("anything", "something"):
        return _read(known)
    if _NO_ITEM.search(thing):
        return None
    is_there = bool(_found(known.household.lists.entries(name), thing))
    shown = to_you(as_written(thing, known.words))
    return sentence(
        f"{'yes' if is_there else 'no'}, {shown} is {'' if is_there else 'not '}on {_title(name)}"
    )


def _two(_: Situation) -> Said:
    """Something on and something off in one sentence."""
    return Said("One thing after the other, please. What shall I do first?", completes="{}")


def _off(known: Situation) -> Said | str | None:
    """What is bought or done goes off the list."""
    named = known.slots.get("list")
    entries = known.household.lists.entries(None if named is None else _name(known))
    if named is not None and not entries and named not in _NAMES:
        return None  # "take me to the next song on this playlist"
    found = (_found(entries, said_words(thing)) for thing in _things(known))
    chosen = list(dict.fromkeys(entry for each in found for entry in each))
    if not chosen:
        if named is None and "list" not in said_words(known.words).split():
            return None  # "I bought a hat" is a remark
        thing = to_you(as_written(known.slots["items"], known.words))
        return sentence(f"{thing} is not on {_title(_name(known))}")
    lists, now = known.household.lists, known.now
    things = joined([each.text for each in chosen])
    where = joined([_title(each) for each in dict.fromkeys(entry.list for entry in chosen)])
    return Said(
        sentence(f"{things} {'is' if len(chosen) == 1 else 'are'} off {where}"),
        lambda: lists.tick_off(chosen, now),
        f"Take {things} off {where}?",
    )


def _clear(known: Situation) -> Said | str:
    name = _name(known)
    lists = known.household.lists
    found = lists.entries(name)
    if not found:
        return f"There is nothing on {_title(name)}."
    count = counted(len(found), "thing", "things")
    return Said(
        sentence(f"{_title(name)} is empty now"),
        lambda: lists.remove([each.id for each in found]),
        f"Take everything off {_title(name)}, {count}?",
        asks=True,
    )


def _lists(known: Situation) -> str:
    names = known.household.lists.names()
    if not names:
        return "There is nothing on any list."
    return sentence(f"there is something on {joined([_title(each) for each in names])}")


def _name(known: Situation) -> str:
    return list_name(known.slots.get("list", "").strip())


def list_name(said: str) -> str:
    """The name under which a list is kept: "groceries" belong on "shopping"."""
    return _NAMES.get(said, said)


def _title(name: str) -> str:
    return f"your {name} list"


def _things(known: Situation) -> list[str]:
    written = as_written(known.slots.get("items", ""), known.words)
    return [to_you(each) for each in parted(_POLITE.sub("", written))]


def parted(text: str) -> list[str]:
    """The things in "milk, some eggs and bread"."""
    parts = (_MEASURE.sub("", each.strip()) for each in _AND.split(text))
    return [each for each in parts if each]


def _found(entries: Sequence[Entry], thing: str) -> list[Entry]:
    """Entries that are this, or else contain its words."""
    wanted = _singular(_MEASURE.sub("", thing))
    within = [each for each in entries if wanted and wanted <= _singular(said_words(each.text))]
    return _same(entries, thing) or within


def _same(entries: Sequence[Entry], thing: str) -> list[Entry]:
    """Entries that are this, in the singular or the plural."""
    wanted = _singular(_MEASURE.sub("", thing))
    return [each for each in entries if _singular(said_words(each.text)) == wanted]


def _singular(words: str) -> set[str]:
    return {word.removesuffix("s") for word in one_spelling(words).split()}


LISTS: Requests = {
    "add": _listed(_add), "two": _two, "buy": _buy, "noted": _noted, "needed": _needed,
    "need": _need, "brief": _listed(_brief), "read": _listed(_read), "any": _any,
    "has": _listed(_has),
    "off": _listed(_off), "clear": _listed(_clear), "names": _lists,
}  # fmt: skip
