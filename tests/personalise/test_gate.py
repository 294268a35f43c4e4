from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.config import PersonaliseSettings
from assistant.personalise.judging.gate import Measured, decide
from assistant.personalise.judging.score import Score
from tests.settings import block

SETTINGS = PersonaliseSettings.model_validate({})


def of(rouge1: float, token_error: float) -> Score:
    return Score(rouge1=rouge1, rougeL=rouge1, equal=rouge1, token_error=token_error)


GOOD = Measured(
    held_out=10,
    canaries=40,
    transcript=of(0.4, 0.5),
    before=of(0.5, 0.4),
    after=of(0.7, 0.2),
    canary_before=of(0.9, 0.05),
    canary_after=of(0.9, 0.05),
)


def test_what_is_better_everywhere_is_accepted_with_its_numbers() -> None:
    verdict = decide(GOOD, SETTINGS)
    assert verdict.accepted
    assert verdict.why == (
        "replies got better (ROUGE-1 0.50 to 0.70) and so did the reading (token error 0.40 to "
        "0.20)"
    )
    assert verdict.numbers["after_rouge1"] == 0.7
    assert verdict.numbers["canary_before_token_error"] == 0.05
    assert verdict.numbers["held_out"] == 10


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"held_out": 1}, "only 1 held-out utterances"),
        ({"after": of(0.515, 0.2)}, "replies are not better than today's"),
        ({"after": of(0.7, 0.385)}, "the reading is not better than today's"),
        ({"transcript": of(0.75, 0.5)}, "plain transcription does better"),
        ({"transcript": of(0.4, 0.1)}, "plain transcription does better"),
        ({"canary_after": of(0.83, 0.05)}, "common talk in other voices suffers"),
        ({"canary_after": of(0.9, 0.12)}, "common talk in other voices suffers"),
    ],
)
def test_what_falls_short_anywhere_is_rejected_with_the_reason(
    changes: dict[str, object], why: str
) -> None:
    verdict = decide(replace(GOOD, **changes), SETTINGS)
    assert not verdict.accepted
    assert why in verdict.why


def test_exactly_the_margin_is_enough() -> None:
    just = replace(GOOD, after=of(0.52, 0.38), canary_after=of(0.84, 0.11))
    assert decide(just, SETTINGS).accepted
    assert not decide(replace(GOOD, after=of(0.5, 0.4)), SETTINGS).accepted


def test_margins_can_be_set() -> None:
    slight = replace(GOOD, after=of(0.505, 0.395))
    free = block(PersonaliseSettings, reply_margin=0.0, reading_margin=0.0)
    assert not decide(slight, SETTINGS).accepted
    assert decide(slight, free).accepted
