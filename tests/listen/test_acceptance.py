"""The short form of bench/endpointing.py: real sound and detector, the true words in pauses."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.audio.resample import to_float32
from assistant.config import ListenSettings, starter_dir
from assistant.encode.end_of_request import load_ends
from assistant.nets.ends import Ends
from bench.endpointing import HABITS, Complete, Heard, Stream, detected, figures, listen, stream
from models.recipe.corpus import held_out_requests
from models.recipe.synthesis import Synthesiser, Voice

REQUESTS, FIRST = 40, 15
VOICE = Voice("en-us+f4", rate_wpm=150, pitch=50, intonation=50)


def knowing(said: Stream, texts: list[str], ends: Ends) -> Complete:
    """Answers by the words that have been said."""
    begins = np.array([begin for begin, _ in said.spoken])

    def answer(_: NDArray[np.float32], heard: int) -> float:
        number = int(np.searchsorted(begins, heard * 320)) - 1
        done = sum(end <= heard * 320 for end in said.words[number])
        return ends.after(" ".join(texts[number].split()[:done]))

    return answer


@pytest.fixture(scope="module")
def fates() -> dict[str, dict[str, list[Heard]]]:
    """How each user's later utterances fare, by way of waiting."""
    ends = load_ends(starter_dir())
    assert ends is not None
    texts = held_out_requests(31, REQUESTS)
    synthesiser = Synthesiser()
    spoken = {
        word: to_float32(synthesiser.speak(word, VOICE).samples)
        for word in dict.fromkeys(" ".join(texts).split())
    }
    found: dict[str, dict[str, list[Heard]]] = {"700": {}, "1250": {}, "learned": {}}
    for habit in HABITS:
        own = random.Random(habit.name).sample(texts, len(texts))
        said = stream(habit.name, habit, [[spoken[w] for w in text.split()] for text in own], 3)
        voice = detected(said)
        for way, by_user in found.items():
            silence_ms = None if way == "learned" else int(way)
            settings = ListenSettings.model_validate({"silence_ms": silence_ms})
            heard = listen(said, settings, voice, knowing(said, own, ends))
            by_user[habit.name] = heard[FIRST:]
    return found


def together(fates: dict[str, list[Heard]]) -> dict[str, float]:
    return figures([fate for each in fates.values() for fate in each], 0)


@pytest.mark.parametrize("fixed", ["700", "1250"])
def test_learning_halves_the_cut_offs_and_nobody_waits_longer(
    fates: dict[str, dict[str, list[Heard]]], fixed: str
) -> None:
    before, after = together(fates[fixed]), together(fates["learned"])
    assert before["cut_offs"] >= 10
    assert after["cut_offs"] <= before["cut_offs"] / 2
    assert after["median_wait_ms"] <= before["median_wait_ms"]
    assert after["missed"] == before["missed"] == 0


def test_each_user_is_waited_for_in_their_own_way(
    fates: dict[str, dict[str, list[Heard]]],
) -> None:
    cut_offs = Counter(
        {name: sum(fate.cut_offs for fate in each) for name, each in fates["700"].items()}
    )
    assert cut_offs["aphasic-slow"] > cut_offs["hesitant"] > cut_offs["quick"]
    waits = {name: figures(each, 0)["p90_wait_ms"] for name, each in fates["learned"].items()}
    assert waits["aphasic-slow"] > waits["quick"]
