"""Words by their sound."""

from __future__ import annotations

import pytest
from rapidfuzz import fuzz

from assistant.skills.sounds import sounds


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tea", "dee"), ("bins", "pins"), ("eight", "ate"), ("night", "nite"), ("two", "too"),
        ("quick", "kwik"), ("knows", "nose"), ("write", "ride"), ("to night", "tonight"),
        ("phone", "vone"), ("peter's", "peters"),
    ],
)  # fmt: skip
def test_what_sounds_alike_is_the_same(one: str, other: str) -> None:
    assert sounds(one) == sounds(other)


@pytest.mark.parametrize(
    ("said", "heard", "other"),
    [("eight", "date", "three"), ("past eight", "past date", "past ten"), ("sea", "tea", "so")],
)
def test_what_sounds_nearly_alike_is_nearer(said: str, heard: str, other: str) -> None:
    assert fuzz.ratio(sounds(said), sounds(heard)) > fuzz.ratio(sounds(other), sounds(heard))


def test_other_words_differ() -> None:
    words = "set timer ten twelve milk list where time today louder slower".split()
    assert len(set(map(sounds, words))) == len(words)
    assert not sounds("")
