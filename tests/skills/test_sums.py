from __future__ import annotations

import operator
import random
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from assistant.skills.sums import answer
from assistant.skills.times import number
from assistant.skills.times.numbers import exact, spoken_exact
from assistant.spoken import said_words
from assistant.spoken_times import spoken_date

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=ZoneInfo("Europe/London"))


def told(words: str) -> str | None:
    return answer(said_words(words), NOW)


def result(words: str) -> Fraction | None:
    """The number at the end of an answer, which is exact."""
    said = told(words)
    assert said is not None, words
    assert "about" not in said, said
    return exact(said_words(said).split(" is ")[1])


@pytest.mark.parametrize(
    ("sign", "operation"),
    [("plus", operator.add), ("minus", operator.sub), ("times", operator.mul),
     ("take away", operator.sub), ("multiplied by", operator.mul)],
)  # fmt: skip
@pytest.mark.parametrize("form", ["what is {}", "{} please", "how much is um {}"])
def test_sums_are_right(sign: str, operation: Callable[[int, int], int], form: str) -> None:
    dice = random.Random(f"{sign}{form}")
    for _ in range(100):
        one, other = dice.randrange(10_000), dice.randrange(dice.choice((10, 100, 1_000)))
        words = form.format(f"{one:,} {sign} {other:,}")
        assert result(words) == operation(one, other), words


def test_quotients_are_right() -> None:
    dice = random.Random(1)
    for _ in range(400):
        one, other = dice.randrange(1_000), dice.randrange(1, 100)
        words, quotient = f"what's {one} divided by {other}", Fraction(one, other)
        said = told(words)
        assert said is not None
        value = exact(said_words(said).split(" is ")[1].removeprefix("about "))
        if "almost zero" in said:
            assert quotient < Fraction(1, 1_000)
        elif "about" in said:
            assert value is not None
            assert abs(value - quotient) <= Fraction(1, 200)
        else:
            assert value == quotient, words
    assert told("seven divided by zero") == "Nothing can be divided by zero."


def test_percentages_and_parts_are_right() -> None:
    dice = random.Random(2)
    for _ in range(400):
        rate, base = dice.randrange(1, 101), dice.randrange(1, 1_000)
        assert result(f"what is {rate}% of {base}") == Fraction(rate * base, 100)
        assert result(f"{rate} percent off {base}") == Fraction((100 - rate) * base, 100)
        assert result(f"half of {base}") == Fraction(base, 2)
        assert result(f"three quarters of {base}") == Fraction(3 * base, 4)
    assert told("what percentage of 80 is 12") == "Twelve is fifteen percent of eighty."


def test_decimals_have_no_noise() -> None:
    dice = random.Random(3)
    assert told("0.1 plus 0.2") == "Zero point one plus zero point two is zero point three."
    for _ in range(400):
        one, other = (Fraction(dice.randrange(10_000), 100) for _ in range(2))
        words = f"what is {float(one):.2f} plus {float(other):.2f}"
        assert result(words) == one + other, words


