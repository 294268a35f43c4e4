from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from assistant.config import PersonaliseSettings
from assistant.personalise.judging.gate import Measured, decide
from assistant.personalise.judging.score import Result
from tests.settings import block

SETTINGS = PersonaliseSettings.model_validate({})


def of(*wrong: int, words: int = 5, rouge1: float = 0.5) -> list[Result]:
    """Utterances of five words, of which so many are wrong."""
    return [Result(rouge1, rouge1, rouge1 == 1, words, each, words, each) for each in wrong]


GOOD = Measured(
    transcript=of(3, 4, 2, 5, 0),
    before=of(2, 3, 2, 5, 0),
    after=of(0, 1, 0, 2, 0, rouge1=0.75),
    canary_before=of(*[0] * 38, 1, 1, rouge1=1),
    canary_after=of(*[0] * 38, 1, 1, rouge1=1),
)


def test_what_is_better_everywhere_is_accepted_with_its_numbers() -> None:
    verdict = decide(GOOD, SETTINGS)
    assert verdict.accepted
    assert verdict.why == "of 5 test sentences it now gets 3 right; before, 1"
    assert verdict.numbers["after_rouge1"] == 0.75
    assert verdict.numbers["before_word_error"] == 12 / 25
    assert verdict.numbers["canary_before_word_error"] == 2 / 200
    assert verdict.numbers["after_right"] == 3 / 5
    assert verdict.numbers["held_out"] == 5
    assert verdict.numbers["canaries"] == 40
    assert verdict.numbers["gain"] == 9 / 25
    assert verdict.numbers["gain_p"] == 2 / 32
    assert 0 < verdict.numbers["gain_at_least"] < 9 / 25


def test_where_no_more_sentences_are_right_it_tells_of_their_words() -> None:
    verdict = decide(replace(GOOD, after=of(1, 1, 1, 1, 0)), SETTINGS)
    assert verdict.accepted
    assert verdict.why == "in 5 test sentences, of 25 words it now gets 21 right; before, 13"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"after": of(1), "before": of(3), "transcript": of(3)},
            "there are only 1 test sentences to judge by, and it takes 2",
        ),
        (
            {"after": of(3, 3, 3, 5, 1)},
            "of 5 test sentences it would get 0 right; today, 1",
        ),
        (
            {"after": of(2, 3, 2, 5, 0)},
            "in 5 test sentences, of 25 words it would get 13 right; today, 13",
        ),
        (
            {"after": of(5, 0, 0, 5, 0)},
            "of 5 test sentences it would get 3 right; today, 1, which may be chance",
        ),
        (
            {"transcript": of(0, 0, 0, 1, 0, rouge1=0.9)},
            "of 5 test sentences it would get 3 right; plain transcription, 4",
        ),
        (
            {"after": of(0, 1, 0, 2, 0, rouge1=0.3)},
            "its answers to 5 test sentences would be less like the right ones: 30%; today, 50%",
        ),
        (
            {"canary_after": of(*[0] * 38, 2, 2)},
            (
                "other voices would be understood less well: of 200 words it would get 196 right; "
                "today, 198"
            ),
        ),
    ],
)
def test_what_falls_short_anywhere_is_rejected_with_the_reason(
    changes: dict[str, object], why: str
) -> None:
    verdict = decide(replace(GOOD, **changes), SETTINGS)
    assert not verdict.accepted
    assert verdict.why == why


def test_a_bridge_that_is_worse_than_the_transcript_is_no_yardstick() -> None:
    worse = replace(GOOD, before=of(5, 5, 5, 5, 5), after=of(3, 4, 2, 5, 0))
    assert not decide(worse, SETTINGS).accepted
    assert decide(replace(worse, after=GOOD.after), SETTINGS).accepted


@pytest.mark.parametrize(
    ("after", "accepted"),
    [
        ((2, 2), True),
        ((0, 3), False),
        ((2, 2, 3), True),
        ((1, 3, 3), False),
        ((2, 2, 4), False),
        ((2, 2, 2, 3, 3), True),
        ((2, 2, 2, 3, 3, 3, 3, 4), False),
    ],
)
def test_the_fewer_recordings_the_less_certainty_is_asked_for(
    after: tuple[int, ...], *, accepted: bool
) -> None:
    before = of(*[3] * len(after))
    few = replace(GOOD, transcript=before, before=before, after=of(*after))
    assert decide(few, SETTINGS).accepted is accepted


@pytest.mark.parametrize("after", [of(4, 4, 3, 3, 4), of(5, 5, 5, 4, 1)])
def test_what_understands_less_than_a_third_is_no_use_however_bad_it_was(
    after: list[Result],
) -> None:
    lost = replace(GOOD, transcript=of(*[5] * 5), before=of(*[5] * 5), after=after)
    verdict = decide(lost, SETTINGS)
    assert not verdict.accepted
    right = 25 - sum(sequence(after))
    assert verdict.why == f"of 25 words in 5 test sentences it would get only {right} right"
    assert decide(lost, block(PersonaliseSettings, least_right=0.0)).accepted == (right == 7)


@pytest.mark.parametrize("count", [2, 3, 5, 12, 20])
def test_progress_on_every_recording_is_accepted_however_few_there_are(count: int) -> None:
    few = replace(
        GOOD,
        transcript=of(*[3] * count),
        before=of(*[3] * count),
        after=of(*[2] * count),
    )
    assert decide(few, SETTINGS).accepted


def test_other_voices_may_lose_half_a_point_of_word_error() -> None:
    just = replace(GOOD, canary_after=of(*[0] * 37, 1, 1, 1))
    assert decide(just, SETTINGS).accepted
    harmful = replace(GOOD, canary_after=of(*[0] * 36, 1, 1, 1, 1))
    verdict = decide(harmful, SETTINGS)
    assert not verdict.accepted
    assert verdict.harms_others
    no_better = replace(harmful, after=harmful.before)
    assert not decide(no_better, SETTINGS).harms_others  # then less of it would help nobody


def test_empty_readings_are_no_better_than_babble() -> None:
    babble, silence = of(*[9] * 6), of(*[5] * 6)
    lost = replace(GOOD, transcript=babble, before=babble, after=silence)
    assert not decide(lost, SETTINGS).accepted


def test_the_level_can_be_set() -> None:
    before, after = of(*[3] * 20), of(*[2] * 4, *[3] * 16)
    many = replace(GOOD, transcript=before, before=before, after=after)
    assert decide(many, SETTINGS).accepted
    assert not decide(many, block(PersonaliseSettings, gate_level=0.05)).accepted


def sequence(results: Sequence[Result]) -> list[int]:
    return [each.wrong for each in results]


def test_the_yardstick_is_the_better_of_todays_reading_and_the_transcript() -> None:
    assert sequence(GOOD.best()) == [2, 3, 2, 5, 0]
    assert sequence(replace(GOOD, before=of(5, 5, 5, 5, 5)).best()) == [3, 4, 2, 5, 0]
    assert GOOD.best() is GOOD.before
    assert replace(GOOD, before=list(GOOD.transcript)).best() is not GOOD.transcript
