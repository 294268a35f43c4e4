from __future__ import annotations

import pytest

from tests.skills.conftest import Known

CALLS = """
help
help me please
Help! Help me!
i need help now
i have fallen
I've fallen and I can't get up.
i fell down the stairs
i slipped and fell in the bathroom
i'm lying on the floor
i think i broke my hip
i can't get up on my own
i can't breathe
oh dear i cannot breathe properly
my chest hurts
i have terrible chest pain
there's a pain in my left arm
i think i'm having a heart attack
my heart is racing and i feel faint
my husband is not breathing
my wife is unconscious
half of my face is numb
i'm bleeding a lot
i took too many pills
there is smoke in the kitchen
something is burning
i smell gas
the curtains caught fire
i want to die
i don't want to live any more
i wish i were dead
i'm going to kill myself
nobody would notice if i was gone
life is not worth living
i can't go on like this
call an ambulance
please call the doctor now
i need a doctor
somebody is in my room
there is somebody downstairs
a stranger at the door wants to come in
it's an emergency
i do not feel right at all
can anybody help me
""".strip().splitlines()

NONE = """
good morning
i fell in love with my husband at a dance
i fell asleep in front of the television
i have fallen behind with my letters
the price of bread has fallen
can you help me find my glasses
this film is breathtaking
my heart goes out to her
i have a heart of gold
the cake is burning hot
i could die for a cup of tea
i am dying to see the garden
my son is a doctor
the doctor said i am well
call me anna
the plant is dead
i want to live by the sea
the fire in the stove is lovely
there is a man on the television
somebody called yesterday
i feel a little lonely
i am tired
it is not worth the money
he broke my heart
""".strip().splitlines()


@pytest.mark.parametrize("words", CALLS)
def test_a_call_for_help_is_answered_plainly(words: str, known: Known) -> None:
    told = known.urgent(words)
    assert told is not None
    assert "I cannot call anyone." in told


@pytest.mark.parametrize("words", NONE)
def test_other_talk_is_no_call_for_help(words: str, known: Known) -> None:
    assert known.urgent(words) is None


def test_who_wants_to_die_is_met_with_sympathy_first(known: Known) -> None:
    assert (known.urgent("i want to die") or "").startswith("I am sorry")


def test_a_fall_of_long_ago_is_a_story_unless_something_is_wrong_now(known: Known) -> None:
    assert known.urgent("i fell in the river when i was six and i fell") is None
    assert known.urgent("years ago i had a fall on the stairs") is None
    assert known.urgent("i had a fall years ago and now i fell again") is not None
    assert known.urgent("i had a fall on the stairs") is not None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("can i take another sleeping pill", "medical advice"),
        ("i think i took my heart pills twice", "emergency number"),
        ("how many painkillers can i have in a day", "medical advice"),
        ("everything is blurred in my left eye", "call your doctor"),
        ("i have a bad cough and a fever", "call your doctor"),
        ("there is a stranger knocking at my door", "Keep the door locked"),
        ("a man says he must check my pipes", "Keep the door locked"),
        ("somebody on the phone wants my bank card", "give nobody money"),
    ],
)
def test_medicine_illness_and_strangers_get_fixed_advice(
    words: str, told: str, known: Known
) -> None:
    assert told in (known.urgent(words) or known.ask(words) or "")


def test_where_the_pills_are_and_when_they_are_due_is_known_better(known: Known) -> None:
    assert "remind you every day" in (known.say("every morning at eight take the blue pill") or "")
    assert "take the blue pill" in (known.say("when do i take my pills") or "")
    assert known.say("what do i have to do tomorrow") == (
        "There is one thing on your list tomorrow: eight o'clock in the morning: take the blue "
        "pill."
    )
