from __future__ import annotations

import random
import re
from datetime import datetime
from pathlib import Path

import pytest

from assistant.config import SpeakSettings
from assistant.generate.context import ContextLine
from assistant.speak.normalise import Accent, accent_of, normalised
from assistant.speak.speech import Speech
from assistant.speak.synthesiser import Normalising
from assistant.spoken_times import MONTHS, spoken_time
from tests.speak.test_aloud import espeak


def readings() -> list[tuple[str, str, str]]:
    """What is written, and how a British and an American voice read it."""
    lines = Path(__file__).with_name("readings.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return [(written, british, (other or [british])[0]) for written, british, *other in rows]


def test_the_table_has_more_than_two_hundred_sentences() -> None:
    assert len({written for written, _, _ in readings()}) > 200


@pytest.mark.parametrize(("written", "british", "american"), readings())
def test_a_sentence_is_read_as_people_say_it(written: str, british: str, american: str) -> None:
    assert normalised(written, "british") == british
    assert normalised(written, "american") == american


@pytest.mark.parametrize(("written", "british", "american"), readings())
def test_what_is_in_words_stays_as_it_is(written: str, british: str, american: str) -> None:
    del written
    assert normalised(british, "british") == british
    assert normalised(american, "american") == american


@pytest.mark.parametrize("accent", ["british", "american"])
def test_every_minute_is_told_as_the_skills_tell_it(accent: Accent) -> None:
    for minute in range(24 * 60):
        time = datetime(2026, 1, 2, minute // 60, minute % 60)  # noqa: DTZ001
        said = spoken_time(time)
        hour = (time.hour + 11) % 12 + 1
        half = "a.m." if time.hour < 12 else "p.m."
        for written in (f"{hour}:{time.minute:02} {half}", f"{hour}.{time.minute:02}{half[0]}m"):
            assert normalised(f"Come at {written} today.", accent) == f"Come at {said} today."
        if time.hour in range(1, 13):  # it may be either half of the day
            said = re.sub(r" (in the \w+|at night)$", "", said)
        assert normalised(f"It is {time:%H:%M}.", accent) == f"It is {said}."


@pytest.mark.parametrize("accent", ["british", "american"])
def test_what_skills_say_is_not_touched(accent: Accent) -> None:
    for hour in range(24):
        line = ContextLine(datetime(2026, 3, 1 + hour, hour, 7), "Anna").line()  # noqa: DTZ001
        assert normalised(line, accent) == line
    for said in (
        "I'll remind you to take your pills today at eight o'clock in the morning.",
        "Twelve times eleven is one hundred and thirty-two.",
        "You have a ten-minute timer and an alarm for half past six.",
        "May I help you? I will march on in May. No. 'Tis OK, as I said, well-nigh done.",
    ):
        assert normalised(said, accent) == said


@pytest.mark.parametrize("month", MONTHS)
def test_every_day_of_every_month_is_read_as_a_day(month: str) -> None:
    for day in range(1, 29):
        assert not re.search(r"\d", said := normalised(f"On {month[:3]}. {day}.", "american"))
        assert said.startswith(f"On {month} ") or month == "May"


@pytest.mark.parametrize(
    ("voice", "accent"),
    [
        ("en-us", "american"), ("en-us+f3", "american"), ("mb-us1", "american"),
        ("en", "british"), ("en-gb", "british"), ("en-gb-x-rp", "british"), ("en-029", "british"),
        ("de", None), ("fr-be", None), ("pl", None),
    ],
)  # fmt: skip
def test_the_accent_is_that_of_the_voice(voice: str, accent: Accent | None) -> None:
    assert accent_of(voice) == accent


SCRAPS = (
    "0 1 12 2024 99 3.5 1,000 24:00 13/13/2024 2024-13-45 0/0 00 31 1e5 \u0663 \u00bd \u00b2 : / "
    "- \u2013 . , $ \u00a3 % \u00b0C kg am p.m. May Jan. 3rd th x * = + < > II XIV Henry Dr. St. "
    "No. @ www. http:// ' ( ) _ # [ BC of the a.m. k bn s \u2116"
).split()


@pytest.mark.parametrize("seed", range(200))
def test_whatever_is_written_ends_without_a_digit(seed: int) -> None:
    rng = random.Random(seed)
    text = "".join(rng.choice([*SCRAPS, " ", " ", " "]) for _ in range(25))
    assert not re.search("[0-9]", normalised(text, "british") + normalised(text, "american"))


class Engine:
    """A voice that keeps what it is given."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.tempo = 1.0
        self.given: list[str] = []

    def synthesise(self, text: str) -> Speech:
        self.given.append(text)
        return espeak().synthesise(text)


@pytest.mark.parametrize(
    ("language", "given"),
    [
        ("en-us", "See the site: one hundred five dollars."),
        ("en-gb", "See the site: one hundred and five dollars."),
        ("de", "See the site: $105."),
    ],
)
def test_a_voice_is_given_words_and_no_markup(language: str, given: str) -> None:
    engine = Engine(language)
    voice = Normalising(engine)
    voice.tempo = 1.2
    assert (
        voice.synthesise("See **the** [site](https://a.b/c): $105. \N{GRINNING FACE}").seconds > 1
    )
    assert engine.given == [given]
    assert engine.tempo == voice.tempo == 1.2


def test_any_bytes_of_a_command_line_can_be_said() -> None:
    heard = Normalising(Engine(SpeakSettings.model_validate({}).voice))
    assert heard.synthesise("caf\udce9 at 5 p.m.").seconds > 0.5
