from __future__ import annotations

import json
import random

import pytest

from assistant.config import ListenSettings, starter_dir
from assistant.encode.end_of_request import load_ends
from assistant.listen.pauses import USUAL_MS, Moment, Pauses
from tests.settings import block

SOME = Moment(voiced_ms=USUAL_MS)


def pauses(**changed: object) -> Pauses:
    return Pauses(block(ListenSettings, **changed))


def live(model: Pauses, utterances: int, length_ms: float, share: float = 1.0) -> None:
    """Somebody who makes one pause of about this length in a share of the utterances."""
    rng = random.Random(0)
    for number in range(utterances):
        if number % 100 < 100 * share:
            model.went_on(length_ms * rng.uniform(0.9, 1.1), SOME)
        model.ended(model.limit_ms(SOME), SOME)


@pytest.mark.parametrize(
    ("changed", "done_ms", "unknown_ms", "open_ms"),
    [
        ({}, 800, 1_200, 2_000),
        ({"profile": "patient"}, 1_800, 2_700, 3_500),
        ({"ceiling_ms": 600}, 600, 600, 600),
        ({"cut_offs": 0.4}, 800, 1_200, 2_000),
    ],
)
def test_a_new_user_is_given_time_unless_the_request_is_finished(
    changed: dict[str, object], done_ms: int, unknown_ms: int, open_ms: int
) -> None:
    model = pauses(**changed)
    assert model.limit_ms(Moment(9_000, finished=1.0)) == done_ms
    assert model.limit_ms(SOME) == unknown_ms
    assert model.limit_ms(Moment(100, finished=0.0)) == open_ms


def test_nobody_is_cut_off_after_the_beginning_of_a_request() -> None:
    ends = load_ends(starter_dir())
    assert ends is not None
    for profile, pause_ms in (("default", 1_600), ("patient", 3_000)):
        model = pauses(profile=profile)
        for words in ("i would like to", "can you", "remind me to", "add milk and", "um"):
            moment = Moment(USUAL_MS, ends.after(words))
            assert model.limit_ms(moment) > pause_ms, words
        assert model.limit_ms(Moment(USUAL_MS, ends.after("set a timer for ten minutes"))) < (
            model.limit_ms(SOME)
        )


def test_it_begins_patient_and_learns_to_be_quicker() -> None:
    model = pauses()
    limits: list[int] = []
    for _ in range(60):
        limits.append(model.limit_ms(SOME))
        model.ended(limits[-1], SOME)
    assert limits == sorted(limits, reverse=True)
    assert limits[0] == 1_200
    assert limits[-1] < 700


def test_who_never_pauses_is_answered_soon() -> None:
    model = pauses()
    live(model, 5, 0, share=0)
    soon = model.limit_ms(SOME)
    live(model, 100, 0, share=0)
    assert 500 == model.limit_ms(SOME) < soon < 1_200


def test_who_pauses_for_long_is_waited_for() -> None:
    model = pauses()
    live(model, 30, 1_200)
    assert 1_200 < model.limit_ms(SOME) <= 2_000


def test_the_limit_leaves_as_many_false_ends_as_are_put_up_with() -> None:
    limits: list[int] = []
    for cut_offs in (0.02, 0.1, 0.3):
        model = pauses(cut_offs=cut_offs)
        rng = random.Random(1)
        lengths = [300 + rng.expovariate(1 / 300) for _ in range(2_000)]
        for length_ms in lengths:
            model.went_on(length_ms, SOME)
            model.ended(800, SOME)
        limits.append(model.limit_ms(SOME))
        late = [length_ms > limits[-1] for length_ms in lengths[-1_000:]]
        assert cut_offs / 5 < sum(late) / 1_000 < cut_offs * 1.3  # rather too few than too many
    assert limits == sorted(limits, reverse=True)


def test_nobody_is_waited_for_beyond_the_ceiling() -> None:
    for changed, ceiling_ms in (
        ({}, 2_000),
        ({"profile": "patient"}, 3_500),
        ({"ceiling_ms": 900}, 900),
    ):
        model = pauses(**changed)
        live(model, 30, 5_000)
        assert model.limit_ms(SOME) == ceiling_ms


def test_a_floor_above_the_ceiling_holds() -> None:
    model = pauses(floor_ms=3_000)
    assert model.limit_ms(SOME) == 3_000


def test_a_false_cut_takes_the_end_back_and_counts_the_whole_pause() -> None:
    cut, waited = pauses(), pauses()
    for _ in range(10):
        cut.ended(800, SOME)
        cut.false_cut(500)
        cut.ended(800, SOME)
        waited.went_on(1_300, SOME)
        waited.ended(800, SOME)
    assert cut.limit_ms(SOME) > 1_000
    assert cut.limit_ms(SOME) == pytest.approx(waited.limit_ms(SOME), abs=60)


