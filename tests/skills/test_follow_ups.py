"""What is only understood from what was said before."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import yaml

from tests.skills.conftest import Known

SCRIPTS = Path(__file__).parents[2] / "bench/conversation.yaml"


def test_follow_ups_to_a_skill_are_all_understood(known: Known) -> None:
    every = cast("list[list[Any]]", yaml.safe_load(SCRIPTS.read_text("utf-8")))
    scripts = [each for each in every if any(isinstance(t, dict) and "skill" in t for t in each)]
    assert len(scripts) >= 12
    wrong: list[tuple[str, str]] = []
    for script in scripts:
        household = known.desk.household
        household.agenda.cancel([each.id for each in household.agenda.items()])
        household.lists.remove([each.id for each in household.lists.entries()])
        household.notes.remove([each.id for each in household.notes.all()])
        known.desk = known.new_desk()
        for turn in script:
            said = turn if isinstance(turn, str) else turn["said"]
            reply = known.say(said) or ""
            if isinstance(turn, dict) and not re.search(turn["right"], reply.lower()):
                wrong.append((said, reply))
    assert not wrong


def test_it_means_what_was_spoken_of_for_a_minute(known: Known) -> None:
    known.say("set an egg timer for five minutes")
    known.say("set a pasta timer for nine minutes")
    assert known.say("pause it") == "The pasta timer is paused."
    known.wait(seconds=61)
    known.desk.monotonic = lambda: 1e9
    assert known.say("pause it") is None


def test_small_talk_about_it_does_nothing(known: Known) -> None:
    known.say("put jam on my shopping list")
    others = (
        "it is very sweet", "i like it", "my daughter makes it", "is it far", "and she likes it",
        "and my daughter came too", "and then we had tea",
    )  # fmt: skip
    for text in others:
        assert known.say(text) is None
    assert known.say("what is on it") == "There is one thing on your shopping list: jam."


def test_a_correction_does_the_same_with_something_else(known: Known) -> None:
    known.say("remind me tomorrow at nine to call peter")
    assert known.say("no make it ten") == (
        "I will remind you tomorrow at ten o'clock in the morning: call peter."
    )
    assert [each.name for each in known.desk.household.agenda.items()] == ["call peter"]
    assert known.say("i meant wednesday at four") == (
        "I will remind you on Wednesday, the second of December, at four o'clock in the afternoon: "
        "call peter."
    )
    assert len(known.desk.household.agenda.items()) == 1
    known.say("undo that")
    assert not known.desk.household.agenda.items()


def test_it_makes_no_sentence_one_about_medicine(known: Known) -> None:
    known.say("remind me at eight to take my pills")
    assert known.say("i like it") is None
    assert known.say("cancel it") == "I have taken that back."


def test_what_somebody_types_may_hold_any_character(known: Known) -> None:
    for strange in ("{}", "{x}", "\\d\\g<1>", "50% {"):
        known.say(f"remember that the {strange} thing is in the hall")
        known.say("where is it")
        known.say(f"remind me tomorrow at nine to buy {strange}")
        assert known.say("no make it ten") is not None
        known.say(f"put bread {strange} on my shopping list")
        known.say("and butter")
        assert "butter" in (known.say("what is on it") or "")
