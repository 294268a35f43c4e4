from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.errors import JournalError
from assistant.journal.store import Journal
from assistant.journal.wake_examples import add, examples, replace
from assistant.personalise.bridges.erasure import forget
from assistant.personalise.bridges.folder import BridgeFolder


def sound(level: float) -> np.ndarray:
    return np.full(3_200, level, np.float32)


def levels(path: Path) -> list[float]:
    with Journal(path) as journal:
        return [round(float(each[0]), 3) for each in examples(journal)]


def test_examples_are_kept_in_order_and_the_first_of_a_new_word_replaces_all(
    path: Path,
) -> None:
    assert levels(path) == []
    with Journal(path) as journal:
        for number in range(4):
            add(journal, sound(number / 8), first=number == 0)
    assert levels(path) == [0.0, 0.125, 0.25, 0.375]
    with Journal(path) as journal:
        add(journal, sound(0.5), first=True)
    assert levels(path) == [0.5]
    with Journal(path) as journal:
        replace(journal, [sound(0.25), sound(0.75)])
    assert levels(path) == [0.25, 0.75]


def test_with_everything_else_they_are_erased_and_no_byte_of_them_stays(
    path: Path, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 8_000).astype(np.float32)
    with Journal(path) as journal:
        add(journal, noise, first=True)
        (kept,) = journal.memories("wake_example:").values()
    inside = kept[5_000:5_040].encode()
    assert any(inside in each.read_bytes() for each in tmp_path.iterdir() if each.is_file())
    with Journal(path) as journal:
        assert forget(journal, BridgeFolder(tmp_path / "bridges"), None).wiped
    assert levels(path) == []
    assert not any(inside in each.read_bytes() for each in tmp_path.iterdir() if each.is_file())


@pytest.mark.parametrize("value", ["no base 64", "bm8gc291bmQ="])
def test_damaged_examples_are_to_be_recorded_again(path: Path, value: str) -> None:
    with Journal(path) as journal:
        journal.remember("wake_example:00", value)
        with pytest.raises(JournalError, match="assistant enroll --wake"):
            examples(journal)
