"""The desk: templates and functions belong together, and others can add to them."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from assistant.errors import ConfigError
from assistant.skills.desk import SKILLS, installed
from assistant.skills.wording import as_written, to_you
from assistant.spoken import said_words
from tests.skills.conftest import Known

UNDONE = {"talk.speak_for_me", "talk.undo", "talk.wrong"}
"""Answered by the desk itself."""


def templates(name: str) -> dict[str, Any]:
    text = files("assistant.skills").joinpath("sentences", f"en.{name}.yaml").read_text("utf-8")
    return yaml.safe_load(text)


def test_every_request_has_a_function_and_every_function_a_request() -> None:
    names = ("requests", "distress", "home")
    asked = {each for name in names for each in templates(name)["intents"]}
    answered = {f"{noun}.{name}" for noun, skill in SKILLS.items() for name in skill}
    assert asked - UNDONE == answered


@pytest.mark.parametrize("name", ["requests", "distress", "home"])
def test_every_slot_and_rule_of_the_templates_is_defined_and_used(name: str) -> None:
    found = templates(name)
    sentences = [
        sentence
        for intent in found["intents"].values()
        for data in intent["data"]
        for sentence in data["sentences"]
    ]
    rules = list(found["expansion_rules"].values())
    text = "\n".join([*sentences, *rules])
    slots = {each.split(":")[0] for each in re.findall(r"\{([^}]+)\}", text)}
    assert slots <= set(found["lists"])
    assert set(re.findall(r"<([^>]+)>", text)) <= set(found["expansion_rules"])


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "own.yaml"


def test_a_household_has_its_own_words(own: Path, known: Known) -> None:
    own.write_text('clock.time:\n  - "how late be it"\nlists.add:\n  - "jot down {items}"\n')
    assert known.desk.answer("how late be it") is None
    known.desk = known.new_desk(sentences=own)
    known.desk.load()
    assert known.say("How late be it?") == "It is half past three in the afternoon."
    assert known.say("jot down soap") == "Soap is on your shopping list."
    assert known.say("what time is it") == "It is half past three in the afternoon."


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("clock.tiem:\n  - what hour\n", "no such request. Use one of: .*clock.time"),
        ("clock.time: [", "cannot be used"),
        ("- what hour\n", "expected lines such as 'clock.time:'"),
        ("clock.time: what hour\n", "needs a list of sentences"),
        ("clock.time:\n  - (what hour\n", "cannot be used"),
        ("clock.time:\n  - '{nothing}'\n", "cannot be used"),
        ("clock.time:\n  - '<nothing> hour'\n", "cannot be used"),
        ("", "expected lines"),
    ],
)
def test_what_is_wrong_with_a_household_s_words_is_said_in_one_sentence(
    text: str, why: str, own: Path, known: Known
) -> None:
    own.write_text(text)
    known.desk = known.new_desk(sentences=own)
    with pytest.raises(ConfigError, match=why) as caught:
        known.desk.load()
    assert str(own) in str(caught.value)


def test_a_missing_file_of_words_is_said(own: Path, known: Known) -> None:
    known.desk = known.new_desk(sentences=own)
    with pytest.raises(ConfigError, match="cannot be used"):
        known.desk.load()


def test_other_packages_add_skills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: Known
) -> None:
    info = tmp_path / "weather-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: weather\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[attune.skills]\nweather = weather_skill:answer\n")
    (tmp_path / "weather_skill.py").write_text(
        "def answer(known):\n"
        "    if 'weather' in known.words:\n"
        "        return f'It is dry at {known.now:%H}.'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    installed.cache_clear()
    try:
        known.desk = known.new_desk(others=installed())
    finally:
        installed.cache_clear()
    assert known.say("how is the weather") == "It is dry at 15."
    assert known.say("i like the sea") is None
    assert known.say("what time is it") == "It is half past three in the afternoon."


def test_an_act_that_cannot_be_kept_is_not_claimed(known: Known) -> None:
    said = known.said("set a timer for ten minutes")
    known.journal.database.conn.execute("PRAGMA query_only = ON")
    assert known.desk.commit(said).startswith("I could not do that, because I cannot write")
    assert not known.desk.may_undo()


WRITTEN = (
    "O'Brien", "Mrs. Smith", "Jos\u00e9", "Dr. d'Arcy", "Nguy\u1ec5n", "\u0141ukasz", "Mary-Jane",
    "2 kg of potatoes", "St. John's", "caf\u00e9 au lait", "the 5:30 bus",
)  # fmt: skip


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("around", ["{}", "Please add {} to my list!", "add milk, {} and tea"])
def test_words_are_found_as_they_were_written(written: str, around: str) -> None:
    assert as_written(said_words(written), around.format(written)) == written.strip(" .")


def test_words_that_are_not_there_stay_as_they_are() -> None:
    assert as_written("call peter", "ring Anna") == "call peter"
    assert as_written("", "ring Anna") == ""


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("take my pills", "take your pills"),
        ("I'm tired and I've lost mine", "you're tired and you've lost yours"),
        ("call Amy, myself", "call Amy, yourself"),
        ("the blue pill is in my hand", "the blue pill is in your hand"),
    ],
)
def test_what_was_said_of_oneself_is_said_to_the_user(said: str, told: str) -> None:
    assert to_you(said) == told
    assert to_you(told) == told
