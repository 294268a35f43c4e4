"""How well the skills know what is asked, and how much small talk they take for a request.

What the recipe's dialogues and CLINC's held-out part have people say, and the phrasings of
Microsoft's chit-chat, go through the templates of ``assistant/skills/sentences``.

    python -m bench.skills --data PATH
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from assistant.household.household import Household
from assistant.journal.store import Journal
from assistant.skills.desk import Desk
from models.recipe.dialogues import exchanges

ASKED: Mapping[str, Mapping[str, str]] = {
    "recipe": {
        "time": "clock", "date": "clock", "date_and_time": "clock", "weekday": "clock",
        "tomorrow": "clock", "yesterday": "clock", "year": "clock", "month": "clock",
        "part_of_day": "clock", "weekend": "clock", "reminders": "reminders",
        "pills": "reminders", "my_name": "person", "repeat": "talk", "who_are_you": "talk",
        "are_you_real": "talk", "what_can_you_do": "talk", "slower": "talk", "louder": "talk",
        "sum": "sums", "alarm": "alarms timers",
        "lost_thing": "notes", "help": "help", "fallen": "help",
        "how_are_you": "itself", "meaning_of_life": "itself", "your_age": "itself",
        "you_annoy": "itself", "love_you": "itself", "who_made_you": "itself",
        "your_life": "itself", "call_name": "itself", "call_person": "itself help",
        "chest_pain": "help", "fire": "help", "death_wish": "help", "intruder": "help",
    },
    "clinc": {
        "time": "clock", "date": "clock", "todo_list": "reminders lists", "reminder": "reminders",
        "todo_list_update": "lists", "shopping_list": "lists", "shopping_list_update": "lists",
        "timer": "timers", "alarm": "alarms", "reminder_update": "reminders",
        "calculator": "sums", "measurement_conversion": "sums", "change_speed": "talk",
        "change_volume": "talk", "user_name": "person", "repeat": "talk",
        "what_is_your_name": "talk", "how_old_are_you": "itself", "where_are_you_from": "itself",
        "who_made_you": "itself", "do_you_have_pets": "itself", "what_are_your_hobbies": "itself",
        "make_call": "itself help", "text": "itself",
        "are_you_a_bot": "talk", "what_can_i_ask_you": "talk",
    },
}  # fmt: skip
"""Which skills an intent of each collection belongs to; all others belong to the language model."""

TALK = 2_000
"""Sentences of small talk that are looked at for acts."""

DRAWN = 20_000
"""Exchanges that the recipe's dialogues are asked for."""


@dataclass(frozen=True, slots=True)
class Row:
    """One skill on one collection, or what is none of theirs."""

    collection: str
    skill: str
    sentences: int
    right: float  # per cent
    other_skill: float  # per cent that another skill would have answered


def sentences(data: Path | None) -> dict[str, dict[str, list[str]]]:
    """Different sentences of every intent, by collection."""
    recipe: defaultdict[str, set[str]] = defaultdict(set)
    for each in islice(exchanges(random.Random(3)), DRAWN):  # noqa: S311 - reproducible, not secret
        recipe[each.intent].add(each.user)
    found = {"recipe": {intent: sorted(said) for intent, said in recipe.items()}}
    if data is not None:
        clinc: defaultdict[str, list[str]] = defaultdict(list)
        whole = json.loads((data / "text/clinc/data_full.json").read_text(encoding="utf-8"))
        for text, intent in (*whole["test"], *whole["oos_test"]):
            clinc[intent].append(text)
        found["clinc"] = dict(clinc)
    return found


def skill_of(desk: Desk, text: str) -> str:
    """The skill that answers; "none": the language model."""
    if desk.urgent(text) is not None:
        return "help"
    found = desk.recognised(text)
    return "none" if found is None else found[0].name.partition(".")[0]


def acts(desk: Desk, text: str) -> bool:
    """Whether something would be done."""
    found = desk.recognised(text)
    return found is not None and found[1].act is not None


def rows(desk: Desk, collection: str, intents: Mapping[str, Sequence[str]]) -> list[Row]:
    """Figures of one collection."""
    of_skill: defaultdict[str, list[str]] = defaultdict(list)
    for intent, said in intents.items():
        skill, *others = ASKED[collection].get(intent, "none").split()
        found = (skill_of(desk, text) for text in said)
        of_skill[skill] += [skill if each in others else each for each in found]
    return [
        Row(
            collection,
            skill,
            len(found),
            round(100 * found.count(skill) / len(found), 1),
            round(100 * sum(each not in (skill, "none") for each in found) / len(found), 2),
        )
        for skill, found in sorted(of_skill.items())
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of public texts")
    arguments = parser.parse_args()
    every = sentences(arguments.data)
    with TemporaryDirectory() as folder, Journal(Path(folder) / "journal.db") as journal:
        desk = Desk(Household.of(journal))
        desk.load()
        began = time.process_time()
        found = [row for name, intents in every.items() for row in rows(desk, name, intents)]
        count = sum(row.sentences for row in found)
        ms = (time.process_time() - began) * 1_000 / count
        talk = [
            text
            for name, intents in every.items()
            for intent, said in intents.items()
            if ASKED[name].get(intent, "none") == "none"
            for text in said
        ]
        talk = random.Random(5).sample(talk, min(TALK, len(talk)))  # noqa: S311 - reproducible
        done = [text for text in talk if acts(desk, text)]
    print(f"{'collection':<12}{'skill':<12}{'sentences':>10}{'right %':>10}{'another skill %':>17}")
    for row in found:
        print(
            f"{row.collection:<12}{row.skill:<12}{row.sentences:>10}{row.right:>10}"
            f"{row.other_skill:>17}"
        )
    print(
        f"{ms:.1f} ms of CPU a sentence; of {len(talk)} of small talk {len(done)} taken for an act:"
    )
    for text in done:
        print(f"  {text}")
    figures = {"ms": round(ms, 2), "talk": len(talk), "taken": len(done)}
    print(json.dumps(figures | {"rows": [asdict(row) for row in found]}))


if __name__ == "__main__":
    main()
