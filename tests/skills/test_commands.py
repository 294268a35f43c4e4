"""The sentences that templates stand for."""

from __future__ import annotations

from io import StringIO

from hassil.intents import Intents

from assistant.skills.commands import MOST, commands
from assistant.skills.grammar import grammar

TEMPLATES = """
language: en
lists:
  length:
    values: [ten minutes, "an hour"]
  person:
    values: []
  anything:
    wildcard: true
expansion_rules:
  set: "(set|start)"
intents:
  timers.set:
    data:
      - sentences:
          - "<set> [a] timer for {length}"
          - "{anything} timer"
  notes.who:
    data:
      - sentences:
          - "who is {person}"
          - "({person};{length})"
"""


def intents(text: str = TEMPLATES) -> Intents:
    return Intents.from_yaml(StringIO(text))


def test_rules_optional_words_and_alternatives_are_spelled_out() -> None:
    found = {each.text for each in commands([intents()], {}).wordings}
    wanted = ("set timer for", "set a timer for", "start timer for", "start a timer for")
    assert found == {f"{each} {{length}}" for each in wanted}


def test_the_household_fills_lists_that_the_templates_leave_empty() -> None:
    known = commands([intents()], {"person": ["Peter", "Dr. Miller"], "length": ["1 minute"]})
    assert known.values["person"] == ["peter", "dr miller"]
    assert known.values["length"] == ["one minute", "ten minutes", "an hour"]
    found = {each.text for each in known.wordings if each.request == "notes.who"}
    assert found == {"who is {person}", "{person} {length}", "{length} {person}"}


def test_a_meaning_is_the_same_however_it_is_worded() -> None:
    known = commands([intents()], {"person": ["peter"]})
    one, other = (
        next(each for each in known.wordings if each.text == text)
        for text in ("{person} {length}", "{length} {person}")
    )
    assert one.filled(("peter", "an hour")) == (
        "peter an hour",
        ("notes.who", "an hour", "peter"),
    )
    assert other.filled(("an hour", "peter"))[1] == one.filled(("peter", "an hour"))[1]


def test_the_wordings_of_our_own_templates_are_understood_and_always_the_same() -> None:
    found = commands([grammar("requests").intents], {})
    again = commands([grammar("requests").intents], {})
    assert found == again
    assert len(found.wordings) > 1_000
    said = (
        each.filled([found.values[slot][0] for slot in each.slots])[0] for each in found.wordings
    )
    wrong = [text for text in said if not grammar("requests").request(text)]
    assert not wrong


def test_a_template_of_many_wordings_gives_few() -> None:
    many = "language: en\nintents:\n  a.b:\n    data:\n      - sentences:\n          - "
    many += '"(one|two|three|four) (one|two|three|four) (one|two|three|four)"\n'
    assert len(commands([intents(many)], {}).wordings) == MOST
