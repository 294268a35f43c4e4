from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.errors import TrainingError
from assistant.personalise.bridges import training_files
from assistant.personalise.bridges.shred import shred
from assistant.personalise.data.feature_file import EncodedFile
from assistant.values import SpeechFeatures, Transcript, Word

ENCODER, DIM = "encoder-1", 3


def features(seed: int, encoder: str = ENCODER) -> SpeechFeatures:
    frames = np.random.default_rng(seed).standard_normal((4 + seed, DIM)).astype(np.float32)
    transcript = Transcript(f"text {seed}", 0.5, (Word("text", 0.0, 0.5, 0.25),))
    return SpeechFeatures(frames, 25.0, transcript, encoder)


def opened(folder: Path, encoder: str = ENCODER) -> EncodedFile:
    return EncodedFile(folder, "some", encoder)


def filled(folder: Path, count: int = 3) -> EncodedFile:
    file = opened(folder)
    for seed in range(count):
        file.add(f"key {seed}", features(seed))
    return file


def same(found: SpeechFeatures, wanted: SpeechFeatures) -> bool:
    return (
        np.array_equal(found.frames, wanted.frames.astype(np.float16))
        and (found.frame_rate, found.transcript, found.encoder)
        == (wanted.frame_rate, wanted.transcript, wanted.encoder)
    )  # fmt: skip


def kept(file: EncodedFile) -> list[int]:
    """Numbers of the utterances that are there, each of them whole."""
    there = [seed for seed in range(9) if f"key {seed}" in file]
    assert all(same(file.features(f"key {seed}"), features(seed)) for seed in there)
    return there


def test_what_is_kept_is_read_again_in_any_order(tmp_path: Path) -> None:
    for file in (filled(tmp_path / "new"), opened(tmp_path / "new")):
        assert same(file.features("key 2"), features(2))
        pair = file.pair("key 0", "what was said")
        assert same(pair.features, features(0))
        assert (pair.text, pair.frames, pair.weight) == ("what was said", 4, 1.0)
        assert "key 3" not in file
    with pytest.raises(KeyError):
        opened(tmp_path / "empty").features("key 0")


@pytest.mark.parametrize("cut", [1, 5, 60])
def test_a_line_that_is_cut_off_costs_its_own_utterance_only(tmp_path: Path, cut: int) -> None:
    filled(tmp_path)
    _, lines = training_files.features(tmp_path, "some")
    lines.write_bytes(lines.read_bytes()[:-cut])
    file = opened(tmp_path)
    assert kept(file) == [0, 1]
    file.add("key 2", features(2))
    file.add("key 3", features(3))
    assert kept(file) == kept(opened(tmp_path)) == [0, 1, 2, 3]


def test_frames_that_are_missing_or_too_many_cost_nothing_else(tmp_path: Path) -> None:
    filled(tmp_path)
    frames, _ = training_files.features(tmp_path, "some")
    whole = frames.read_bytes()
    frames.write_bytes(whole[:-1])
    assert kept(opened(tmp_path)) == [0, 1]
    frames.write_bytes(whole + b"stray")  # frames whose line was never written
    file = opened(tmp_path)
    file.add("key 2", features(2))
    assert kept(opened(tmp_path)) == [0, 1, 2]


@pytest.mark.parametrize("nonsense", [b"{}\n", b"\xff\n", b'["key", 3]\n'])
def test_what_comes_after_a_damaged_line_is_made_anew(tmp_path: Path, nonsense: bytes) -> None:
    filled(tmp_path)
    _, lines = training_files.features(tmp_path, "some")
    head, first, *_ = lines.read_bytes().splitlines(keepends=True)
    lines.write_bytes(head + first + nonsense)
    assert kept(opened(tmp_path)) == [0]
    lines.write_bytes(nonsense)
    assert kept(opened(tmp_path)) == []
    assert kept(filled(tmp_path)) == [0, 1, 2]


def test_features_of_another_encoder_go(tmp_path: Path) -> None:
    filled(tmp_path)
    file = opened(tmp_path, "encoder-2")
    assert "key 0" not in file
    assert not any(path.exists() for path in training_files.features(tmp_path, "some"))
    file.add("key 0", features(0, "encoder-2"))
    assert opened(tmp_path, "encoder-2").features("key 0").encoder == "encoder-2"


def test_frames_that_go_meanwhile_are_told(tmp_path: Path) -> None:
    file = filled(tmp_path)
    frames, _ = training_files.features(tmp_path, "some")
    frames.write_bytes(frames.read_bytes()[:-1])
    with pytest.raises(TrainingError, match=r"Cannot read .*some\.frames: it is cut off"):
        file.features("key 2")
    frames.unlink()
    with pytest.raises(TrainingError, match=r"Cannot read .*some\.frames: .*No such file"):
        file.features("key 2")


def test_destroyed_nothing_is_left(tmp_path: Path) -> None:
    file = filled(tmp_path)
    file.destroy()
    assert list(tmp_path.iterdir()) == []
    assert "key 0" not in file
    file.add("key 1", features(1))
    assert kept(file) == [1]


def test_nobody_else_may_read_them(tmp_path: Path) -> None:
    filled(tmp_path)
    assert {path.stat().st_mode & 0o777 for path in training_files.features(tmp_path, "some")} == {
        0o600
    }


def test_what_cannot_be_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TrainingError, match=r"Cannot write .*some\.frames: .*Make room"):
        opened(tmp_path / "file" / "folder")


def test_what_is_erased_while_a_training_runs_does_not_come_back(tmp_path: Path) -> None:
    file = filled(tmp_path)
    shred(training_files.features(tmp_path, "some"))
    with pytest.raises(TrainingError, match="has been erased, so"):
        file.add("key 9", features(9))
    assert list(tmp_path.iterdir()) == []
