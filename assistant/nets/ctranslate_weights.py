"""The weights file of a model in CTranslate2's format: read as float32, and changed in memory.

After a header come named arrays in float32, float16 or int8. A matrix in int8 has an array of
scales beside it, one for each row: a weight is its number divided by its row's scale.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Buffer = bytearray | mmap.mmap
"""The contents of a file."""

Changes = Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]
"""By the name of a matrix two factors, (outputs, rank) and (rank, inputs), whose product is added
to it."""

_TYPES: dict[int, type[np.generic]] = {
    0: np.float32,
    1: np.int8,
    2: np.int16,
    3: np.int32,
    4: np.float16,
}
"""Types of arrays by their numbers in the file."""

_HIGHEST = 127
"""Highest number of a weight in int8."""

_SCALE = "_scale"
"""What follows a matrix's name in that of its scales."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an array lies in the file."""

    name: str
    shape: tuple[int, ...]
    kind: type[np.generic]
    begin: int  # first byte
    size: int  # bytes

    def view(self, data: Buffer) -> NDArray[np.generic]:
        """The array itself; it can be written to if the file is a ``bytearray``."""
        count = self.size // np.dtype(self.kind).itemsize
        return np.frombuffer(data, self.kind, count, self.begin).reshape(self.shape)


def names(path: Path) -> list[str]:
    """The names of all arrays; raises as ``read``."""
    return [place.name for place in _places(_mapped(path))]


def read(path: Path, changes: Changes | None = None) -> dict[str, NDArray[np.float32]]:
    """All weights by name, int8 ones multiplied out, with something added to some of them.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is damaged, or lacks one of the matrices to be changed.
    """
    data = _mapped(path)
    places = {place.name: place for place in _places(data)}
    found = {
        name: _floats(data, places, place)
        for name, place in places.items()
        if place.shape and not name.endswith(_SCALE)
    }
    for name, (up, down) in (changes or {}).items():
        _place_of(name, places, (len(up), down.shape[1]))
        found[name] += up @ down
    return found


def changed(path: Path, changes: Changes) -> bytearray:
    """The file's contents with something added to some of its matrices, in their own types.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is damaged, or lacks one of these matrices.
    """
    data = bytearray(path.read_bytes())
    places = {place.name: place for place in _places(data)}
    for name, (up, down) in changes.items():
        place = _place_of(name, places, (len(up), down.shape[1]))
        weights = _floats(data, places, place) + up @ down
        if place.kind is np.int8:
            scales = _HIGHEST / np.maximum(np.abs(weights).max(axis=1), 1e-12)
            places[name + _SCALE].view(data)[...] = scales
            weights = np.rint(weights * scales[:, None])
        place.view(data)[...] = weights
    return data


def _place_of(name: str, places: Mapping[str, _Place], shape: tuple[int, int]) -> _Place:
    """Where a matrix of this name and shape lies; ``ValueError`` if there is none."""
    place = places.get(name)
    if place is None or place.shape != shape:
        raise ValueError(f"it has no {name} of shape {shape}")
    return place


def _mapped(path: Path) -> mmap.mmap:
    """The file's contents, which take no memory of their own."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _floats(data: Buffer, places: Mapping[str, _Place], place: _Place) -> NDArray[np.float32]:
    """An array in float32, in memory of its own."""
    found = place.view(data).astype(np.float32)
    if place.kind is not np.int8:
        return found
    scales = places.get(place.name + _SCALE)
    if scales is None:
        raise ValueError(f"{place.name} has no scales")
    return found / scales.view(data).astype(np.float32).reshape(-1, *[1] * (found.ndim - 1))


def _places(data: Buffer) -> Iterator[_Place]:
    """The arrays in the order of the file; ``ValueError`` if it is damaged."""
    at = 0

    def number(code: str) -> int:
        nonlocal at
        (found,) = struct.unpack_from(f"<{code}", data, at)
        at += struct.calcsize(f"<{code}")
        return found

    def text() -> str:
        nonlocal at
        length = number("H")
        at += length
        return bytes(data[at - length : at - 1]).decode()

    try:
        number("I")  # version of the format
        text()  # name of the kind of model
        number("I")  # its revision
        for _ in range(number("I")):
            name = text()
            shape = tuple(number("I") for _ in range(number("B")))
            kind = _TYPES[number("B")]
            size = number("I")
            if at + size > len(data) or size != np.dtype(kind).itemsize * int(np.prod(shape)):
                raise ValueError(f"{name} is cut off")
            yield _Place(name, shape, kind, at, size)
            at += size
    except (struct.error, KeyError, UnicodeDecodeError) as error:
        raise ValueError(f"it is damaged ({error})") from None
