from __future__ import annotations

import random
import time

import pytest

from assistant.spoken import said_words, spoken_form

SAID = {
    # case and punctuation
    "Good morning.": "good morning",
    "What time is it, please?": "what time is it please",
    " Well... I don't know -- maybe!": "well i don't know maybe",
    '"Turn on the light," she said.': "turn on the light she said",
    "Thank you (very much); good night": "thank you very much good night",
    "one\ttwo\nthree": "one two three",
    "": "",
    " ... ?! -- ": "",
    "[ _ ]": "",
    "\N{SNOWMAN} \N{HEAVY BLACK HEART}\N{VARIATION SELECTOR-16}": "",
    # apostrophes and hyphens
    "It\N{RIGHT SINGLE QUOTATION MARK}s five o'clock": "it's five o'clock",
    "the dogs' bowls": "the dogs bowls",
    "'Tis rock 'n' roll": "tis rock n roll",
    "a '' b": "a b",
    "twenty-five well-known e-mails": "twenty five well known e mails",
    "yes\N{EM DASH}no": "yes no",
    "Salt & pepper, AT&T": "salt and pepper at and t",
    # times
    "It's 8:30, Peter.": "it's eight thirty peter",
    "at 12:00": "at twelve o'clock",
    "at 7:05 a.m.": "at seven oh five a m",
    "0:30": "zero thirty",
    "8:30pm": "eight thirty pm",
    "25:61": "twenty five sixty one",
    "8:30:15": "eight thirty fifteen",
    "10am": "ten am",
    # money
    "$1": "one dollar",
    "$5, please": "five dollars please",
    "It costs $3.50.": "it costs three dollars fifty",
    "\N{POUND SIGN}2.00": "two pounds",
    "\N{EURO SIGN} 1,250": "one thousand two hundred and fifty euros",
    "$2.5 million": "two point five million dollars",
    "$10 million": "ten million dollars",
    "$1.5": "one point five dollars",
    # years and decades
    "in 1945": "in nineteen forty five",
    "in 1905": "in nineteen oh five",
    "in 1900": "in nineteen hundred",
    "in 2005": "in two thousand and five",
    "in 2026": "in twenty twenty six",
    "1,945 people": "one thousand nine hundred and forty five people",
    "the 1980s": "the nineteen eighties",
    "the '60s": "the sixties",
    "the 1960's": "the nineteen sixties",
    "two 6s and three 5s": "two sixes and three fives",
    # ordinals
    "the 1st, 2nd and 3rd": "the first second and third",
    "my 21st birthday": "my twenty first birthday",
    "the 100TH": "the one hundredth",
    "the 1,000th": "the one thousandth",
    # telephone numbers and codes
    "Call 555-1234.": "call five five five one two three four",
    "212-555-0199": "two one two five five five zero one nine nine",
    "(212) 555-0199": "two one two five five five zero one nine nine",
    "02079460958": "zero two zero seven nine four six zero nine five eight",
    "zip 90210": "zip nine zero two one zero",
    "agent 007": "agent zero zero seven",
    "call 9-1-1": "call nine one one",
    # other figures
    "0": "zero",
    "25": "twenty five",
    "1,000,000": "one million",
    "3.14": "three point one four",
    "0.05": "zero point zero five",
    "3.141592653589793238": (
        "three point one four one five nine two six five three five eight nine seven nine three "
        "two three eight"
    ),
    "50%": "fifty percent",
    "99.9 %": "ninety nine point nine percent",
    "B12": "b twelve",
    "4x4": "four x four",
    "1.2.3": "one point two three",
    "10,00": "ten zero zero",
    # accents and other letters
    "Caf\N{LATIN SMALL LETTER E WITH ACUTE} M\N{LATIN CAPITAL LETTER U WITH DIAERESIS}LLER": (
        "cafe muller"
    ),
    "\N{SCRIPT CAPITAL H}ello \N{LATIN SMALL LIGATURE FI}ne": "hello fine",
    "Stra\N{LATIN SMALL LETTER SHARP S}e": "stra\N{LATIN SMALL LETTER SHARP S}e",
    "\u041c\u043e\u0441\u043a\u0432\u0430, 5!": "\u043c\u043e\u0441\u043a\u0432\u0430 five",
    "\u65e9\u4e0a\u597d\u3002": "\u65e9\u4e0a\u597d",
    "\u0928\u093f\u0926\u093e \u0939\u0942\u0901": "\u0928\u093f\u0926\u093e \u0939\u0942\u0901",
    "\N{ARABIC-INDIC DIGIT ONE}\N{ARABIC-INDIC DIGIT TWO}": "twelve",
    "5\N{COMBINING ENCLOSING KEYCAP}": "five",
    "What is 4 + 4 = ?": "what is four plus four",
    "2+3": "two plus three",
    "6 \N{MULTIPLICATION SIGN} 7": "six times seven",
    "8 \N{DIVISION SIGN} 2": "eight divided by two",
    "C++ and 5+": "c and five",
}  # fmt: skip


