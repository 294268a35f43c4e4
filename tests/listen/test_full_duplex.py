from __future__ import annotations

from typing import Any

import pytest

from assistant.config import ListenSettings
from assistant.listen.full_duplex import (
    AGAIN_FRAMES,
    CLEAN_FRAMES,
    MOST_ALARMS,
    REST_FRAMES,
    TAIL_FRAMES,
    FullDuplex,
)


def make(told: list[str] | None = None, **settings: Any) -> FullDuplex:
    note = (told if told is not None else []).append
    return FullDuplex(ListenSettings.model_validate(settings), note)


def says(found: FullDuplex, strip: str) -> None:
    for mark in strip:
        found.own_speech(voiced=mark == "#")


ECHO = "#" * 50 + "." * 50
CLICKS = "#" + "." * 24


def test_what_never_comes_back_is_listened_over(told: list[str]) -> None:
    found = make(told)
    says(found, "." * (CLEAN_FRAMES - 1))
    assert (found.works, told) == (None, [])
    says(found, ".")
    assert found.is_listening
    assert told == ["Attune hears you while it speaks: talk over it, and it falls silent."]


def test_clicks_are_nobody_s_voice(told: list[str]) -> None:
    found = make(told)
    says(found, CLICKS * (CLEAN_FRAMES // len(CLICKS) + 1))
    assert found.is_listening


def test_its_own_voice_in_the_microphone_keeps_it_deaf(told: list[str]) -> None:
    found = make(told)
    says(found, ECHO * (MOST_ALARMS - 1))
    assert found.works is None
    says(found, ECHO)
    assert found.works is False
    assert len(told) == 1
    assert told[0].startswith("Attune does not hear you while it speaks, because it would hear")


def test_a_canceller_may_need_a_moment() -> None:
    found = make()
    says(found, ECHO + "." * (CLEAN_FRAMES + REST_FRAMES))
    assert found.is_listening


def test_somebody_puts_on_headphones(told: list[str]) -> None:
    found = make(told)
    says(found, ECHO * MOST_ALARMS)
    says(found, "." * (AGAIN_FRAMES - len(ECHO)))
    assert found.works is False
    says(found, "." * len(ECHO))
    assert found.is_listening
    assert len(told) == 2


def test_who_answers_itself_again_and_again_goes_deaf(told: list[str]) -> None:
    found = make(told)
    says(found, "." * CLEAN_FRAMES)
    for _ in range(MOST_ALARMS - 1):
        found.interrupted(TAIL_FRAMES)
    found.interrupted(TAIL_FRAMES + 1)  # that was a person
    for _ in range(MOST_ALARMS - 1):
        found.interrupted(0)
    assert found.is_listening
    found.interrupted(0)
    assert found.works is False
    assert len(told) == 2


@pytest.mark.parametrize(("setting", "listens"), [("off", False), ("cancel", True), ("open", True)])
def test_what_is_set_stays(setting: str, *, listens: bool, told: list[str]) -> None:
    found = make(told, barge_in=setting)
    says(found, "." * AGAIN_FRAMES + ECHO * MOST_ALARMS)
    for _ in range(MOST_ALARMS):
        found.interrupted(0)
    found.load("0 a b open" if listens else "1 a b open", "a b open")
    assert found.is_listening is listens
    assert (found.dump("a b open"), told) == ("", [])


@pytest.mark.parametrize("works", [True, False])
def test_what_was_found_out_is_remembered_for_these_devices(*, works: bool) -> None:
    found = make()
    assert found.dump("a b open") == ""
    says(found, "." * CLEAN_FRAMES if works else ECHO * MOST_ALARMS)
    again, elsewhere = make(), make()
    again.load(found.dump("a b open"), "a b open")
    elsewhere.load(found.dump("a b open"), "a c open")
    assert (again.works, elsewhere.works) == (works, None)
