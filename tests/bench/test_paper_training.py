from __future__ import annotations

import math
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
import soundfile

from assistant.bridge.batch import EncodedPair
from assistant.values import SAMPLE_RATE, EndReason, SpeechFeatures, Transcript, Utterance
from bench.paper import corpora
from bench.paper.cells import Cell, positioned
from bench.paper.corpora import Sample
from bench.paper.grid import (
    BASELINES,
    ENCODERS,
    ENCODING,
    EXPERIMENTS,
    LOOPS,
    METHODS,
    SEEDS,
    cells,
)
from bench.paper.training import Course, Energy, Plan, Point, batches, settled
from tests.journal.exchanges import sound


def sample(n_frames: int, dim: int = 4) -> Sample:
    frames = np.random.default_rng(n_frames).standard_normal((n_frames, dim)).astype(np.float32)
    features = SpeechFeatures(frames, 50.0, Transcript("yes", 1.0), "encoder")
    utterance = Utterance(
        np.zeros(320 * n_frames, np.float32),
        datetime(2026, 1, 1, tzinfo=timezone.utc),
        EndReason.STOP,
    )
    return Sample(utterance, EncodedPair(features, "yes"))


def curve(*losses: float) -> list[Point]:
    return [Point(epoch, loss, 2.0 * epoch) for epoch, loss in enumerate(losses, start=1)]


@pytest.mark.parametrize(
    ("losses", "epoch"),
    [
        ((10.0, 5.0, 1.0, 0.5, 0.0), 4),  # half a unit is a twentieth of the whole fall
        ((10.0, 5.0, 1.0, 0.6, 0.0), 5),
        ((10.0, 0.1, 9.0, 0.0), 2),  # what rises again has been there already
        ((1.0, 2.0, 3.0), 1),
        ((1.0,), 1),
    ],
)
def test_settled_is_where_hardly_anything_is_left_to_fall(
    losses: tuple[float, ...], epoch: int
) -> None:
    assert settled(curve(*losses)).epoch == epoch


def test_a_wider_epsilon_settles_sooner() -> None:
    points = curve(10.0, 5.0, 1.0, 0.0)
    assert [settled(points, epsilon).epoch for epsilon in (0.0, 0.1, 0.5)] == [4, 3, 2]


def test_a_loss_that_diverges_at_last_was_settled_before() -> None:
    assert settled(curve(10.0, 1.0, 0.9, math.nan)).epoch == 2


def test_the_target_is_reached_at_the_first_point_that_is_there() -> None:
    course = Course(tuple(curve(1.0, 0.06, 0.05, 0.01)), 4, 100.0, 1.0)
    assert course.reached == Point(3, 0.05, 6.0)
    assert course.settled.epoch == 3
    assert Course(tuple(curve(1.0, 0.06)), 2, 100.0, 1.0).reached is None


def test_every_sample_comes_once_per_epoch_with_others_of_like_length() -> None:
    samples = [sample(n_frames) for n_frames in range(10, 110)]
    found = batches(samples, Plan(batch=16, seed=3), epoch=1)
    assert Counter(id(each) for batch in found for each in batch) == Counter(map(id, samples))
    assert sorted(map(len, found)) == [4, *[16] * 6]
    for batch in found:
        lengths = [each.pair.frames for each in batch]
        assert max(lengths) / min(lengths) < 3


def test_batches_follow_the_seed_and_the_epoch() -> None:
    samples = [sample(n_frames) for n_frames in range(10, 60)]

    def order(seed: int, epoch: int) -> list[list[int]]:
        found = batches(samples, Plan(batch=8, seed=seed), epoch)
        return [[each.pair.frames for each in batch] for batch in found]

    assert order(0, 1) == order(0, 1)
    assert order(0, 1) != order(0, 2)
    assert order(0, 1) != order(1, 1)