@pytest.mark.parametrize("text", SAID)
def test_a_text_becomes_what_is_said(text: str) -> None:
    assert said_words(text) == SAID[text]


@pytest.mark.parametrize("text", [text for text in SAID if SAID[text].isascii() and SAID[text]])
def test_what_is_said_in_english_can_be_learned(text: str) -> None:
    assert spoken_form(text) == SAID[text]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no words"),
        ("...", "no words"),
        ("' '", "no words"),
        ("\N{VULGAR FRACTION ONE HALF} cup", "fractions"),
        ("3 m\N{SUPERSCRIPT TWO}", "fractions"),
        ("chapter \N{ROMAN NUMERAL FOUR}", "fractions"),
        ("Stra\N{LATIN SMALL LETTER SHARP S}e", "letters"),
        ("\u041c\u043e\u0441\u043a\u0432\u0430", "letters"),
        ("\u0928\u093f\u0926\u093e", "letters"),
        ("a\u0901", "letters"),
    ],
)
def test_what_the_letters_cannot_write_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        spoken_form(text)


ODD = (
    *"aZ' -.,:$%&(019",
    *("st", "th", "s", "'s", " million"),
    "\N{RIGHT SINGLE QUOTATION MARK}",
    "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}",
    "\N{LATIN SMALL LETTER N PRECEDED BY APOSTROPHE}",
    "\N{KELVIN SIGN}",
    "\N{SCRIPT CAPITAL H}",
    "\N{GREEK CAPITAL LETTER SIGMA}",
    "\N{HANGUL SYLLABLE GA}",
    "\u0939",
    "\u0942",
    "\N{COMBINING ACUTE ACCENT}",
    "\N{VARIATION SELECTOR-16}",
    "\N{SUPERSCRIPT TWO}",
    "\N{ROMAN NUMERAL FOUR}",
    "\N{ARABIC-INDIC DIGIT FIVE}",
    "\N{FULLWIDTH DIGIT SEVEN}",
    "\N{DEGREE CELSIUS}",
)
"""What texts are thrown together from."""


@pytest.mark.parametrize("seed", range(20))
def test_what_is_said_says_itself(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(200):
        text = "".join(dice.choices(ODD, k=dice.randrange(1, 25)))
        said = said_words(text)
        assert said_words(said) == said, text
        assert said == said.strip()
        assert not any(char.isdecimal() for char in said)


def test_what_nobody_can_say_is_left_out() -> None:
    assert said_words("\N{VULGAR FRACTION ONE HALF} cup of m\N{SUPERSCRIPT TWO}") == "cup of m"


def test_any_letter_of_unicode_says_itself() -> None:
    everything = (chr(code) for code in range(0x20, 0x1FFFF) if not 0xD800 <= code < 0xE000)
    for char in everything:
        said = said_words(f"a{char}b")
        assert said_words(said) == said, hex(ord(char))


@pytest.mark.parametrize(
    "text",
    [
        "7" * 40_000,
        "7" * 40_000 + "th",
        "7" * 40_000 + ".5%",
        "1." + "7" * 40_000,
        "$" + "7" * 40_000,
        "0" * 40_000,
        ",".join(["000"] * 10_000),
        ",".join(["999"] * 10_000) + "th",
        "7 " * 30_000,
        "1:" * 30_000,
        "$1." * 20_000,
        "555-" * 10_000,
        "'" * 40_000,
        "\N{COMBINING ACUTE ACCENT}" * 40_000,
    ],
)
def test_what_a_lost_recogniser_writes_takes_no_longer_than_it_is_long(text: str) -> None:
    began = time.process_time()
    said = said_words(text)
    assert time.process_time() - began < 5.0  # a fifth of a second; squared it would be minutes
    assert len(said) < 12 * len(text)


def test_a_number_of_more_digits_than_anybody_says_is_read_digit_by_digit() -> None:
    assert said_words("999,999,999,999,999").startswith("nine hundred and ninety nine trillion")
    assert said_words("1,000,000,000,000,000") == "one" + " zero" * 15
    assert said_words("$" + "1" * 20) == "one " * 20 + "dollars"
