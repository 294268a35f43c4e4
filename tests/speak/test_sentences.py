from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from assistant.speak.sentences import LONG, is_whole, sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("   \n\n ", []),
        ("Good morning", ["Good morning"]),
        ("Good morning. How are you? Fine!", ["Good morning.", "How are you?", "Fine!"]),
        ("It is 3.5 degrees. Wear a coat.", ["It is 3.5 degrees.", "Wear a coat."]),
        ("Mr. Smith and Dr. Jones live in St. Ives. Yes.",
         ["Mr. Smith and Dr. Jones live in St. Ives.", "Yes."]),
        ("Eat fruit, e.g. apples. Drink.", ["Eat fruit, e.g. apples.", "Drink."]),
        ("At 5 p.m. we eat. It is 6 p.m. Eat.", ["At 5 p.m. we eat.", "It is 6 p.m.", "Eat."]),
        ("Ask J. Doe. Now.", ["Ask J. Doe.", "Now."]),
        ("1. Rise. 2. Shine.", ["1. Rise.", "2. Shine."]),
        ("One line\nanother line", ["One line", "another line"]),
        ('"Really?" he said. (No.) So.', ['"Really?"', "he said.", "(No.)", "So."]),
        ("Wait... what?! Oh…  fine", ["Wait...", "what?!", "Oh…", "fine"]),
        ("... Well. -- !!", ["Well."]),
        ("Visit example.org today. Bye.", ["Visit example.org today.", "Bye."]),
        ("Das heißt Café. Ça va?", ["Das heißt Café.", "Ça va?"]),
    ],
)  # fmt: skip
def test_whole_text_and_single_characters_split_alike(text: str, expected: list[str]) -> None:
    assert list(sentences([text])) == expected
    assert list(sentences(text)) == expected


def table() -> list[list[str]]:
    """Texts, each as its sentences."""
    lines = Path(__file__).with_name("sentences.tsv").read_text("utf-8").splitlines()
    return [line.split(" | ") for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("expected", table(), ids=" | ".join)
def test_abbreviations_end_no_sentence(expected: list[str]) -> None:
    text = " ".join(expected)
    assert list(sentences([text])) == expected
    assert list(sentences(text)) == expected
    assert list(sentences([text[i : i + 3] for i in range(0, len(text), 3)])) == expected


@pytest.mark.parametrize("expected", table(), ids=" | ".join)
def test_what_is_cut_off_is_not_whole(expected: list[str]) -> None:
    for sentence in expected:
        if sentence[-1] in '.?!*"':
            assert is_whole(sentence)
            assert not is_whole(sentence.rstrip('.?!*")'))
    assert not is_whole("Then ask Mr.")
    assert not is_whole("1.")


def test_a_sentence_comes_before_the_next_piece_is_asked_for() -> None:
    asked: list[str] = []

    def pieces():  # noqa: ANN202
        for piece in ("Good", " morning", ".", " How", " are", " you?", "\n", "Fine"):
            asked.append(piece)
            yield piece

    stream = sentences(pieces())
    assert next(stream) == "Good morning."
    assert asked == ["Good", " morning", ".", " How"]
    assert next(stream) == "How are you?"
    assert asked[-1] == "\n"


def test_a_long_clause_is_cut_at_a_comma_else_at_a_space_else_anywhere() -> None:
    with_comma = "word " * 30 + "word, " + "more " * 30
    first, second = sentences([with_comma])
    assert first == ("word " * 31).strip() + ","
    assert second == ("more " * 30).strip()
    for cut in sentences(["word " * 300]):
        assert set(cut.split(" ")) == {"word"}
    assert [len(cut) for cut in sentences(["a" * 1_050])] == [LONG] * 5 + [50]


@pytest.mark.parametrize("seed", range(50))
def test_nothing_is_lost_whatever_the_text_and_however_it_arrives(seed: int) -> None:
    rng = random.Random(seed)
    text = "".join(rng.choices("aB1 .,!?\n'\"", weights=[40, 9, 5, 20, 6, 4, 2, 2, 1, 1, 1], k=900))
    pieces: list[str] = []
    rest = text
    while rest:
        size = rng.randint(1, 40)
        pieces.append(rest[:size])
        rest = rest[size:]
    found = list(sentences(pieces))
    assert re.sub(r"[^aB1]", "", "".join(found)) == re.sub(r"[^aB1]", "", text)
    assert all(sentence == sentence.strip() and len(sentence) < 2 * LONG for sentence in found)
