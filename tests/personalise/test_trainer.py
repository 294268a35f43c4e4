from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from assistant.bridge.batch import Batch, EncodedPair, masked
from assistant.bridge.kinds import build
from assistant.errors import TrainingError
from assistant.journal.lineage import CurvePoint
from assistant.personalise.training.trainer import Interrupted, Trained, Trainer, chosen
from tests.personalise.material import SPELLING, letters_head, pair, pairs, trainer

ROOT = Path(__file__).parents[2]


def ignore(_point: CurvePoint, _left: float) -> None:
    pass


def run(training: Trainer) -> Trained:
    return training.run(ignore, threading.Event(), minutes=5)


def equal(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return all(torch.equal(left[name], right[name]) for name in left)


def test_it_learns_how_the_speaker_talks(tmp_path: Path) -> None:
    trained = run(trainer(tmp_path / "state"))
    network = build(letters_head().checkpoint.config).eval()
    network.load_state_dict(dict(trained.weights))
    unseen = pair("abc hag", shift=1, seed=9)
    before = SPELLING.transcript(unseen.features.frames.copy()).text
    with torch.inference_mode():
        logits = network(torch.tensor(unseen.features.frames)[None])[0].numpy()
    assert before != "abc hag"
    assert SPELLING.transcript(logits).text == "abc hag"
    first, last = trained.curve[0], trained.curve[-1]
    assert first.held_out is not None
    assert last.held_out is not None
    assert last.held_out < first.held_out / 4


def test_the_same_seed_gives_the_same_bridge_and_another_one_another(tmp_path: Path) -> None:
    one = run(trainer(tmp_path / "a"))
    two = run(trainer(tmp_path / "b"))
    other = run(trainer(tmp_path / "c", seed=1))
    assert equal(dict(one.weights), dict(two.weights))
    assert not equal(dict(one.weights), dict(other.weights))


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = run(trainer(tmp_path / "a"))
    stop = threading.Event()
    first = trainer(tmp_path / "b")
    with pytest.raises(Interrupted):
        first.run(lambda point, _left: stop.set() if point.step == 23 else None, stop, 5)
    steps: list[int] = []
    second = trainer(tmp_path / "b").run(
        lambda point, _left: steps.append(point.step), threading.Event(), 5
    )
    assert steps[0] == 24
    assert equal(dict(whole.weights), dict(second.weights))
    assert [point.step for point in whole.curve] == [point.step for point in second.curve]
    assert [p.held_out for p in whole.curve] == [p.held_out for p in second.curve]


def test_a_state_of_another_training_or_a_broken_one_is_left_alone(tmp_path: Path) -> None:
    stop = threading.Event()
    with pytest.raises(Interrupted):
        trainer(tmp_path / "s", "one").run(
            lambda point, _left: stop.set() if point.step == 5 else None, stop, 5
        )
    for spoil in (lambda _path: None, lambda path: path.write_bytes(path.read_bytes()[:-9])):
        spoil(tmp_path / "s")
        steps: list[int] = []
        trainer(tmp_path / "s", "two").run(
            lambda point, _left, steps=steps: steps.append(point.step), threading.Event(), 5
        )
        assert steps[0] == 1


def test_a_killed_training_goes_on_from_what_it_saved(tmp_path: Path) -> None:
    state = tmp_path / "state"
    program = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from assistant.personalise.training import trainer as training\n"
        "from tests.personalise.material import trainer\n"
        "training.SAVE_S = 0.0\n"
        "trainer(Path(sys.argv[1]), steps=4000).run("
        "lambda point, left: print(point.step, flush=True), threading.Event(), 5)\n"
    )
    begun = subprocess.Popen(
        [sys.executable, "-c", program, str(state)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    with begun:
        assert begun.stdout is not None
        for line in begun.stdout:
            if int(line) == 30:
                begun.send_signal(signal.SIGKILL)
                break
        begun.stdout.read()
    stop = threading.Event()
    steps: list[int] = []

    def told(point: CurvePoint, _left: float) -> None:
        steps.append(point.step)
        stop.set()

    with pytest.raises(Interrupted):
        trainer(state, steps=4000).run(told, stop, 5)
    assert steps[0] >= 29


def test_whether_anything_was_learned_is_told_by_held_out_speech(tmp_path: Path) -> None:
    assert run(trainer(tmp_path / "a")).has_learned
    nonsense = trainer(tmp_path / "b")
    train = [EncodedPair(each.features, "hhh") for each in nonsense._material.train]
    right = [pair(each.text, seed=3) for each in nonsense._material.held_out]
    nonsense._material = replace(nonsense._material, train=train, replay=[], held_out=right)
    assert not run(nonsense).has_learned


def test_it_stops_when_the_held_out_loss_no_longer_falls(tmp_path: Path) -> None:
    trained = run(trainer(tmp_path / "s", steps=2_000, rate=0.3))
    assert trained.curve[-1].step < 2_000


def test_it_keeps_to_its_minutes(tmp_path: Path) -> None:
    trained = trainer(tmp_path / "s", steps=10**6).run(ignore, threading.Event(), 0.5 / 60)
    assert 0 < trained.curve[-1].step < 10**6


def test_a_state_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TrainingError, match=r"Cannot write .*Make room"):
        run(trainer(tmp_path / "file" / "state"))


def test_too_little_memory_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="MB but may use only 300 MB"):
        run(trainer(tmp_path / "s", memory_mb=300, batch=8))


def test_a_loss_that_is_no_number_is_told(tmp_path: Path) -> None:
    broken = trainer(tmp_path / "s")
    spoiled = pair("abc", seed=4)
    frames = np.full_like(spoiled.features.frames, np.nan)
    object.__setattr__(spoiled.features, "frames", frames)
    broken._material = type(broken._material)([spoiled], [], [])
    with pytest.raises(TrainingError, match="not a number after 1 steps"):
        run(broken)


def test_every_pair_comes_once_per_round_beside_those_of_like_length() -> None:
    material = [pair("a" * length, seed=length) for length in range(1, 31)]
    for rounds in range(3):
        steps = [chosen(material, 7, 5, rounds * 5 + step) for step in range(5)]
        assert sorted(each.frames for part in steps for each in part) == sorted(
            each.frames for each in material
        )
        assert all(part[-1].frames < 2.5 * part[0].frames for part in steps if part[0].frames > 9)
    assert chosen(material, 7, 5, 3) == chosen(material, 7, 5, 3)
    assert chosen(material, 7, 5, 3) != chosen(material, 7, 6, 3)


def test_masks_hide_whole_frames_and_never_all() -> None:
    batch = Batch.of(pairs(8, 3))
    torch.manual_seed(1)
    hidden = (masked(batch).frames != batch.frames).any(-1)
    assert 0 < hidden.float().mean() < 0.3
