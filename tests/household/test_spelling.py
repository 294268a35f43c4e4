"""Words that are written differently and are the same."""

from __future__ import annotations

import pytest

from assistant.household.spelling import one_spelling

SAME = """
neighbour neighbor
my neighbours|my neighbors
neighbour's neighbor's
favourite colour|favorite color
grey gray
town centre|town center
theatre theater
kilometres kilometers
organise organize
travelled traveled
catalogue catalog
programme program
yoghurt yogurt
doughnuts donuts
pyjamas pajamas
jewellery jewelry
tyres tires
mum mom
aluminium aluminum
chilli chili
"""


@pytest.mark.parametrize("pair", SAME.strip().splitlines())
def test_britain_and_america_write_the_same(pair: str) -> None:
    british, american = pair.split("|") if "|" in pair else pair.split()
    assert one_spelling(british) == one_spelling(american)


@pytest.mark.parametrize(
    "pair", ["four for", "hour hor", "our or", "tour tor", "fire fir", "bread beard", "ball bal"]
)
def test_other_words_stay_apart(pair: str) -> None:
    first, second = pair.split()
    assert one_spelling(first) != one_spelling(second)
