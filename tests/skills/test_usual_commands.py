"""Usual values of slots."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest
from hassil.intents import Intents

from assistant.skills.candidates import near
from assistant.skills.usual_commands import days, durations, numbers, times, usual_commands
from assistant.spoken import said_words


@pytest.mark.parametrize("values", [days, durations, numbers, times])
def test_they_are_said_as_a_transcript_is_compared_and_none_twice(
    values: Callable[[], list[str]],
) -> None:
    found = values()
    assert found == [said_words(each) for each in found]
    assert len(found) == len(set(found))


def test_what_is_asked_for_most_is_among_them() -> None:
    assert {"ten minutes", "one minute", "an hour and a half", "thirty seconds"} < set(durations())
    assert {"noon", "midnight", "half past seven", "seven o'clock", "twenty five to nine"} < set(
        times()
    )
    assert {"eight o'clock in the morning", "eight in the evening"} < set(times())
    assert {"sunday", "tomorrow", "next friday"} < set(days())
    assert {"zero", "thirty", "ninety five"} < set(numbers())
    assert "one minutes" not in durations()


def test_usual_commands_hold_the_templates_and_what_the_household_has() -> None:
    templates = Intents.from_yaml(
        StringIO("language: en\nintents:\n  a.b:\n    data:\n      - sentences: [good morning]\n")
    )
    known = usual_commands([templates], {"person": ["Aurelia"], "duration": ["Seven weeks"]})
    texts = {each.text for each in known.wordings}
    assert {"good morning", "set a timer for {duration}", "who is {person}"} <= texts
    assert known.values["person"][0] == "aurelia"
    assert {"seven weeks", "ten minutes"} < set(known.values["duration"])


def test_unclear_words_are_found_among_them() -> None:
    known = usual_commands([], {"task": ["water the orchids"]})
    for heard, said in (
        ("said a time for forty five menace", "set a timer for forty five minutes"),
        ("remain me to water the orkids tomorrow", "remind me to water the orchids tomorrow"),
        ("put mill on my shopping lust", "put milk on my shopping list"),
        ("wake me at half past sex", "wake me at half past six"),
    ):
        assert said in [each.text for each in near([heard], known)]


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("what is four plus five tea", "what is four plus fifteen"),
        (
            "remind me someday at noon to take out the pins",
            "remind me sunday at noon to take out the bins",
        ),
        (
            "remind me to take out the vision for seven minutes",
            "remind me to take out the bins in forty minutes",
        ),
    ],
)
def test_the_whole_sentence_shows_which_value_was_meant(heard: str, said: str) -> None:
    """Alone, other times and numbers are as like what was heard."""
    assert said in [each.text for each in near([heard], usual_commands([], {}))]


@pytest.mark.parametrize(
    "said",
    [
        "add up eleven and sixteen", "how much is eight plus eleven", "is it june",
        "start an alarm for two hours", "set a tea timer for an hour",
    ],
)  # fmt: skip
def test_sums_months_and_lengths_of_alarms_are_among_them(said: str) -> None:
    assert near([said], usual_commands([], {}))[0].text == said
