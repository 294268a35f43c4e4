"""A GGUF's header and token embeddings, read without loading the model.

The header is read once; the contents of arrays are skipped until they are needed, so a vocabulary
of 262,000 tokens costs a fraction of a second. Every length, count, offset and type is checked
against the size of the file before it is used. The module does not know how a model works; it only
makes sure that the file is what its header says.
"""

from __future__ import annotations

import hashlib
import math
import mmap
import os
import struct
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize
from numpy.typing import NDArray

from assistant.errors import GGUFError
from assistant.generate.cursor import U64, Cursor, Scalar, damaged
from assistant.generate.sizes import check_sizes

MAX_DIMS = 4
MAX_STRINGS = 1 << 24  # in one array; the largest vocabularies have a sixtieth of this
SAMPLED_ROWS = 64  # rows of the embedding table that go into its fingerprint
CHUNK_ROWS = 4_096  # rows dequantised at once
EMBEDDINGS = "token_embd.weight"
VOCABULARY = "tokenizer.ggml.tokens"

_INT32, _FLOAT, _STRING, _ARRAY = 5, 6, 8, 9
_SCALARS = {
    number: struct.Struct(f"<{code}")
    for number, code in enumerate(("B", "b", "H", "h", "I", "i", "f", "?", "", "", "Q", "q", "d"))
    if code
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where a tensor lies and how it is stored."""

    name: str
    shape: tuple[int, ...]  # fastest dimension first, as GGUF has it
    type: GGMLQuantizationType
    offset: int  # bytes from the start of the file
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class _Value:
    """The place of a metadata value, which is read when it is needed."""

    type: int
    offset: int
    count: int | None = None  # elements, where it is an array


USER_TEXT = "attune.user_text"
"""A key of models from Attune's recipe: ``spoken`` if they were trained on bare lower-case words.
"""


class GGUFHeader:
    """An open GGUF of any kind: its metadata and its tensors' places.

    Args:
        path: the file.
        setting: the setting that names it, for errors.

    Raises:
        GGUFError: if the file is missing, truncated, big-endian, or claims anything that its own
            size contradicts.
    """

    def __init__(self, path: Path, setting: str = "generate.path") -> None:
        self.path = path
        self._setting = setting
        try:
            self.size = path.stat().st_size  # bytes
            if self.size < 24:
                raise GGUFError(f"{path} is not a GGUF file: it has only {self.size} bytes.")
            self._file = os.open(path, os.O_RDONLY)
            weakref.finalize(self, os.close, self._file)
            # Kept as a view of the map itself: struct and hashlib read from it directly.
            self._view = memoryview(mmap.mmap(self._file, 0, access=mmap.ACCESS_READ))
        except OSError as error:
            raise GGUFError(
                f"Cannot read the model file {path}: {error.strerror}. "
                f"Set {setting} to a GGUF file."
            ) from None
        cursor = Cursor(self._view, path)
        n_tensors = self._read_magic(cursor)
        self._token_starts = np.zeros(1, np.int64)
        self._metadata = self._read_metadata(cursor)
        self.tensors = self._read_tensors(cursor, n_tensors)

    @property
    def keys(self) -> list[str]:
        """Every key of the metadata."""
        return list(self._metadata)

    def get(self, key: str) -> Scalar | list[Scalar] | None:
        """A metadata value or ``None``; arrays are decoded again on every call."""
        value = self._metadata.get(key)
        if value is None:
            return None
        if value.count is None:
            return self._scalar(value.type, value.offset)
        if value.type != _STRING:
            width = _SCALARS[value.type].size
            ends = value.offset + value.count * width
            return [self._scalar(value.type, at) for at in range(value.offset, ends, width)]
        strings: list[Scalar] = []
        at = value.offset
        for _ in range(value.count):
            strings.append(self._string(at))
            at += 8 + U64.unpack_from(self._view, at)[0]
        return strings

    def _scalar(self, kind: int, at: int) -> Scalar:
        if kind == _STRING:
            return self._string(at)
        return _SCALARS[kind].unpack_from(self._view, at)[0]

    def _string(self, at: int) -> str:
        size = U64.unpack_from(self._view, at)[0]
        return bytes(self._view[at + 8 : at + 8 + size]).decode("utf-8", "replace")

    def _number(self, key: str, default: int) -> int | float:
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise damaged(self.path, f"{key} is not a number")
        return value

    def _text(self, key: str) -> str:
        value = self.get(key)
        if not isinstance(value, str) or not value.isprintable():
            raise damaged(self.path, f"it does not give its {key}")
        return value

    def _read_magic(self, cursor: Cursor) -> int:
        """Check magic and version; the number of tensors."""
        if bytes(cursor.view[:4]) != b"GGUF":
            raise GGUFError(f"{self.path} is not a GGUF file; set {self._setting} to one.")
        cursor.skip(4)
        version = cursor.u32()
        if version and version & 0xFFFF == 0:
            raise GGUFError(
                f"{self.path} is a big-endian GGUF; convert it with gguf-convert-endian first."
            )
        if version not in (2, 3):
            raise damaged(self.path, f"its format version is {version}, not 2 or 3")
        return cursor.count(32, "tensors")

    def _read_metadata(self, cursor: Cursor) -> dict[str, _Value]:
        metadata: dict[str, _Value] = {}
        for _ in range(cursor.count(13, "metadata entries")):
            key = cursor.name("a key")
            if key in metadata:
                raise damaged(self.path, f"it gives {key} twice")
            kind = cursor.u32()
            if kind == _ARRAY:
                metadata[key] = self._read_array(cursor, key)
            elif kind == _STRING:
                metadata[key] = _Value(kind, cursor.at)
                cursor.skip(cursor.u64())
            elif kind in _SCALARS:
                metadata[key] = _Value(kind, cursor.skip(_SCALARS[kind].size))
            else:
                raise damaged(self.path, f"{key} has the unknown type {kind}")
        return metadata

    def _read_array(self, cursor: Cursor, key: str) -> _Value:
        kind = cursor.u32()
        if kind == _STRING:
            number = cursor.count(8, f"strings in {key}")
            if number > MAX_STRINGS:
                raise damaged(self.path, f"it claims {number} strings in {key}")
            value = _Value(kind, cursor.at, number)
            starts = cursor.strings(number)
            if key == VOCABULARY:
                self._token_starts = starts
            return value
        if kind not in _SCALARS:
            raise damaged(self.path, f"{key} is an array of the unknown type {kind}")
        number = cursor.count(_SCALARS[kind].size, f"numbers in {key}")
        return _Value(kind, cursor.skip(number * _SCALARS[kind].size), number)

    def _read_tensors(self, cursor: Cursor, number: int) -> dict[str, Tensor]:
        placed = [self._read_tensor(cursor) for _ in range(number)]
        alignment = int(self._number("general.alignment", 32))
        if alignment < 1 or alignment & (alignment - 1):
            raise damaged(self.path, f"its alignment is {alignment}, not a power of two")
        start = -(-cursor.at // alignment) * alignment
        tensors: dict[str, Tensor] = {}
        for relative in placed:
            tensor = Tensor(
                relative.name, relative.shape, relative.type, start + relative.offset, relative.size
            )
            if relative.offset % alignment:
                raise damaged(self.path, f"{tensor.name} violates its alignment")
            if tensor.offset + tensor.size > cursor.end:
                raise damaged(
                    self.path,
                    f"{tensor.name} reaches past its end, so the file is cut off or damaged",
                )
            if tensor.name in tensors:
                raise damaged(self.path, f"it has {tensor.name} twice")
            tensors[tensor.name] = tensor
        return tensors

    def _read_tensor(self, cursor: Cursor) -> Tensor:
        """A tensor's entry; its offset still counts from the start of the data."""
        name = cursor.name("a tensor name")
        n_dims = cursor.u32()
        if not 1 <= n_dims <= MAX_DIMS:
            raise damaged(self.path, f"{name} has {n_dims} dimensions")
        shape = tuple(cursor.u64() for _ in range(n_dims))
        kind = cursor.u32()
        offset = cursor.u64()
        try:
            type_ = GGMLQuantizationType(kind)
        except ValueError:
            raise GGUFError(
                f"{self.path} stores {name} in tensor type {kind}, which Attune does not know; "
                "choose another quantisation, such as Q8_0 or Q4_K_M."
            ) from None
        block, width = GGML_QUANT_SIZES[type_]
        if 0 in shape or shape[0] % block:
            raise damaged(self.path, f"{name} has the impossible shape {shape} for {type_.name}")
        return Tensor(name, shape, type_, offset, math.prod(shape) // block * width)


class GGUFFile(GGUFHeader):
    """A language model's GGUF, with its token embeddings.

    Raises:
        GGUFError: as :class:`GGUFHeader`, and if the file is one part of a split model, or its
            vocabulary and embeddings contradict each other.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        if int(self._number("split.count", 1)) > 1:
            raise GGUFError(f"{path} is one part of a split model; merge its parts into one GGUF.")
        self.architecture = self._text("general.architecture")
        self.embedding_length = int(self._number(f"{self.architecture}.embedding_length", 0))
        table = self.tensors.get(EMBEDDINGS)
        if table is None or len(table.shape) != 2:
            raise damaged(self.path, f"it has no two-dimensional {EMBEDDINGS}")
        if table.shape[0] != self.embedding_length:
            raise damaged(
                self.path,
                f"its embeddings are {table.shape[0]} wide where it promises "
                f"{self.embedding_length}",
            )
        self._table = table
        self.n_vocab = table.shape[1]
        if self._token_starts.size - 1 != self.n_vocab:
            raise damaged(
                self.path,
                f"its vocabulary has {self._token_starts.size - 1} entries "
                f"for {self.n_vocab} embeddings",
            )
        check_sizes(self)

    @property
    def chat_template(self) -> str | None:
        """The model's own Jinja template for conversations, if it has one."""
        template = self.get("tokenizer.chat_template")
        return template if isinstance(template, str) else None

    @property
    def reads_spoken(self) -> bool:
        """Whether it was trained on users' words without case, punctuation and digits."""
        return self.get(USER_TEXT) == "spoken"

    @property
    def bos(self) -> str | None:
        """The text of the token that begins a sequence."""
        return self._token_named("tokenizer.ggml.bos_token_id")

    @property
    def eos(self) -> str | None:
        """Text of the token that ends a sequence."""
        return self._token_named("tokenizer.ggml.eos_token_id")

    def tokens(self) -> list[str]:
        """The vocabulary as the file spells it (byte-level or SentencePiece marks included)."""
        return [self._string(int(start)) for start in self._token_starts[:-1]]

    def check_vocabulary(self) -> None:
        """Check what llama.cpp does not, and would abort the process over, in a vocabulary.

        Raises:
            GGUFError: if there is no tokenizer, an entry is repeated, entries lack their type or
                score, or a SentencePiece vocabulary cannot spell every byte.
        """
        starts = self._token_starts.tolist()
        # llama.cpp gives each empty entry a name of its own
        entries = {bytes(self._view[a + 8 : b]) or a for a, b in pairwise(starts)}
        if len(entries) != self.n_vocab:
            raise damaged(self.path, "its vocabulary has an entry twice")
        tokenizer = self.get("tokenizer.ggml.model")
        if tokenizer in ("none", "no_vocab"):
            raise damaged(self.path, "it has no tokenizer")
        if tokenizer == "llama":
            for byte in range(256):
                # a zero byte ends a string in llama.cpp, so only its spelled-out entry counts
                if not {b"<0x%02X>" % byte, bytes([byte]).rstrip(b"\0")} & entries:
                    raise damaged(self.path, f"its vocabulary cannot spell the byte {byte}")
        for key, kind in (("tokenizer.ggml.token_type", _INT32), ("tokenizer.ggml.scores", _FLOAT)):
            value = self._metadata.get(key)
            if value is not None and (value.type, value.count) != (kind, self.n_vocab):
                raise damaged(self.path, f"{key} does not match its vocabulary")

    def rows(self, token_ids: Sequence[int] | NDArray[np.integer]) -> NDArray[np.float32]:
        """Embeddings of some tokens, dequantised as llama.cpp does: shape (n, embedding_length).

        Raises:
            IndexError: if a token is not in the vocabulary.
            GGUFError: if the table is cut off, or stored in a type that cannot be dequantised.
        """
        ids = np.asarray(token_ids, np.int64)
        if ids.size and (ids.min() < 0 or ids.max() >= self.n_vocab):
            raise IndexError(f"ids must lie in 0 to {self.n_vocab - 1}")
        return self._dequantised(self._stored(ids.tolist()))

    def all_rows(self, chunk: int = CHUNK_ROWS) -> Iterator[NDArray[np.float32]]:
        """The whole embedding table in pieces of (up to chunk, embedding_length); as ``rows``."""
        for start in range(0, self.n_vocab, chunk):
            yield self._dequantised(self._stored([start], min(chunk, self.n_vocab - start)))

    def table(self) -> NDArray[np.float32]:
        """The whole embedding table, (n_vocab, embedding_length), as a new array; as ``rows``."""
        table = np.empty((self.n_vocab, self.embedding_length), np.float32)
        for start, rows in zip(range(0, self.n_vocab, CHUNK_ROWS), self.all_rows(), strict=True):
            table[start : start + len(rows)] = rows
        return table

    @property  # to type checkers, a cached_property does not fulfil a protocol's property
    def embedding_fingerprint(self) -> str:
        """32 hex digits that change with architecture, vocabulary, storage type or embeddings."""
        return self._embedding_fingerprint

    @cached_property
    def _embedding_fingerprint(self) -> str:
        digest = hashlib.sha256()
        shape = (self.architecture, self.embedding_length, self.n_vocab, self._table.type.name)
        digest.update(repr(shape).encode())
        digest.update(self._view[int(self._token_starts[0]) : int(self._token_starts[-1])])
        sample = np.linspace(0, self.n_vocab - 1, min(SAMPLED_ROWS, self.n_vocab)).astype(np.int64)
        digest.update(self._stored(sample.tolist()).tobytes())
        return digest.hexdigest()[:32]

    def _stored(self, starts: Sequence[int], n: int = 1) -> NDArray[np.uint8]:
        """Runs of n rows as they are stored, shape (n_starts * n, bytes of a row).

        Read, not mapped: touching one mapped row would count as megabytes, and a file that is
        truncated while in use would crash the process.
        """
        width = self._table.size // self.n_vocab
        raw = np.empty((len(starts), n * width), np.uint8)
        for run, start in zip(raw, starts, strict=True):
            if os.preadv(self._file, [run.data], self._table.offset + start * width) != n * width:
                raise damaged(self.path, "it was truncated while it was open")
        return raw.reshape(-1, width)

    def _dequantised(self, raw: NDArray[np.uint8]) -> NDArray[np.float32]:
        if not len(raw):
            return np.empty((0, self.embedding_length), np.float32)
        try:
            with np.errstate(all="ignore"):
                rows = dequantize(raw, self._table.type)
        except NotImplementedError:
            raise GGUFError(
                f"{self.path} stores its embeddings as {self._table.type.name}, which Attune "
                "cannot read; choose another quantisation, such as Q8_0 or Q4_K_M."
            ) from None
        return np.ascontiguousarray(rows, np.float32)

    def _token_named(self, key: str) -> str | None:
        token = int(self._number(key, -1))
        return self._string(int(self._token_starts[token])) if 0 <= token < self.n_vocab else None
