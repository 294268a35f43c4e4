from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.nets.ends import DEPTH, Ends, suffixes
from models.recipe.ends import count_ends

REQUESTS = ["stop", "stop the music", "stop the music please", "play the music", "what is the time"]


def tables(apart: float = 0.0) -> dict[str, NDArray[np.generic]]:
    return count_ends(REQUESTS * 4, least=1, faith=0.5, apart=apart)


def test_suffixes_run_from_the_empty_one_to_the_longest() -> None:
    numbers = suffixes("ab")  # "a" is the second symbol of the alphabet, the space the first
    assert numbers == [1, 0b1_00011, 0b1_00010_00011, 0b1_00001_00010_00011,
                       0b1_00001_00001_00010_00011]  # fmt: skip
    assert len(suffixes("a long request that goes on")) == DEPTH + 1
    assert suffixes("7 b") == suffixes("x7 b")[:3] == suffixes("b")[:3]


def test_the_beginning_is_no_mere_word_boundary() -> None:
    assert suffixes("stop")[:6] == suffixes("do stop")[:6]
    assert suffixes("stop")[6] != suffixes("do stop")[6]


def test_what_ended_requests_is_likely_the_end() -> None:
    ends = Ends(tables())
    assert ends.after("what is the time") > 0.9
    assert ends.after("stop the music please") > 0.9
    assert ends.after("what is the") < 0.1
    assert ends.after("what") < 0.1
    assert 0.4 < ends.after("stop the music") < 0.9
    assert 0.1 < ends.after("stop") < 0.6


def test_unknown_words_are_judged_by_what_is_known_of_their_letters() -> None:
    ends = Ends(tables())
    assert ends.after("turn off the time") > ends.after("turn off the")
    assert 0 < ends.after("zzz") < 1


def test_no_words_end_no_request() -> None:
    assert Ends(tables()).after("") == 0.0


def test_suffixes_that_say_nothing_new_are_left_out() -> None:
    whole, thin = tables(), tables(apart=0.05)
    assert 0 < len(thin["suffixes"]) < len(whole["suffixes"])
    for text in ("what is the time", "what is the", "stop the music"):
        assert Ends(thin).after(text) == pytest.approx(Ends(whole).after(text), abs=0.06)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"shares": None}, "missing"),
        ({"shares": np.zeros(1, np.float16)}, "length"),
        ({"suffixes": tables()["suffixes"][::-1]}, "order"),
        ({"shares": tables()["shares"].astype(np.float32) + 1}, "between 0 and 1"),
    ],
)
def test_tables_that_do_not_fit_are_refused(
    broken: dict[str, NDArray[np.generic] | None], said: str
) -> None:
    told = {key: each for key, each in (tables() | broken).items() if each is not None}
    with pytest.raises(ValueError, match=said):
        Ends(told)