def test_chains_of_one_kind_are_added_up() -> None:
    assert told("two plus three plus four minus one") == (
        "Two plus three plus four minus one is eight."
    )
    assert (
        told("what is two times three times four") == "Two times three times four is twenty-four."
    )
    assert told("two plus three times four") is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("what is fifteen percent of eighty", "Fifteen percent of eighty is twelve."),
        ("what is 15% of 80 pounds", "Fifteen percent of eighty pounds is twelve pounds."),
        ("ten percent of $45", "Ten percent of forty-five dollars is four dollars fifty."),
        ("one percent of fifty pounds", "One percent of fifty pounds is fifty pence."),
        ("a third of ten euros", "A third of ten euros is about three euros thirty-three."),
        ("subtract three from ten", "Ten minus three is seven."),
        ("take three away from ten", "Ten minus three is seven."),
        ("add five and six", "Five plus six is eleven."),
        ("is 126 divisible by 8", "No, one hundred and twenty-six is not divisible by eight."),
        ("is twelve divisible by three", "Yes, twelve is divisible by three."),
        ("give me kilograms to pounds", "One kilogram is about two point two pounds."),
        ("divide nine by two", "Nine divided by two is four and a half."),
        ("what's two and two", "Two plus two is four."),
        ("what does two plus two make", "Two plus two is four."),
        ("two times to", "Two times two is four."),
        ("what is ten minus twelve", "Ten minus twelve is minus two."),
        ("what is two and a half plus one", "Two and a half plus one is three and a half."),
        ("what is double seven", "Double seven is fourteen."),
        ("what is the sum of three plus five", "Three plus five is eight."),
        ("three quarters of one sixth", "Three quarters of a sixth is zero point one two five."),
        ("what is thirty percent off of ten", "Thirty percent off ten is seven."),
        ("twelve squared", "Twelve squared is one hundred and forty-four."),
        ("the square root of eighty one", "The square root of eighty-one is nine."),
        ("how many inches are there in a foot", "One foot is twelve inches."),
        ("how many feet are in a mile", "One mile is five thousand two hundred and eighty feet."),
        ("twelve feet is how many inches",
         "Twelve feet is one hundred and forty-four inches."),
        ("what would four inches be in cm", "Four inches is ten point one six centimetres."),
        ("how many metres in a kilometre", "One kilometre is one thousand metres."),
        ("what is 5 miles in km", "Five miles is about eight point zero five kilometres."),
        ("three inches in centimetres", "Three inches is seven point six two centimetres."),
        ("convert 10 km to miles", "Ten kilometres is about six point two one miles."),
        ("how many ounces in a pound", "One pound is sixteen ounces."),
        ("how many pounds in a stone", "One stone is fourteen pounds."),
        ("half a pound in grams", "Half a pound is about two hundred and twenty-seven grams."),
        ("how many grams in a kilo", "One kilogram is one thousand grams."),
        ("how many teaspoons in a tablespoon", "One tablespoon is three teaspoons."),
        ("how many millilitres in a teaspoon", "One teaspoon is five millilitres."),
        ("how many pints in a gallon", "One gallon is eight pints."),
        ("how many cups are in a pint",
         "One pint is about two point two seven cups in Britain, and two cups in America."),
        ("how many ounces in a pint",
         "One pint is twenty fluid ounces in Britain, and sixteen fluid ounces in America."),
        ("how many millilitres in a cup",
         (
             "One cup is two hundred and fifty millilitres in Britain, and about two hundred and "
             "thirty-seven millilitres in America."
         )),
        ("a litre and a half in millilitres",
         "One and a half litres is one thousand five hundred millilitres."),
        ("how many minutes in a day", "One day is one thousand four hundred and forty minutes."),
        ("how many minutes in an hour and a half", "One and a half hours is ninety minutes."),
        ("how many hours in a week", "One week is one hundred and sixty-eight hours."),
        ("ninety minutes in hours", "Ninety minutes is one and a half hours."),
        ("what is 20°C in fahrenheit",
         "Twenty degrees Celsius is sixty-eight degrees Fahrenheit."),
        ("350 fahrenheit in celsius",
         (
             "Three hundred and fifty degrees Fahrenheit is about one hundred and seventy-seven "
             "degrees Celsius."
         )),
        ("minus forty degrees celsius in fahrenheit",
         "Minus forty degrees Celsius is minus forty degrees Fahrenheit."),
        ("how do you convert miles to kilometres",
         "One mile is about one point six one kilometres."),
        ("12 feet is equal to how many inches",
         "Twelve feet is one hundred and forty-four inches."),
        ("what is 4 + 4", "Four plus four is eight."),
        ("what is one plus two plus two",
         "One plus two plus two is five."),
        ("the square root of eighty",
         "The square root of eighty is between eight and nine."),
        ("how many months in a year", "One year is twelve months."),
    ],
)  # fmt: skip
def test_what_people_ask(words: str, said: str) -> None:
    assert told(words) == said


@pytest.mark.parametrize(
    "words",
    [
        "", "what is", "what is two and a half", "half eight", "half past eight", "double five",
        "one hundred and twenty over eighty", "what is love", "how much is the bread", "two pills",
        "how many grams in a cup", "how many grams in a cup of flour", "how many pills in a pound",
        "ten plus", "plus ten", "ten plus plus", "ten fifteen plus two", "what is ten",
        "a million times a million", "half of two tablets",
        "take two tablets from the box", "add eggs and milk", "ten minutes in the oven",
        "five miles in grams", "how many days until next week", "how many days until dinner",
        "how long until every monday", "remind me in two plus two minutes", "one two three",
    ],
)  # fmt: skip
def test_what_is_not_certain_is_not_answered(words: str) -> None:
    assert told(words) is None


def test_days_until() -> None:
    dice = random.Random(4)
    for _ in range(300):
        day = NOW.date() + timedelta(days=dice.randrange(2, 365))
        said = told(f"how many days until {spoken_date(day)}")
        assert said is not None
        count = re.fullmatch(r"That is in (.+) days, on (.+)\.", said)
        assert count is not None, said
        assert number(said_words(count[1])) == (day - NOW.date()).days
        assert count[2] == spoken_date(day)
    christmas = "Friday, the twenty-fifth of December"
    assert told("how many days until christmas") == f"That is in thirty days, on {christmas}."
    assert told("how many weeks is it until christmas") == (
        f"That is in four weeks and two days, on {christmas}."
    )
    assert told("how long till tomorrow") == "That is tomorrow."
    assert told("how long is it until half past seven in the evening") == (
        "That is in nine hours and thirty minutes, today at half past seven in the evening."
    )
    assert answer("how many days until christmas") is None
    there = datetime.combine(date(2026, 12, 25), datetime.min.time(), timezone.utc)
    assert answer("how many days until christmas", there) == "That is today."


def test_numbers_are_spoken_so_that_they_are_understood() -> None:
    dice = random.Random(5)
    for _ in range(2_000):
        scale = dice.choice((1, 2, 3, 4, 10, 100, 1_000))
        value = Fraction(dice.randrange(-(10**6), 10**6), scale)
        assert exact(said_words(spoken_exact(value))) == value, value
    with pytest.raises(ValueError, match="thousand million"):
        spoken_exact(Fraction(10**9))
