"""Hard moments are answered in words that somebody wrote, and ordinary talk is not."""

from __future__ import annotations

import pytest

from assistant.skills.care import CARE
from assistant.skills.guard import guarded
from tests.skills.conftest import Known, told

SAID = {
    "lonely": ["i'm so lonely here", "nobody comes to see me any more", "i have nobody to talk to"],
    "grief": [
        "my sister passed away in march",
        "we lost our little dog",
        "since he died i can't eat",
    ],
    "afraid": [
        "i'm frightened of the stairs",
        "the dark scares me",
        "please don't leave me",
    ],
    "sad": ["i feel so miserable tonight", "my heart is so heavy", "i feel like crying"],
    "burden": ["i'm only a burden", "nobody cares about me", "i have let everybody down"],
    "lost": ["i don't know where i am now", "this is not my room", "how did i get here"],
    "homesick": ["i want to go home now", "take me home please"],
    "confused": ["i think i'm losing my mind", "everything feels strange", "i'm all muddled"],
    "angry": ["i'm so cross with my sister", "the nurse shouted at me"],
    "hurt": ["the carer was nasty to me", "they treat me like a child", "he slapped me"],
    "dying": ["what if i die alone", "am i dead"],
    "unseen": ["there is a woman in my chair and nobody else sees her"],
    "forgetting": ["i forgot how to tie my shoes", "i keep forgetting things"],
    "errand": ["i have to fetch the children", "i must go to the office"],
    "where": ["where is everybody", "why is my wife not home"],
    "stolen": ["someone has taken my handbag", "my ring was stolen"],
    "wanted": ["a lady wants me to sign a paper", "he says my bank account is in danger"],
    "medicine": ["may i leave out the white tablet"],
}
OTHERS = (
    "lonely hearts", "i'm afraid i don't know", "i'm afraid not", "i live in leeds",
    "my husband was a baker", "the cat has taken my chair", "i was lost for words",
    "i want to go out", "i want to get up", "let us go up", "i have nobody's number",
    "we lost the match", "he says it will rain",
    "the film scared nobody", "my friend is a doctor", "laughter is the best medicine",
)  # fmt: skip


@pytest.mark.parametrize(("name", "words"), [(n, w) for n, every in SAID.items() for w in every])
def test_a_hard_moment_is_answered_with_care(name: str, words: str, known: Known) -> None:
    found = known.desk.recognised(words)
    assert found is not None
    assert found[0].name == f"care.{name}"
    assert found[1].act is None


@pytest.mark.parametrize("words", OTHERS)
def test_other_talk_is_left_to_the_language_model(words: str, known: Known) -> None:
    assert known.desk.urgent(words) is None
    assert known.desk.recognised(words) is None


@pytest.mark.parametrize("name", CARE)
def test_it_is_not_said_twice_in_a_row_unless_there_is_one_right_answer(
    name: str, known: Known
) -> None:
    first = told(CARE[name](known.at(known.now)))
    known.desk.exchanged("", first)
    again = told(CARE[name](known.desk._situation("")))
    assert (first == again) == (name in ("medicine", "ill", "wanted"))
    assert list(guarded(iter([first]))) == [first]