def test_an_end_can_prove_false_only_once_and_only_if_there_was_one() -> None:
    model, same = pauses(), pauses()
    model.false_cut(500)
    assert model.dump() == same.dump()
    model.ended(800, SOME)
    model.false_cut(500)
    once = model.dump()
    model.false_cut(500)
    assert model.dump() == once


def test_a_guess_counts_as_far_as_it_has_been_worth_something() -> None:
    worth, worthless = pauses(), pauses()
    rng = random.Random(0)
    for _ in range(60):
        worth.went_on(900, Moment(USUAL_MS, finished=0.02))
        worth.ended(800, Moment(USUAL_MS, finished=0.9))
        worthless.went_on(900, Moment(USUAL_MS, finished=rng.choice([0.02, 0.9])))
        worthless.ended(800, Moment(USUAL_MS, finished=rng.choice([0.02, 0.9])))
    done, open_, unknown = Moment(USUAL_MS, 0.9), Moment(USUAL_MS, 0.02), SOME
    assert worth.limit_ms(done) < 700 < worth.limit_ms(unknown) < worth.limit_ms(open_)
    assert worthless.limit_ms(done) == pytest.approx(worthless.limit_ms(open_), abs=150)


def test_who_has_said_less_than_usual_is_waited_for_longer() -> None:
    model = pauses()
    for _ in range(60):
        model.went_on(700, Moment(500))
        model.ended(800, Moment(3_000))
    assert model.limit_ms(Moment(500)) > model.limit_ms(Moment(3_000))
    assert model.limit_ms(Moment(3_000)) < 800


def test_what_was_long_ago_is_forgotten() -> None:
    quick, slow = pauses(pauses_half_life=20), pauses(pauses_half_life=100_000)
    for model in (quick, slow):
        live(model, 100, 1_300)
        assert model.limit_ms(SOME) > 1_300
        live(model, 200, 400, share=0.2)
    assert quick.limit_ms(SOME) < 700 < slow.limit_ms(SOME)


def test_an_explicit_silence_is_the_limit_and_nothing_is_learned() -> None:
    model = pauses(silence_ms=700)
    untouched = model.dump()
    live(model, 50, 1_500)
    model.false_cut(500)
    assert not model.learning
    assert model.limit_ms(Moment(100, finished=0.0)) == 700
    assert model.dump() == untouched


def test_what_was_learned_survives_a_restart() -> None:
    model, again = pauses(), pauses()
    live(model, 40, 1_100)
    model.went_on(900, Moment(700, finished=0.2))
    assert again.load(model.dump())
    assert again.dump() == model.dump()
    assert again.limit_ms(SOME) == model.limit_ms(SOME) != 800
    assert len(model.dump()) < 2_000


LEARNED = json.loads(pauses().dump())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "7",
        "null",
        pytest.param("[" * 100_000, id="deep"),
        json.dumps(LEARNED | {"version": 99}),
        json.dumps(LEARNED | {"ends": -1}),
        json.dumps(LEARNED | {"ends": float("nan")}),
        json.dumps(LEARNED | {"usual_ms": "long"}),
        json.dumps(LEARNED | {"lengths": [1, 2]}),
        json.dumps(LEARNED | {"lengths": {"many": 1}}),
        json.dumps(LEARNED | {"lengths": {"500": -3}}),
        json.dumps(LEARNED | {"paused": [[0, 0, 0]]}),
        json.dumps(LEARNED | {"ended": [[0], [0]]}),
        json.dumps({key: value for key, value in LEARNED.items() if key != "ended"}),
    ],
)
def test_foreign_and_broken_memories_leave_all_as_it_is(text: str) -> None:
    model = pauses()
    live(model, 20, 1_100)
    before = model.dump()
    assert not model.load(text)
    assert model.dump() == before


@pytest.mark.parametrize("silence_ms", [None, 900])
def test_who_has_asked_for_time_gets_the_longest_there_is(silence_ms: int | None) -> None:
    settings = ListenSettings.model_validate({"silence_ms": silence_ms})
    patient = [False]
    pauses = Pauses(settings, lambda: patient[0])
    before = pauses.limit_ms(Moment(1_000))
    patient[0] = True
    assert pauses.limit_ms(Moment(1_000)) == settings.longest_silence_ms > before
    patient[0] = False
    assert pauses.limit_ms(Moment(1_000)) == before
