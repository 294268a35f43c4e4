"""The conversations that the adapter learns, and those it is judged on."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias, cast

import yaml

from assistant.config import INSTRUCTION
from assistant.skills.guard import guarded
from assistant.speak.sentences import sentences
from models.recipe.adapter.prompt import Conversation, Turn
from models.recipe.dialogues import enrich, exchanges, held_out
from models.recipe.dialogues.grammar import sentence, turned

Said: TypeAlias = tuple[tuple[str, str], ...]
"""What was said and answered, one pair for each turn."""

SKILLS_OWN = frozenset(
    "time date date_and_time weekday tomorrow yesterday year month part_of_day weekend season "
    "reminders pills my_name repeat who_are_you are_you_real what_can_you_do help fallen "
    "chest_pain fire death_wish intruder alarm remind_me louder slower sum appointment".split()
)
"""Intents that code answers, so that the model need not learn them."""

SLOT_ECHOES = frozenset(
    "activity animal_question animals colour dislikes_food feels_good feels_low general_knowledge "
    "lost_thing outing pain plants relatives taste town_question trivia unclear where_is_furniture "
    "season_liked call_name clothes room".split()
)
"""Intents with replies that fit loosely, which a model that writes its own would copy."""

_INSTRUCTIONS = (
    INSTRUCTION,
    INSTRUCTION,
    INSTRUCTION,
    INSTRUCTION,
    "You are Attune. Answer kindly and in few words.",
    "You are a patient companion at home. Speak plainly.",
)


@dataclass(frozen=True, slots=True)
class Shares:
    """How many times, or how many, of each kind."""

    talk: int = 2  # tenths of the values of a slot, each with every phrasing
    facts: int = 2
    scripts: int = 2
    recipe: int = 150
    collected: int = 100


def conversations(
    rng: random.Random, shares: Shares, data: Path | None
) -> tuple[list[Conversation], list[Conversation]]:
    """To learn, and held out by the hash of what is said first; in random order."""
    learned: list[Said] = []
    kept: list[Said] = []
    for said in _all(rng, shares, data):
        (kept if held_out(said[0][0]) else learned).append(said)
    rng.shuffle(learned)
    joined = list(_joined(learned, rng))
    return [_told(said, rng) for said in joined], [_told(said, rng) for said in kept]


def _all(rng: random.Random, shares: Shares, data: Path | None) -> Iterator[Said]:
    for group in _read("talk.yaml"):
        yield from _talk(group, rng, shares.talk)
    for name, times in (("remarks", 1), ("questions", 1), ("hard", 1), ("scripts", shares.scripts)):
        for line in cast("list[str]", _read(f"{name}.yaml")):
            turns = line.split(" | ")
            yield from [tuple(zip(turns[::2], turns[1::2], strict=True))] * times
    for question, answer in cast("dict[str, str]", _read("facts.yaml")).items():
        for _ in range(shares.facts):
            yield ((question, answer),)
    unfit = SKILLS_OWN | SLOT_ECHOES
    fitting = (
        (each.user, each.reply)
        for each in exchanges(rng)
        if each.intent not in unfit and _may_be_said(each.reply)
    )
    yield from ((pair,) for pair in islice(fitting, shares.recipe))
    if data is not None:
        found = [
            (user, reply)
            for user, reply, intent in enrich(data)
            if intent not in unfit and _may_be_said(reply)
        ]
        yield from ((pair,) for pair in rng.sample(found, min(shares.collected, len(found))))


def _may_be_said(reply: str) -> bool:
    """Whether the guard lets a reply pass."""
    return list(guarded(sentences([reply]))) == list(sentences([reply]))


def _talk(group: dict[str, Any], rng: random.Random, share: int) -> Iterator[Said]:
    """Everything that can be said in a group, each with one of the replies."""
    values = str(group.get("x", "")).split(" | ")
    replies = _texts(group["reply"])
    follow = group.get("then", [])
    for user in _texts(group["said"]):
        drawn = values if "<x>" in user else values[:1]
        for value in rng.sample(drawn, max(1, len(drawn) * share // 10)):
            turns = [(user, rng.choice(replies))]
            if follow and rng.random() < 0.7:
                after = rng.choice(follow)
                turns.append(
                    (rng.choice(_texts(after["said"])), rng.choice(_texts(after["reply"])))
                )
            yield tuple(
                (asked.replace("<x>", value), sentence(reply.replace("<x>", turned(value))))
                for asked, reply in turns
            )


def _joined(every: Sequence[Said], rng: random.Random) -> Iterator[Said]:
    """Some conversations end here, in some the person goes on to something else."""
    waiting: Said = ()
    for said in every:
        waiting += said
        if len(waiting) >= 4 or rng.random() < 0.2:
            yield waiting
            waiting = ()
    if waiting:
        yield waiting


def _told(said: Said, rng: random.Random) -> Conversation:
    """A conversation, as recognisers or as people write it; small models get no context line."""
    as_heard = rng.random() < 0.5
    turns = (Turn("", user if as_heard else written(user), reply) for user, reply in said)
    return Conversation(rng.choice(_INSTRUCTIONS), tuple(turns))


def written(words: str) -> str:
    """Words as Whisper writes them: a capital, a stop or a question mark at the end."""
    every = [
        "I" + word[1:] if word == "i" or word.startswith("i'") else word for word in words.split()
    ]
    asks = every[0].lower() in _ASKING
    text = " ".join(every)
    return text[:1].upper() + text[1:] + ("?" if asks else ".")


_ASKING = frozenset(
    "what what's who who's where where's when why how which is are am do does did can could will "
    "would shall should may have has".split()
)


def _texts(value: str | list[str]) -> list[str]:
    return value.split(" | ") if isinstance(value, str) else value


def _read(name: str) -> Any:
    return yaml.safe_load(Path(__file__).with_name(name).read_text(encoding="utf-8"))
