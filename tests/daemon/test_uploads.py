"""Files that come in pieces: in order, with room left, and gone when nobody goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from assistant.control.declaring import RefusalError
from assistant.daemon.disk import LEAVE_BYTES
from assistant.daemon.uploads import IDLE_S, MOST, Uploads


@dataclass
class Disk:
    """An upload's clock and disk."""

    folder: Path
    now: float = 0.0
    free: int = 10 * LEAVE_BYTES
    uploads: Uploads = field(init=False)

    def __post_init__(self) -> None:
        self.uploads = Uploads(lambda: self.now, lambda _: self.free)

    def add(self, key: str, piece: bytes, place: int) -> None:
        self.uploads.add(key, piece, place, self.folder)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path)
    yield disk
    disk.uploads.close()


def test_a_file_is_put_together_once_and_has_no_name(disk: Disk) -> None:
    disk.add("a", b"one", 0)
    disk.add("b", b"another", 0)
    disk.add("a", b" two", 1)
    assert list(disk.folder.iterdir()) == []
    with disk.uploads.take("a") as file:
        assert file.read() == b"one two"
    with pytest.raises(RefusalError, match="No file has come"):
        disk.uploads.take("a")


@pytest.mark.parametrize("place", [0, 2, 99])
def test_a_piece_that_is_missing_or_comes_twice_is_refused(place: int, disk: Disk) -> None:
    disk.add("a", b"one", 0)
    with pytest.raises(RefusalError, match="did not come as a whole"):
        disk.add("a", b"two", place)
    with pytest.raises(RefusalError, match="did not come as a whole"):
        disk.add("b", b"two", 1)


def test_what_is_broken_off_is_given_up_after_a_while(disk: Disk) -> None:
    for number in range(MOST):
        disk.add(str(number), b"x", 0)
    with pytest.raises(RefusalError, match="Too many files"):
        disk.add("one too many", b"x", 0)
    disk.now += IDLE_S / 2
    disk.add("0", b"x", 1)
    disk.now += IDLE_S / 2 + 1
    disk.add("another", b"x", 0)
    with disk.uploads.take("0") as file:
        assert file.read() == b"xx"
    with pytest.raises(RefusalError, match="No file has come"):
        disk.uploads.take("1")


def test_room_is_left_for_as_much_again(disk: Disk) -> None:
    disk.add("a", b"x" * 1_000, 0)
    disk.free = LEAVE_BYTES + 1_000 + 2 * 500
    disk.add("a", b"x" * 500, 1)
    disk.free = LEAVE_BYTES + 1_500 + 2 * 500 - 1
    with pytest.raises(RefusalError, match="not enough room"):
        disk.add("a", b"x" * 500, 2)
    with pytest.raises(RefusalError, match="No file has come"):
        disk.uploads.take("a")


def test_one_that_is_too_large_or_not_wanted_is_gone(disk: Disk) -> None:
    disk.add("a", b"x" * 1_001, 0)
    with pytest.raises(RefusalError, match="larger than"):
        disk.uploads.take("a", 1_000)
    disk.add("b", b"x", 0)
    disk.uploads.drop("b")
    for key in ("a", "b"):
        with pytest.raises(RefusalError, match="No file has come"):
            disk.uploads.take(key)
