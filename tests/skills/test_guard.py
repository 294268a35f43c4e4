from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from assistant.skills.clock import CLOCK
from assistant.skills.guard import RULES, checked, guarded
from tests.skills.conftest import Known, told

LIES = """
It is eleven o'clock in the morning.
It's half past three.
The time is twenty-five to nine in the evening.
It is noon.
Seven minutes past two in the afternoon.
It is 3:30.
It is 14:05.
The time is 14:30.
It's 2:05 p.m.
Today is Friday.
Today is Nov. 30.
Today is 2026-11-30.
Today is 11/30/2026.
It is Saturday, the first of June.
Tomorrow is Tuesday.
It is the year nineteen fifty.
The date is the fourth of May.
There is nothing on your list.
You have two things to do.
Your reminders are to call Anna.
Take the yellow tablet.
You should take two pills now.
Your name is Oly.
I have set a timer for ten minutes.
I will call your daughter.
I've turned on the light.
I will remind you at six.
The alarm is set.
An ambulance is on its way.
I'm going to send a message to Peter.
Please tell someone you trust that it did not happen.
""".strip().splitlines()

TRUE = """
I am sorry to hear that. I am here with you.
It is good to see you.
That sounds lovely.
One moment at a time.
It is good for the heart.
I cannot set reminders by voice.
I cannot call anyone.
I do not know what the weather is.
Tell me about your sister.
You can write it on your list.
May you sleep well tonight.
Two sugars, please.
It is ten years ago.
March winds are cold.
The second of them was the best.
You have a good memory.
I will listen.
I can keep you company.
Paris is the capital of France.
What did you do today?
""".strip().splitlines()


@pytest.mark.parametrize("sentence", LIES)
def test_what_only_the_device_knows_or_does_is_not_said(sentence: str) -> None:
    assert checked(sentence) in {rule.instead for rule in RULES}


@pytest.mark.parametrize("sentence", TRUE)
def test_other_talk_passes(sentence: str) -> None:
    assert checked(sentence) == sentence


def test_no_time_and_no_date_passes(known: Known) -> None:
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    for step in range(1_500):
        situation = known.at(moment + timedelta(minutes=461 * step))
        for request in ("time", "date", "weekday", "tomorrow", "yesterday", "year"):
            said = told(CLOCK[request](situation))
            assert checked(said) != said, said


def test_one_lie_after_another_is_answered_once_and_the_rest_stays() -> None:
    reply = ["Hello there. ", "It is noon. ", "It is midnight. ", "How are you?"]
    assert list(guarded(iter(reply))) == [
        "Hello there. ",
        "Ask me what time it is, and I will tell you.",
        "How are you?",
    ]


def test_no_replacement_is_itself_replaced() -> None:
    for rule in RULES:
        assert checked(rule.instead) == rule.instead
