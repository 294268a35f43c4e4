"""Checks what llama.cpp does not in a GGUF's header, and would abort the process over.

llama.cpp raises an error for a tensor that is missing or has another shape than the header
promises, but it aborts the whole process if numbers in the header contradict one another. So they
are checked against one another here first. For the families in :data:`KNOWN` this includes their
attention; for any other architecture, only what holds for all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from gguf.constants import GGMLQuantizationType as Storage

from assistant.errors import GGUFError
from assistant.generate.cursor import Scalar, damaged

KNOWN = {"gemma2", "gemma3", "granite", "lfm2", "llama", "phi3", "qwen2", "qwen3", "stablelm"}
TURNS_WHOLE_HEADS = {"granite", "llama", "qwen2", "qwen3"}  # no partial rotary embedding
MAX_LAYERS = 512
MAX_EXPERTS = 1_024
MAX_INT32 = (1 << 31) - 1
ROPE_SCALING = {"none", "linear", "yarn", "longrope"}

# types that occur only between two steps of a computation, or that no kernel multiplies
_NO_WEIGHTS = {
    Storage.I8, Storage.I16, Storage.I32, Storage.I64, Storage.F64, Storage.Q8_1, Storage.Q8_K,
}  # fmt: skip
_ALWAYS_F32 = ("_norm.weight", ".bias", "conv.weight", "conv1d.weight")


class Described(Protocol):
    """A tensor's entry in the header."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Fastest dimension first."""
        ...

    @property
    def type(self) -> Storage:
        """How it is stored."""
        ...


class Header(Protocol):
    """A GGUF's metadata and tensors."""

    path: Path
    architecture: str

    @property
    def tensors(self) -> Mapping[str, Described]:
        """Every tensor by its name."""
        ...

    def get(self, key: str) -> Scalar | list[Scalar] | None:
        """A metadata value, a list of them, or ``None``."""
        ...

    @property
    def keys(self) -> list[str]:
        """Every key of the metadata."""
        ...


def check_sizes(header: Header) -> None:
    """Check a header's numbers and storage types against one another.

    Raises:
        GGUFError: if llama.cpp would abort the process over one of them.
    """
    sizes = _Sizes(header)
    sizes.check_numbers()
    sizes.check_layers()
    sizes.check_experts()
    sizes.check_heads()
    sizes.check_projections()
    for name, tensor in header.tensors.items():
        plain = len(tensor.shape) == 1 or name.endswith(_ALWAYS_F32)
        if tensor.type in _NO_WEIGHTS or (plain and tensor.type != Storage.F32):
            raise damaged(header.path, f"{name} is stored as {tensor.type.name}")


