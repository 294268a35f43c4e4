"""The templates, on what the recipe's dialogues have people say."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import islice

import pytest

from assistant.skills.grammar import grammar
from models.recipe.dialogues import exchanges
from tests.skills.conftest import Known

REQUESTS = (
    "time", "date", "date_and_time", "weekday", "tomorrow", "yesterday", "year", "month",
    "part_of_day", "weekend", "reminders", "my_name", "pills", "repeat", "who_are_you",
    "are_you_real", "what_can_you_do",
)  # fmt: skip
CALLS = ("help", "fallen", "chest_pain", "fire", "death_wish", "intruder")
BETWEEN = {
    *REQUESTS, *CALLS,
    "bedtime", "mealtime", "medicine_asked", "call_person", "not_understood", "sorry", "machine",
    "chores", "appointment", "louder", "call_name", "hear_me", "your_life", "pain", "ailment",
    "opening", "stop", "remind_me", "activity", "feels_low", "sleep", "slower", "sum", "alarm",
    "lost_thing", "where_is_person", "forgets", "clothes", "how_are_you", "meaning_of_life",
    "your_age", "you_annoy", "love_you", "who_made_you", "likes_food", "deed", "music",
}  # fmt: skip
"""What may rightly be taken for a request: or for none."""


@pytest.fixture(scope="module")
def said() -> dict[str, list[str]]:
    """Different sentences of every intent."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for each in islice(exchanges(random.Random(3)), 12_000):
        found[each.intent].add(each.user)
    return {intent: sorted(sentences) for intent, sentences in found.items()}


def test_what_people_ask_is_understood(said: dict[str, list[str]]) -> None:
    missed = [s for i in REQUESTS for s in said[i] if grammar("requests").request(s) is None]
    assert len(missed) <= 0.03 * sum(len(said[i]) for i in REQUESTS), missed


def test_calls_for_help_are_understood(said: dict[str, list[str]]) -> None:
    missed = [s for i in CALLS for s in said[i] if grammar("distress").request(s) is None]
    assert len(missed) <= 0.03 * sum(len(said[i]) for i in CALLS), missed


def test_small_talk_is_left_to_the_language_model(said: dict[str, list[str]], known: Known) -> None:
    talk = [s for intent, sentences in said.items() if intent not in BETWEEN for s in sentences]
    talk = random.Random(4).sample(talk, 2_000)
    taken = [
        s for s in talk if known.desk.urgent(s) is not None or known.desk.answer(s) is not None
    ]
    hard = [s for s in taken if (r := known.desk.recognised(s)) and r[0].name.startswith("care.")]
    assert len(hard) <= 0.02 * len(talk), hard
    taken = [s for s in taken if s not in hard]
    assert len(taken) <= 0.01 * len(talk), taken
    answers = [(s, known.desk.answer(s)) for s in taken]
    acts = [s for s, said in answers if said is not None and said.act is not None]
    assert len(acts) <= 0.001 * len(talk), acts


def test_long_talk_costs_no_time() -> None:
    assert grammar("requests").request("and then " * 5_000) is None
    assert grammar("requests").request("") is None
