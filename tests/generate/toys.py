"""Writes tiny GGUFs with the true graph features of their architectures and random weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, product
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType
from gguf.quants import quantize
from numpy.typing import NDArray

from assistant.config import GenerateSettings
from assistant.generate.llama import LlamaSession
from tests.settings import block

Weight = NDArray[np.float32]
Load = Callable[..., LlamaSession]
"""Writes a toy, loads it with changed settings and closes it after the test."""

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Merges in the order in which byte-level BPE applies them; Ġ is a space.
MERGES = ["h e", "l l", "he ll", "hell o", "Ġ t", "Ġt h", "Ġth e", "i n", "o u", "Ġ y", "Ġy ou"]
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
# SentencePiece takes the best neighbours together, whatever their order; ▁ is a space.
PIECES = [
    "▁t",
    "he",
    "▁the",
    "ll",
    "hell",
    "hello",
    "▁hello",
    "▁you",
    "ou",
    "yo",
    "you",
    "▁It",
    "It",
]


def byte_alphabet() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes, indexed by byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


def chained(*tokens: int, n_ctx: int = 512) -> Toy:
    """A toy whose reply is these tokens: the ChatML header ends in a newline."""
    return Toy(n_embd=320, n_ctx=n_ctx, chain=(NEWLINE, *tokens))


def babbling(*, n_ctx: int) -> Toy:
    """A toy that goes on for ever without repeating itself, at a temperature of 0.1."""
    letters = b"abcdefgh "
    return chained(*(each for pair in product(letters, letters) for each in pair), n_ctx=n_ctx)


def vocabulary(specials: Sequence[str] = SPECIALS) -> list[str]:
    return [*byte_alphabet(), *(merge.replace(" ", "") for merge in MERGES), *specials]


def sentence_pieces(specials: Sequence[str]) -> list[str]:
    letters = [chr(code) for code in range(33, 127)]
    return ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *letters, *PIECES, *specials]


N_VOCAB = len(vocabulary())
EOS = N_VOCAB - 3
IM_START = N_VOCAB - 2
IM_END = N_VOCAB - 1
NEWLINE = 10


@dataclass(frozen=True)
class Toy:
    """Sizes and contents of a toy model; two layers of attention unless said otherwise."""

    architecture: str = "llama"
    n_embd: int = 64
    n_head: int = 4
    n_head_kv: int = 2
    key_length: int | None = None  # of a head, where it is not n_embd / n_head
    n_ff: int = 96
    n_layer: int = 2
    n_ctx: int = 512
    tied: bool = False
    rope_factors: bool = False  # Llama 3's, one per pair of dimensions
    causal: bool = True
    parallel: bool = False  # StableLM 2 12B's residual, with norms of queries and keys
    original_ctx: int = 512  # Phi 3.5 turns its heads otherwise in a longer context
    embedding_type: GGMLQuantizationType = GGMLQuantizationType.F32
    seed: int = 0
    template: str | None = CHATML
    sentencepiece: bool = False
    mute: bool = False  # no tokens but the special ones
    pre: str = "llama-bpe"
    specials: tuple[str, ...] = tuple(SPECIALS)
    bos: str = "<|endoftext|>"
    eos: str = "<|im_end|>"
    eot: str | None = None
    eom: str | None = None
    add_bos: bool = False
    chain: tuple[int, ...] = ()  # tokens of which each is always answered with the next one
    without: str | None = None  # a metadata key or a tensor that is left out

    @property
    def head(self) -> int:
        return self.key_length or self.n_embd // self.n_head

    @cached_property
    def tokens(self) -> list[str]:
        if self.mute:
            return list(self.specials)
        make = sentence_pieces if self.sentencepiece else vocabulary
        return make(self.specials)


def write(path: Path, toy: Toy) -> Path:
    """Write the model and return its path."""
    writer = GGUFWriter(str(path), toy.architecture)
    _write_sizes(writer, toy)
    _write_features(writer, toy)
    _write_tokenizer(writer, toy)
    tensors = _tensors(toy)
    if toy.without is not None and tensors.pop(toy.without, None) is None:
        del writer.kv_data[0][f"{toy.architecture}.{toy.without}"]
    for name, weight in tensors.items():
        if name == "token_embd.weight" and toy.embedding_type != GGMLQuantizationType.F32:
            raw = quantize(weight, toy.embedding_type)
            writer.add_tensor(name, raw, raw_dtype=toy.embedding_type)
        else:
            writer.add_tensor(name, weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def settings(path: Path, **changes: object) -> GenerateSettings:
    """Settings for a toy: one thread, short replies, the likeliest token."""
    base: dict[str, object] = {
        "path": path,
        "instruction": "Be kind.",
        "n_ctx": 512,
        "threads": 1,
        "temperature": 0.0,
        "max_tokens": 8,
        "context_from": 0,  # a toy is given the context line
    }
    return block(GenerateSettings, **base | changes)


def _write_sizes(writer: GGUFWriter, toy: Toy) -> None:
    arch = toy.architecture
    writer.add_context_length(toy.n_ctx)
    writer.add_embedding_length(toy.n_embd)
    writer.add_block_count(toy.n_layer)
    writer.add_feed_forward_length(toy.n_ff)
    writer.add_head_count(toy.n_head)
    writer.add_vocab_size(len(toy.tokens))
    writer.add_rope_freq_base(10_000.0)
    if toy.key_length is not None:
        writer.add_key_length(toy.head)
        writer.add_value_length(toy.head)
    if arch == "stablelm":
        writer.add_layer_norm_eps(1e-5)
        writer.add_rope_dimension_count(toy.head // 4)
    else:
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_rope_dimension_count(toy.head)
    if arch == "lfm2":
        writer.add_head_count_kv([0 if _is_convolution(toy, i) else 2 for i in range(toy.n_layer)])
    else:
        writer.add_head_count_kv(toy.n_head_kv)


def _write_features(writer: GGUFWriter, toy: Toy) -> None:
    """What an architecture computes otherwise than the others."""
    arch = toy.architecture
    if not toy.causal:
        writer.add_causal_attention(toy.causal)
    if arch in ("gemma2", "gemma3", "phi3"):
        writer.add_sliding_window(16)
    if arch == "gemma2":
        # The published 50 and 30 would hardly bend what so small a model computes.
        writer.add_attn_logit_softcapping(0.5)
        writer.add_final_logit_softcapping(3.0)
    if arch == "gemma3":
        writer.add_rope_freq_base_swa(1_000.0)
    if arch == "phi3":
        writer.add_rope_scaling_orig_ctx_len(toy.original_ctx)
        writer.add_rope_scaling_attn_factors(1.19)
    if arch == "stablelm":
        writer.add_parallel_residual(toy.parallel)
    if arch == "granite":
        writer.add_embedding_scale(12.0)
        writer.add_residual_scale(0.22)
        writer.add_attention_scale(1 / toy.head)
        writer.add_logit_scale(8.0)
    if arch == "lfm2":
        writer.add_shortconv_l_cache(3)
    if arch in ("qwen2vl", "qwen3vl"):
        writer.add_rope_dimension_sections([4, 2, 2, 0])
    if arch == "gemma4":
        writer.add_embedding_length_per_layer_input(8)


def _write_tokenizer(writer: GGUFWriter, toy: Toy) -> None:
    arch, tokens = toy.architecture, toy.tokens
    types = [TokenType.CONTROL if token in toy.specials else TokenType.NORMAL for token in tokens]
    if toy.sentencepiece:
        writer.add_tokenizer_model("llama")
        types[:257] = [TokenType.UNKNOWN] + [TokenType.BYTE] * 256
        # The longest first.
        writer.add_token_scores([float(len(token)) for token in tokens])
        writer.add_add_space_prefix(arch == "phi3")
        if arch == "phi3":
            writer.add_name("Phi3")  # tells llama.cpp to drop line breaks behind its marks
    else:
        writer.add_tokenizer_model("gpt2")
        writer.add_token_merges(MERGES)
    writer.add_tokenizer_pre("default" if toy.sentencepiece else toy.pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_bos_token_id(tokens.index(toy.bos))
    writer.add_eos_token_id(tokens.index(toy.eos))
    if toy.eot is not None:
        writer.add_eot_token_id(tokens.index(toy.eot))
    if toy.eom is not None:
        writer.add_eom_token_id(tokens.index(toy.eom))
    writer.add_add_bos_token(toy.add_bos)
    if toy.template is not None:
        writer.add_chat_template(toy.template)


def _is_convolution(toy: Toy, layer: int) -> bool:
    return toy.architecture == "lfm2" and layer % 2 == 0


class _Dice:
    """Seeded random weights."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def matrix(self, n_out: int, n_in: int) -> Weight:
        return (self.random.standard_normal((n_out, n_in)) / np.sqrt(n_in)).astype(np.float32)

    def vector(self, *shape: int, around: float = 1.0) -> Weight:
        return (around + 0.1 * self.random.standard_normal(shape)).astype(np.float32)