class _Sizes:
    """The numbers under an architecture's name."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._prefix = f"{header.architecture}."

    def check_numbers(self) -> None:
        """No fraction may be infinite, and no epsilon negative, since it is added under a root."""
        for key in self._header.keys:
            if not key.startswith(self._prefix):
                continue
            value = self._header.get(key)
            lowest = 0.0 if key.endswith("epsilon") else -math.inf
            for number in self._list(value):
                if isinstance(number, float) and not lowest <= number < math.inf:
                    raise self._contradiction(key, number)
        scaling = self._header.get(f"{self._prefix}rope.scaling.type")
        if scaling is not None and scaling not in ROPE_SCALING:
            raise self._contradiction("rope.scaling.type", scaling)

    def check_layers(self) -> None:
        """At least one layer, no more than llama.cpp has room for, and a context."""
        self._bounded("context_length", 1, MAX_INT32)
        layers = self._bounded("block_count", 1, MAX_LAYERS)
        self._bounded("nextn_predict_layers", 0, layers or 0)
        self._bounded("shortconv.l_cache", 2, MAX_INT32)

    def check_experts(self) -> None:
        """No more experts used than there are, in groups of equal size."""
        experts = self._bounded("expert_count", 0, MAX_EXPERTS) or 0
        used = max(self._per_layer("expert_used_count"), default=0)
        if used > experts or bool(used) != bool(experts):
            raise self._contradiction("expert_used_count", used)
        groups = self._bounded("expert_group_count", 0, max(0, experts - 1)) or 0
        if groups > 1:
            if experts % groups:
                raise self._contradiction("expert_group_count", groups)
            self._bounded("expert_group_used_count", 1, groups - 1)

    def check_heads(self) -> None:
        """Heads that share keys evenly and rotate an even number of their dimensions."""
        width = self._bounded("embedding_length", 1, MAX_INT32)
        heads = self._per_layer("attention.head_count")
        if width is None or not heads or not (heads[0] or self._known):
            return  # no attention
        kv = self._per_layer("attention.head_count_kv") or heads
        n = max(len(heads), len(kv))
        for shared, among in zip(_spread(kv, n), _spread(heads, n), strict=True):
            if shared and among % shared:
                raise self._contradiction("attention.head_count_kv", shared)
        if heads[0] < 1:
            raise self._contradiction("attention.head_count", heads[0])
        key = self._bounded("attention.key_length", 1, MAX_INT32) or width // heads[0]
        value = self._bounded("attention.value_length", 1, MAX_INT32) or width // heads[0]
        turned = self._turned("rope.dimension_count", key, key)
        # layers with sliding attention may have heads of another size
        sliding = self._bounded("attention.key_length_swa", 1, MAX_INT32) or key
        self._turned("rope.dimension_count_swa", sliding, turned)
        if not self._known:
            return
        if turned != key and self._header.architecture in TURNS_WHOLE_HEADS:
            raise self._contradiction("rope.dimension_count", turned)
        if key != value:
            raise self._contradiction("attention.value_length", value)

    def _turned(self, name: str, key: int, default: int) -> int:
        """How many dimensions of a head are rotated: no more than it has, in pairs."""
        # with none, llama.cpp loops for ever; other architectures may rotate nothing at all
        turned = self._bounded(name, 2 if self._known else 0, key)
        if turned is None:
            turned = default
        if turned > key or turned % 2:
            raise self._contradiction(name, turned)
        return turned

    def check_projections(self) -> None:
        """Queries, keys and values for every attention layer, in one weight or in three."""
        names = self._header.tensors.keys()
        for name in names if self._known else ():
            layer, found, _ = name.partition("attn_output.weight")
            if found and f"{layer}attn_qkv.weight" not in names:
                for wanted in ("attn_q.weight", "attn_k.weight", "attn_v.weight"):
                    if layer + wanted not in names:
                        raise damaged(self._header.path, f"it lacks {layer}{wanted}")

    @property
    def _known(self) -> bool:
        return self._header.architecture in KNOWN

    def _per_layer(self, key: str) -> list[int]:
        """A number, or one for each layer; empty if there is none."""
        numbers: list[int] = []
        for number in self._list(self._header.get(self._prefix + key)):
            if not isinstance(number, int) or not 0 <= number <= MAX_INT32:
                raise self._contradiction(key, number)
            numbers.append(number)
        return numbers

    def _bounded(self, key: str, lowest: int, highest: int) -> int | None:
        """A whole number within its bounds; ``None`` if there is none, or one per layer."""
        number = self._header.get(self._prefix + key)
        if number is None or isinstance(number, list):
            return None
        if not isinstance(number, int) or not lowest <= number <= highest:
            raise self._contradiction(key, number)
        return number

    def _contradiction(self, key: str, value: object) -> GGUFError:
        key = key.removeprefix(self._prefix)
        return damaged(self._header.path, f"{self._prefix}{key} cannot be {value!r}")

    @staticmethod
    def _list(value: Scalar | list[Scalar] | None) -> list[Scalar]:
        if value is None:
            return []
        return value if isinstance(value, list) else [value]


def _spread(numbers: list[int], n: int) -> list[int]:
    """One number for each of so many layers."""
    return (numbers * n)[:n]
