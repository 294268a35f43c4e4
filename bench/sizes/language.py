"""Language models with the exact shapes of those that people use, and random weights.

What a model costs depends on its shape and not on what it has learned. The vocabulary is
byte-level BPE of the true size: every word of common talk is one token, as it would be, and the
rest is made up.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from itertools import count, islice, product
from pathlib import Path
from string import ascii_lowercase

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType
from gguf.quants import quant_shape_to_byte_shape, quantize
from numpy.typing import NDArray

from assistant.config import INSTRUCTION
from assistant.generate.context import ContextLine
from assistant.personalise.data.common_talk import sentences

Kind = GGMLQuantizationType

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

_SCALE = 8  # of every sub-block of Q6_K; a whole step of the block's half-precision scale
_SPREAD = 18.5  # standard deviation of 6 random bits


@dataclass(frozen=True, slots=True)
class Shape:
    """Every size of a language model whose output is tied to its token table."""

    name: str
    architecture: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    head: int  # width of one attention head
    ffn: int
    vocab: int
    context: int
    rope_base: float
    epsilon: float

    def toy(self) -> Shape:
        """The same graph in a size that is made and run at once."""
        return replace(
            self, layers=2, width=256, heads=4, kv_heads=2, head=64, ffn=512, vocab=6_000,
            context=2_048,
        )  # fmt: skip


LLAMA = Shape(
    "Llama-3.2-1B", "llama", 16, 2_048, 32, 8, 64, 8_192, 128_256, 131_072, 500_000.0, 1e-5
)
GEMMA = Shape("Gemma-2-2B", "gemma2", 26, 2_304, 8, 4, 256, 9_216, 256_000, 8_192, 10_000.0, 1e-6)
QWEN = Shape(
    "Qwen2.5-1.5B", "qwen2", 28, 1_536, 12, 2, 128, 8_960, 151_936, 32_768, 1_000_000.0, 1e-6
)
SHAPES = (LLAMA, GEMMA, QWEN)


@dataclass(frozen=True, slots=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]  # rows first
    kind: Kind

    @property
    def stored(self) -> tuple[int, ...]:
        """Shape of the bytes, or of the numbers where they are not quantised."""
        is_plain = self.kind == Kind.F32
        return self.shape if is_plain else quant_shape_to_byte_shape(self.shape, self.kind)


def write(path: Path, shape: Shape, seed: int = 0) -> Path:
    """Write a model, tensor by tensor, and return its path; one that is there already stays."""
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    writer = GGUFWriter(str(unfinished), shape.architecture)
    _sizes(writer, shape)
    _tokenizer(writer, shape)
    tensors = list(_tensors(shape))
    for each in tensors:
        dtype = np.dtype(np.float32 if each.kind == Kind.F32 else np.uint8)
        n_bytes = math.prod(each.stored) * dtype.itemsize
        writer.add_tensor_info(each.name, each.stored, dtype, n_bytes, each.kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    weights = _Weights(shape, seed)
    for each in tensors:
        writer.write_tensor_data(weights.of(each))
    writer.close()
    return unfinished.rename(path)


def vocabulary(size: int) -> tuple[list[str], list[str]]:
    """Tokens of a byte-level BPE in the order of their ids, and its merges.

    Merges only ever lengthen what begins a word, so the tokens of a word are its longest known
    beginning and the bytes that are left.
    """
    merges = list(islice(_merges(), size - 256 - len(SPECIALS)))
    tokens = [*_byte_alphabet(), *(merge.replace(" ", "") for merge in merges), *SPECIALS]
    return tokens, merges


def _merges() -> Iterator[str]:
    known: set[str] = set()
    for word in _words():
        for end in range(1, len(word)):
            if word[: end + 1] not in known:
                known.add(word[: end + 1])
                yield f"{word[:end]} {word[end]}"


def _words() -> Iterator[str]:
    """Words of common talk with what stands before each, then every string of letters."""
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    moments = (start + timedelta(hours=25, minutes=7) * number for number in range(400))
    texts = [INSTRUCTION, *(ContextLine(at).line() for at in moments), *sentences(10_000)]
    for text in texts:
        for found in re.findall(r"[ '-][A-Za-z]+", f" {text}"):
            yield found.replace(" ", "Ġ")
    for length in count(1):
        for letters in product(ascii_lowercase, repeat=length):
            yield "Ġ" + "".join(letters)


def _byte_alphabet() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes, indexed by byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


def _sizes(writer: GGUFWriter, shape: Shape) -> None:
    writer.add_name(f"{shape.name}, random")
    writer.add_file_type(LlamaFileType.MOSTLY_Q4_0)
    writer.add_quantization_version(2)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ffn)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head)
    writer.add_value_length(shape.head)
    writer.add_vocab_size(shape.vocab)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_rope_dimension_count(shape.head)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    if shape.architecture == "gemma2":
        writer.add_attn_logit_softcapping(50.0)
        writer.add_final_logit_softcapping(30.0)
        writer.add_sliding_window(4_096)


def _tokenizer(writer: GGUFWriter, shape: Shape) -> None:
    tokens, merges = vocabulary(shape.vocab)
    last = len(tokens) - 1
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in SPECIALS else 1 for token in tokens])  # 3: control
    writer.add_token_merges(merges)
    writer.add_bos_token_id(last - 2)
    writer.add_eos_token_id(last)
    writer.add_add_bos_token(shape.architecture != "qwen2")
    writer.add_chat_template(TEMPLATE)


def _tensors(shape: Shape) -> Iterator[_Tensor]:
    """Every tensor in the order of the file."""
    yield _Tensor("token_embd.weight", (shape.vocab, shape.width), Kind.Q6_K)
    yield _Tensor("output_norm.weight", (shape.width,), Kind.F32)
    if shape.architecture == "llama":
        yield _Tensor("rope_freqs.weight", (shape.head // 2,), Kind.F32)
    norms = ["attn_norm", "ffn_norm"]
    if shape.architecture == "gemma2":
        norms += ["post_attention_norm", "post_ffw_norm"]
    queries, keys = shape.heads * shape.head, shape.kv_heads * shape.head
    for layer in range(shape.layers):
        for name in norms:
            yield _Tensor(f"blk.{layer}.{name}.weight", (shape.width,), Kind.F32)
        for name, rows, columns in (
            ("attn_q", queries, shape.width),
            ("attn_k", keys, shape.width),
            ("attn_v", keys, shape.width),
            ("attn_output", shape.width, queries),
            ("ffn_gate", shape.ffn, shape.width),
            ("ffn_up", shape.ffn, shape.width),
            ("ffn_down", shape.width, shape.ffn),
        ):
            yield _Tensor(f"blk.{layer}.{name}.weight", (rows, columns), Kind.Q4_0)
            if shape.architecture == "qwen2" and name in ("attn_q", "attn_k", "attn_v"):
                yield _Tensor(f"blk.{layer}.{name}.bias", (rows,), Kind.F32)


class _Weights:
    """Random weights; matrices of one shape differ in the order of their rows."""

    def __init__(self, shape: Shape, seed: int) -> None:
        self._shape = shape
        self._random = np.random.default_rng(seed)
        self._made: dict[tuple[int, ...], NDArray[np.uint8]] = {}

    def of(self, tensor: _Tensor) -> NDArray[np.float32] | NDArray[np.uint8]:
        """A tensor as it is stored."""
        if tensor.name == "rope_freqs.weight":
            return _rope_factors(self._shape)
        if tensor.kind == Kind.Q6_K:
            return self._table(tensor)
        if tensor.kind == Kind.Q4_0:
            return self._matrix(tensor.shape)
        around = 0.0 if tensor.name.endswith("bias") else 1.0
        spread = 0.1 * self._random.standard_normal(tensor.shape, np.float32)
        return (around + spread).astype(np.float32)

    def _matrix(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        if shape not in self._made:
            numbers = self._random.standard_normal(shape, np.float32)
            self._made[shape] = quantize(numbers / np.sqrt(shape[1]), Kind.Q4_0)
        made = self._made[shape]
        return made[self._random.permutation(len(made))]

    def _table(self, tensor: _Tensor) -> NDArray[np.uint8]:
        """Blocks of Q6_K with rows of length 1: 128 + 64 bytes of bits, 16 scales and their own."""
        table = self._random.integers(0, 256, tensor.stored, np.uint8)
        blocks = table.reshape(-1, 210)
        blocks[:, 192:208] = _SCALE
        unit = np.float16(1 / (np.sqrt(tensor.shape[1]) * _SPREAD * _SCALE))
        blocks[:, 208:] = np.frombuffer(unit.tobytes(), np.uint8)
        return table


def _rope_factors(shape: Shape) -> NDArray[np.float32]:
    """Llama 3's: short waves stay, long ones are stretched 32 times, those between by degrees."""
    turns = shape.rope_base ** (np.arange(0, shape.head, 2) / shape.head) * 2 * np.pi
    smooth = np.clip((8_192 / turns - 1) / 3, 0, 1)
    return (1 / ((1 - smooth) / 32 + smooth)).astype(np.float32)