def counter(folder: Path, microjoules: int, highest: int = 1_000_000_000) -> Path:
    """A RAPL zone as the kernel shows it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "max_energy_range_uj").write_text(f"{highest}\n")
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    return folder / "energy_uj"


def test_counters_of_all_packages_add_up(tmp_path: Path) -> None:
    first = counter(tmp_path / "intel-rapl:0", 5_000_000)
    second = counter(tmp_path / "intel-rapl:1", 0)
    core = counter(tmp_path / "intel-rapl:0:0", 0)  # a part of the first
    energy = Energy(rapl=tmp_path, ina=tmp_path / "none")
    assert energy.joules() == 0.0
    first.write_text("7000000\n")
    second.write_text("500000\n")
    core.write_text("900000\n")
    assert energy.joules() == pytest.approx(2.5)
    assert energy.joules() == pytest.approx(2.5)


def test_a_counter_that_starts_anew_has_gone_on(tmp_path: Path) -> None:
    path = counter(tmp_path / "intel-rapl:0", 99_000_000, highest=100_000_000)
    energy = Energy(rapl=tmp_path, ina=tmp_path / "none")
    path.write_text("3000000\n")
    assert energy.joules() == pytest.approx(4.0)


def test_a_boards_power_is_summed_over_time(tmp_path: Path) -> None:
    rail = tmp_path / "1-0040" / "hwmon" / "hwmon3"
    rail.mkdir(parents=True)
    (rail / "in1_input").write_text("5000\n")  # mV
    (rail / "curr1_input").write_text("0\n")  # mA
    energy = Energy(rapl=tmp_path / "none", ina=tmp_path)
    assert energy.joules() == 0.0
    (rail / "curr1_input").write_text("2000000000\n")
    first = energy.joules()
    second = energy.joules()
    assert first is not None
    assert second is not None
    assert 0 < first < second


def test_a_machine_that_counts_nothing_says_so(tmp_path: Path) -> None:
    assert Energy(rapl=tmp_path, ina=tmp_path).joules() is None


def test_positions_are_sinusoids_at_the_features_own_spread() -> None:
    plain = sample(6, dim=8)
    features = plain.pair.features
    added = positioned(plain).pair.features.frames - features.frames
    spread = features.frames.std()
    np.testing.assert_allclose(added[0], np.tile([0.0, spread], 4), atol=1e-6)
    np.testing.assert_allclose(added[1, :2], spread * np.array([np.sin(1), np.cos(1)]), atol=1e-6)
    np.testing.assert_allclose(
        added[3, 4:6], spread * np.array([np.sin(0.03), np.cos(0.03)]), atol=1e-6
    )
    assert np.unique(added, axis=0).shape[0] == 6


def test_positions_change_nothing_else() -> None:
    plain = sample(5, dim=3)
    found = positioned(plain)
    assert found.utterance is plain.utterance
    assert found.pair.text == plain.pair.text
    assert found.pair.features.frames.shape == (5, 3)
    assert found.pair.features.transcript == plain.pair.features.transcript


def visit(folder: Path, text: str, speaker: str = "CHI") -> None:
    """A CHAT transcript of two sentences with its recording beside it."""
    folder.mkdir(parents=True)
    soundfile.write(folder / "visit.wav", sound(6) * 0.9, SAMPLE_RATE, subtype="PCM_16")
    lines = [
        "@UTF8",
        "@Begin",
        f"@Participants:\t{speaker} Speaker, INV Investigator",
        "@Media:\tvisit, audio",
        "*INV:\twhat happens here ? •0_1000•",
        f"*{speaker}:\t{text} . •1000_2500•",
        f"*{speaker}:\tand {text} again . •3000_4500•",
        "@End\n",
    ]
    (folder / "visit.cha").write_text("\n".join(lines).replace("•", "\x15"), encoding="utf-8")


def test_a_preset_takes_those_who_have_the_condition(tmp_path: Path) -> None:
    visit(tmp_path / "SLI" / "a", "the giraffe runs")
    visit(tmp_path / "TD" / "b", "the elephant runs")
    found = list(corpora.imported("enni", tmp_path))
    assert sorted(text for _, text in found) == ["and the giraffe runs again", "the giraffe runs"]
    # a tenth of a second is added where nobody else speaks
    assert sorted(samples.shape[0] / SAMPLE_RATE for samples, _ in found) == [1.6, 1.7]


def test_a_preset_takes_the_tier_of_its_corpus(tmp_path: Path) -> None:
    visit(tmp_path / "cd" / "a", "the cookies fall", speaker="PAR")
    visit(tmp_path / "cc" / "b", "the water runs", speaker="PAR")
    assert {text for _, text in corpora.imported("adress", tmp_path)} == {
        "the cookies fall", "and the cookies fall again",
    }  # fmt: skip


def test_a_corpus_of_ones_own_is_taken_whole_in_an_order_that_stays(tmp_path: Path) -> None:
    for name in ("TD", "control", "other"):
        visit(tmp_path / name, f"this is {name.lower()}")
    first, again = (list(corpora.imported("mine", tmp_path)) for _ in range(2))
    assert len(first) == 6
    assert [text for _, text in first] == [text for _, text in again]


def test_no_cell_is_measured_twice() -> None:
    found = cells(EXPERIMENTS, ("polish", "kathleen"), ("starter", "small"))
    assert max(Counter(found).values()) == 1


def test_the_table_has_every_method_everywhere_and_more_seeds_of_ours() -> None:
    found = cells(["table"], ("polish", "kathleen"), ("starter", "small"))
    for corpus in ("polish", "kathleen"):
        for llm in ("starter", "small"):
            here = [cell for cell in found if (cell.corpus, cell.llm) == (corpus, llm)]
            assert {cell.method for cell in here if cell.seed == 0} == set(METHODS)
    others = [cell for cell in found if cell.seed != 0]
    assert others == [Cell("table", "polish", "starter", "ours", seed) for seed in SEEDS[1:]]


def test_open_questions_have_three_seeds_on_the_first_corpus_and_llm() -> None:
    for question, values in (
        ("positions", {"sinusoidal"}),
        ("padding", {"out of the loss"}),
        ("slots", {"10", "20", "50", "100"}),
    ):
        found = cells([question], ("polish", "kathleen"), ("starter", "small"))
        assert {(cell.value, cell.seed) for cell in found} == {
            (value, seed) for value in values for seed in (0, 1, 2)
        }
        assert {(cell.corpus, cell.llm, cell.method) for cell in found} == {
            ("polish", "starter", "ours")
        }


def test_the_other_experiments_have_their_cells() -> None:
    found = {name: cells([name], ["polish"], ["starter"]) for name in EXPERIMENTS}
    assert {(c.method, c.seed) for c in found["weeks"]} == {
        (head, seed) for head in ("letters", "pooled") for seed in (0, 1, 2)
    }
    assert [cell.method for cell in found["encoders"]] == list(ENCODERS)
    assert [cell.value for cell in found["speed"]] == [*LOOPS, ENCODING]
    assert {cell.value for cell in found["sizes"]} == {"25", "50"}
    assert [cell.method for cell in found["cost"]] == ["ours", *BASELINES]
    assert cells(EXPERIMENTS, ["polish"], ["starter"]) == [
        cell for name in EXPERIMENTS for cell in found[name]
    ]
