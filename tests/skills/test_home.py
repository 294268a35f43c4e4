"""What the home is asked for: which words are, what is asked back, and what is said afterwards."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import get_args

import pytest

from assistant.errors import ConfigError
from assistant.household.household import Household
from assistant.household.smart_home import HomeAnswer, Outcome, SmartHome
from assistant.skills.desk import Desk
from assistant.skills.skill import Said
from tests.skills.conftest import Known

STOPPED = threading.Event()

ACTS = """
turn on the kitchen light
Turn off the light in the bedroom, please.
switch the lights off
could you turn the heating up a bit in here
lights off
kitchen lights on
set the thermostat to twenty one degrees
turn the bedroom heating down to eighteen
make it warmer in the bedroom
make the room a bit cooler
close the blinds
um open the curtains in the living room
draw the curtains
lower the shutters
dim the living room lights to thirty percent
lock the front door
shut the garage
turn the telly off
turn off the oven
start the vacuum cleaner
activate the evening scene
turn off everything in the kitchen
""".strip().splitlines()

RISKY = """
unlock the front door
open the garage door
open the gate please
turn on the oven
switch the iron on
preheat the oven to two hundred degrees
""".strip().splitlines()

QUESTIONS = """
is the front door locked
are the lights on in the kitchen
is the kitchen window open
did I leave the oven on
did I lock the back door
is the heating still on
which windows are open
are any windows open
how warm is it in the bedroom
what is the temperature in the living room
""".strip().splitlines()

OTHERS = """
what time is it
turn off the timer
turn it up
i turned on the light yesterday and it was lovely
my daughter always turns on the wrong light when she comes
the light of my life
open the letter and read it to me
i like the kitchen
is my daughter coming today
close your eyes
tell me a story about a lighthouse
what is a thermostat
remind me to lock the door at ten
""".strip().splitlines()


@pytest.fixture
def home(known: Known) -> SmartHome:
    """One that the desk knows of."""
    smart_home = SmartHome()
    known.desk = Desk(Household.of(known.journal, look=known.look, smart_home=smart_home))
    return smart_home


def asked(known: Known, words: str) -> Said | None:
    said = known.desk.answer(words)
    return said if said is not None and said.text == "" else None


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("words", ACTS)
def test_an_act_is_for_the_home_and_asked_back_if_it_was_not_clear(
    words: str, known: Known
) -> None:
    said = asked(known, words)
    assert said is not None
    assert said.question is not None
    assert not said.asks


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("words", RISKY)
def test_what_lets_somebody_in_or_gets_hot_is_always_asked_back(words: str, known: Known) -> None:
    said = asked(known, words)
    assert said is not None
    assert said.asks
    assert str(said.question).startswith('Shall I tell your home "')


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("words", QUESTIONS)
def test_a_question_changes_nothing_and_is_passed_on(words: str, known: Known) -> None:
    said = asked(known, words)
    assert said is not None
    assert said.question is None


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("words", OTHERS)
def test_other_talk_is_not_for_the_home(words: str, known: Known) -> None:
    assert asked(known, words) is None


@pytest.mark.parametrize("words", [*ACTS, *RISKY, *QUESTIONS, *OTHERS])
def test_without_a_home_nothing_of_it_is_there(words: str, known: Known) -> None:
    assert asked(known, words) is None


def test_what_is_passed_on_has_no_politeness_in_it(home: SmartHome, known: Known) -> None:
    for words in ("Could you please turn on the kitchen light for me?", "um, turn on, uh, the TV"):
        known.say(words)
        request = home.take(0)
        assert request is not None
        assert request.words in ("turn on the kitchen light", "turn on the tv")


def test_it_is_what_was_switched_last(home: SmartHome, known: Known) -> None:
    known.say("turn on the kitchen light")
    assert home.take(0)
    known.say("turn it off")
    request = home.take(0)
    assert request is not None
    assert request.words == "turn the kitchen light off"


def test_nothing_is_asked_before_it_is_meant(home: SmartHome, known: Known) -> None:
    said = asked(known, "turn on the kitchen light")
    assert said is not None
    assert home.take(0) is None
    assert known.desk.commit(said) == ""
    assert home.take(0) is not None


def test_an_act_at_home_cannot_be_taken_back_nor_is_another_in_its_place(
    home: SmartHome, known: Known
) -> None:
    assert known.say("put milk on the shopping list") == "Milk is on your shopping list."
    known.say("turn on the kitchen light")
    assert home.take(0)
    assert not known.desk.may_undo()
    assert [each.text for each in known.desk.household.lists.entries()] == ["milk"]


def told(known: Known, home: SmartHome, words: str, answer: HomeAnswer) -> str:
    """What is said of an answer."""
    said = asked(known, words)
    assert said is not None
    assert said.then is not None
    known.desk.commit(said)
    request = home.take(0)
    assert request is not None
    home.answered(request.number, answer)
    return said.then(STOPPED)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (HomeAnswer("done", "turned on the light"), "Turned on the light."),
        (HomeAnswer("done"), "It is done."),
        (
            HomeAnswer("partly", "Turned on two lights"),
            "Only some of it worked. Turned on two lights.",
        ),
        (HomeAnswer("told", "I have done it."), "Your home says: I have done it."),
        (
            HomeAnswer("told"),
            "Your home has heard it, but did not say whether anything was done.",
        ),
        (HomeAnswer("answered", "It is on"), "Your home says: It is on."),
        (
            HomeAnswer("not_understood", "Sorry"),
            "Your home did not understand that, so nothing was done.",
        ),
        (HomeAnswer("not_there", "No lamp"), "Your home does not know that, so nothing was done."),
        (
            HomeAnswer("failed", "I did it"),
            "That did not work. Please look whether anything has changed.",
        ),
        (
            HomeAnswer("refused"),
            "Your home does not let me in, so nothing was done. Somebody should look at that.",
        ),
        (
            HomeAnswer("unreachable"),
            "I cannot reach your home at the moment, so nothing was done.",
        ),
        (
            HomeAnswer("unknown"),
            "Your home did not answer in time, so I do not know whether that was done.",
        ),
    ],
)
def test_no_act_is_claimed_that_was_not_confirmed(
    answer: HomeAnswer, said: str, home: SmartHome, known: Known
) -> None:
    assert told(known, home, "turn on the kitchen light", answer) == said


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_after_a_question_nothing_is_said_of_acts(
    outcome: Outcome, home: SmartHome, known: Known
) -> None:
    for speech in ("", "The front door is locked"):
        said = told(known, home, "is the front door locked", HomeAnswer(outcome, speech))
        if outcome == "answered" and speech:
            assert said == "The front door is locked."
        elif speech and outcome in ("done", "told"):
            assert said == "Your home says: The front door is locked."
        elif outcome not in ("done", "partly", "told"):
            assert "done" not in said
            assert "locked" not in said


def test_a_household_adds_its_own_words(home: SmartHome, known: Known, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text('home.act:\n  - "film night"\nclock.time:\n  - "how late be it"\n')
    household = Household.of(known.journal, look=known.look, smart_home=home)
    known.desk = Desk(household, sentences=own)
    known.desk.load()
    assert asked(known, "film night") is not None
    assert known.ask("how late be it") == "It is half past three in the afternoon."
    own.write_text('home.dance:\n  - "dance"\n')
    with pytest.raises(ConfigError, match=r"no such request. Use one of: .*home\.act"):
        Desk(household, sentences=other(own)).load()


def other(path: Path) -> Path:
    """The same file under a name that nobody has read yet."""
    copy = path.with_name("other.yaml")
    copy.write_text(path.read_text())
    return copy
