"""What people ask Attune about itself, and ask of it that it cannot do."""

from __future__ import annotations

import pytest

from tests.skills.conftest import Known


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("i want to know how you are doing", "how_are_you"),
        ("are you ever lonely", "feelings"),
        ("please tell me your age", "age"),
        ("how old will you be", "age"),
        ("where did you grow up", "origin"),
        ("please where are you from", "origin"),
        ("who programmed you", "maker"),
        ("do you have children or grandchildren", "family"),
        ("which pets do you have", "pets"),
        ("do you like cats or dogs more", "pets"),
        ("what do you do all day long", "hobbies"),
        ("what's your favourite colour", "likes"),
        ("do you like blackcurrants", "likes"),
        ("what is your opinion of artificial intelligence", "opinion"),
        ("ah why are we alive", "opinion"),
        ("do you ever sleep", "body"),
        ("look what i made", "senses"),
        ("how do i look today", "looks"),
        ("will you marry me", "love"),
        ("you're very clever", "praise"),
        ("that's not the answer i wanted to hear", "blame"),
        ("you don't understand me", "blame"),
        ("could you ring my uncle", "call"),
        ("deny incoming phone call", "call"),
        ("make a phone call to kevin", "call"),
        ("ah can you write an email for me", "message"),
        ("text my wife that i am late", "message"),
    ],
)
def test_what_is_asked_about_itself_is_not_left_to_a_model(
    words: str, meant: str, known: Known
) -> None:
    found = known.desk.recognised(words)
    assert found is not None
    assert found[0].name == f"itself.{meant}"


@pytest.mark.parametrize(
    "words",
    [
        "call me tom",
        "call it a day",
        "have you seen my glasses",
        "call an ambulance",
        "call the police",
        "call the timer",
        "ring peter at six",
        "what do you do",
        "i want to write to my cousin this afternoon",
        "that is not true",
        "how old is my daughter",
        "where was churchill born",
        "who made this cake",
        "i like you to come tomorrow",
        "my cat has a hobby",
        "peter will ring you later",
        "who are you",
        "do you know where my keys are",
        "what do you think happened to my sister",
    ],
)
def test_what_is_about_somebody_else_is_left_to_others(words: str, known: Known) -> None:
    found = known.desk.recognised(words)
    assert found is None or not found[0].name.startswith("itself.")


def test_nothing_is_claimed_that_it_cannot_do(known: Known) -> None:
    assert known.say("ring my uncle") == (
        "I cannot make or answer telephone calls. Please use the telephone, or ask somebody near "
        "you to do it."
    )
    assert known.say("send a message to anna") == (
        "I cannot send or read messages. Please ask somebody near you to do it."
    )