def _tensors(toy: Toy) -> dict[str, Weight]:
    """Every weight, in NumPy's order (rows first)."""
    dice = _Dice(toy.seed)
    arch, n_embd, n_vocab = toy.architecture, toy.n_embd, len(toy.tokens)
    embeddings = dice.random.standard_normal((n_vocab, n_embd)).astype(np.float32)
    tensors = {"token_embd.weight": embeddings}
    last_norm = "token_embd_norm" if arch == "lfm2" else "output_norm"
    tensors[f"{last_norm}.weight"] = dice.vector(n_embd)
    if arch == "stablelm":
        tensors["output_norm.bias"] = dice.vector(n_embd, around=0.0)
    if not (toy.tied or arch in ("gemma2", "gemma3", "lfm2")):
        tensors["output.weight"] = dice.matrix(n_vocab, n_embd)
    for layer in range(toy.n_layer):
        mixer = _convolution if _is_convolution(toy, layer) else _attention
        block = _norms(toy, dice) | mixer(toy, dice) | _feed_forward(toy, dice)
        tensors |= {f"blk.{layer}.{name}": weight for name, weight in block.items()}
    if toy.rope_factors:
        tensors["rope_freqs.weight"] = np.linspace(1, 8, toy.head // 2, dtype=np.float32)
    if arch == "phi3":
        for name, last in (("long", 32.0), ("short", 2.0)):
            factors = np.geomspace(1, last, toy.head // 2, dtype=np.float32)
            tensors[f"rope_factors_{name}.weight"] = factors
    if toy.chain:
        _forge_chain(tensors, toy)
    return tensors


def _norms(toy: Toy, dice: _Dice) -> dict[str, Weight]:
    names = ["attn_norm"] if toy.parallel else ["attn_norm", "ffn_norm"]
    if toy.architecture in ("gemma2", "gemma3"):
        names += ["post_attention_norm", "post_ffw_norm"]
    norms = {f"{name}.weight": dice.vector(toy.n_embd) for name in names}
    if toy.architecture == "stablelm":
        norms |= {f"{name}.bias": dice.vector(toy.n_embd, around=0.0) for name in names}
    return norms


def _attention(toy: Toy, dice: _Dice) -> dict[str, Weight]:
    n_embd, q, kv = toy.n_embd, toy.n_head * toy.head, toy.n_head_kv * toy.head
    weights = {"attn_output.weight": dice.matrix(n_embd, q)}
    if toy.architecture == "phi3":
        return weights | {"attn_qkv.weight": dice.matrix(q + 2 * kv, n_embd)}
    for name, width in (("attn_q", q), ("attn_k", kv), ("attn_v", kv)):
        weights[f"{name}.weight"] = dice.matrix(width, n_embd)
        # StableLM 2 1.6B has biases, 12B has none.
        if toy.architecture in ("qwen2", "qwen2vl", "stablelm") and not toy.parallel:
            weights[f"{name}.bias"] = dice.vector(width, around=0.0)
    if toy.architecture in ("gemma3", "lfm2", "qwen3", "qwen3vl"):
        weights["attn_q_norm.weight"] = dice.vector(toy.head)
        weights["attn_k_norm.weight"] = dice.vector(toy.head)
    if toy.parallel:
        weights["attn_q_norm.weight"] = dice.vector(toy.n_head, toy.head)
        weights["attn_k_norm.weight"] = dice.vector(toy.n_head_kv, toy.head)
    return weights


def _convolution(toy: Toy, dice: _Dice) -> dict[str, Weight]:
    return {
        "shortconv.conv.weight": dice.matrix(toy.n_embd, 3),
        "shortconv.in_proj.weight": dice.matrix(3 * toy.n_embd, toy.n_embd),
        "shortconv.out_proj.weight": dice.matrix(toy.n_embd, toy.n_embd),
    }


def _feed_forward(toy: Toy, dice: _Dice) -> dict[str, Weight]:
    down = {"ffn_down.weight": dice.matrix(toy.n_embd, toy.n_ff)}
    if toy.architecture == "phi3":  # gate and up in one
        return down | {"ffn_up.weight": dice.matrix(2 * toy.n_ff, toy.n_embd)}
    return down | {
        "ffn_up.weight": dice.matrix(toy.n_ff, toy.n_embd),
        "ffn_gate.weight": dice.matrix(toy.n_ff, toy.n_embd),
    }


def _forge_chain(tensors: dict[str, Weight], toy: Toy) -> None:
    """Make every layer pass its input on, and the output name each token's successor."""
    for name, weight in tensors.items():
        if name.endswith(("attn_output.weight", "ffn_down.weight", "output.weight")):
            weight[:] = 0
    tensors["token_embd.weight"][:] = np.eye(len(toy.tokens), toy.n_embd)
    for token, successor in pairwise(toy.chain):
        tensors["output.weight"][successor, token] = 1
