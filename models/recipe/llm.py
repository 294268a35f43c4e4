"""Train the starter's language model: a small Llama, from nothing, on written dialogues.

Every example is the prompt that Attune sends at run time: the instruction first (the same for a
whole batch, so it is computed once per batch and its keys and values shared), then the context
line, the user's words and the reply. The weights are laid out as llama.cpp wants them
(interleaved rotary pairs), so the GGUF needs no permutation.

    python -m models.recipe.llm --out build --steps 5000 --data PATH
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import gguf
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn import functional

from assistant.config import INSTRUCTION
from assistant.generate.gguf import USER_TEXT
from models.recipe.dialogues import Exchange, collected, exchanges, held_out

SPECIAL = ["<|pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
PAD, SYSTEM, USER, ASSISTANT, END = range(5)
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{%- if message['role'] == 'assistant' -%}{{ '<|end|>' }}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|assistant|>' }}{%- endif -%}"
)
INSTRUCTIONS = (
    INSTRUCTION,
    "You are Attune. Answer kindly and in few words.",
    "You are a patient companion. Speak plainly. Say so when you do not know.",
    "Answer the person at home briefly, warmly and honestly.",
    "You are a helpful voice assistant. Keep your answers short.",
)
FROM_CONTEXT = frozenset(
    "activity appointment bedtime date date_and_time goodnight greeting month my_name pills "
    "reminders time tomorrow weekday year".split()
)
"""What the context line answers: drawn more often, because copying is hard to learn."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the network."""

    vocab: int = 3072
    width: int = 256
    layers: int = 6
    heads: int = 4
    feed_forward: int = 768
    context: int = 1024
    rope_base: float = 10_000.0
    epsilon: float = 1e-5


class RMSNorm(nn.Module):
    """Root-mean-square norm."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension."""
        return functional.rms_norm(x, x.shape[-1:], self.weight, self.epsilon)


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Rotate neighbouring pairs; x (batch, heads, n, head_dim), angles (n, head_dim / 2)."""
    pairs = x.float().unflatten(-1, (-1, 2))
    cos, sin = angles.cos(), angles.sin()
    even, odd = pairs[..., 0], pairs[..., 1]
    turned = torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1)
    return turned.flatten(-2).to(x.dtype)


class Layer(nn.Module):
    """One Llama layer; names follow the GGUF tensors."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.attn_norm = RMSNorm(width, shape.epsilon)
        self.attn_q = nn.Linear(width, width, bias=False)
        self.attn_k = nn.Linear(width, width, bias=False)
        self.attn_v = nn.Linear(width, width, bias=False)
        self.attn_output = nn.Linear(width, width, bias=False)
        self.ffn_norm = RMSNorm(width, shape.epsilon)
        self.ffn_gate = nn.Linear(width, shape.feed_forward, bias=False)
        self.ffn_up = nn.Linear(width, shape.feed_forward, bias=False)
        self.ffn_down = nn.Linear(shape.feed_forward, width, bias=False)

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def project(self, x: Tensor, angles: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rotated queries and keys, and values, (batch, heads, n, head_dim)."""
        normed = self.attn_norm(x)
        query, key, value = self.attn_q(normed), self.attn_k(normed), self.attn_v(normed)
        return (
            rotate(self._heads(query), angles),
            rotate(self._heads(key), angles),
            self._heads(value),
        )

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """Add attention's output and the feed-forward part."""
        x = x + self.attn_output(attended.transpose(1, 2).flatten(-2))
        normed = self.ffn_norm(x)
        return x + self.ffn_down(functional.silu(self.ffn_gate(normed)) * self.ffn_up(normed))


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Softmax attention; ``mask`` is added to the scores, (n_queries, n_keys)."""
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    return (scores + mask).softmax(-1).to(value.dtype) @ value


class Llama(nn.Module):
    """A Llama with tied embeddings and a prefix shared by the batch."""

    angles: Tensor  # (context, head_dim / 2)

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocab, shape.width)
        nn.init.normal_(self.token_embd.weight, std=0.05)
        self.blk = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.output_norm = RMSNorm(shape.width, shape.epsilon)
        for layer in self.blk:
            for name, parameter in layer.named_parameters():
                if parameter.ndim == 2:
                    scale = (
                        1 / math.sqrt(2 * shape.layers) if "output" in name or "down" in name else 1
                    )
                    nn.init.normal_(parameter, std=scale / math.sqrt(parameter.shape[1]))
        head = shape.width // shape.heads
        frequency = shape.rope_base ** (-torch.arange(0, head, 2) / head)
        self.register_buffer(
            "angles", torch.outer(torch.arange(shape.context), frequency), persistent=False
        )

    def forward(self, prefix: Tensor, tokens: Tensor) -> Tensor:
        """Logits after every token.

        Args:
            prefix: ids shared by the whole batch, (n_prefix,).
            tokens: ids that follow it, (batch, n).

        Returns:
            (batch, n, vocab).
        """
        n_prefix, n = prefix.shape[0], tokens.shape[1]
        x0, x = self.token_embd(prefix)[None], self.token_embd(tokens)
        causal = torch.full((n_prefix + n, n_prefix + n), -torch.inf).triu(1)
        for layer in cast("Iterable[Layer]", self.blk):
            query0, key0, value0 = layer.project(x0, self.angles[:n_prefix])
            query, key, value = layer.project(x, self.angles[n_prefix : n_prefix + n])
            key = torch.cat((key0.expand(len(x), -1, -1, -1), key), dim=2)
            value = torch.cat((value0.expand(len(x), -1, -1, -1), value), dim=2)
            x0 = layer.finish(x0, attend(query0, key0, value0, causal[:n_prefix, :n_prefix]))
            x = layer.finish(x, attend(query, key, value, causal[n_prefix:]))
        return self.output_norm(x) @ self.token_embd.weight.T


def train_tokenizer(vocab: int, seed: int, data: Path | None) -> Tokenizer:
    """Byte-level BPE over contexts, requests and replies, with GPT-2's splitting."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    stream = exchanges(random.Random(seed))
    texts = list(INSTRUCTIONS)
    for _ in range(40_000):
        exchange = next(stream)
        texts += [" " + exchange.user, exchange.reply, exchange.context.line() + "\n"]
    if data is not None:
        for _, user, reply, _ in collected(data, random.Random(seed)):
            texts += [" " + user, reply]
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def slip(words: Sequence[str], rng: random.Random) -> list[str]:
    """One slip of the kind a speech encoder makes: a letter or a word lost or changed."""
    at = rng.randrange(len(words))
    word = words[at]
    kind = rng.random()
    if kind < 0.25 and len(words) > 3:
        return [*words[:at], *words[at + 1 :]]
    place = rng.randrange(len(word))
    letter = rng.choice("aeioutnsrhld")
    if kind < 0.5:
        word = word[:place] + word[place + 1 :]
    elif kind < 0.8:
        word = word[:place] + letter + word[place + 1 :]
    else:
        word = word[:place] + letter + word[place:]
    return [*words[:at], *([word] if word else []), *words[at + 1 :]]


@dataclass(slots=True)
class Example:
    """Token ids after the instruction, and where the reply begins."""

    tokens: list[int]
    reply_at: int
    words_at: int


class Feed:
    """Endless batches of like length."""

    def __init__(self, tokenizer: Tokenizer, seed: int, data: Path | None, batch: int) -> None:
        self._tokenizer = tokenizer
        self._rng = random.Random(seed)
        self._stream = exchanges(random.Random(seed + 1))
        self._batch = batch
        self._collected: list[Exchange] = []
        if data is not None:
            rows = collected(data, random.Random(seed))
            self._collected = [Exchange(*row) for row in rows if not held_out(row[1])]

    def _draw(self) -> Exchange:
        if self._collected and self._rng.random() < 0.12:
            return self._rng.choice(self._collected)
        from_context = self._rng.random() < 0.15
        while True:
            exchange = next(self._stream)
            if from_context and exchange.intent not in FROM_CONTEXT:
                continue
            if not held_out(exchange.user):
                return exchange

    def example(self) -> Example:
        """Draw one exchange as tokens."""
        exchange = self._draw()
        words = exchange.user.split()
        if len(words) > 2 and self._rng.random() < 0.15:
            words = slip(words, self._rng)
        return encode(self._tokenizer, exchange, " ".join(words))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Pairs of token ids and loss weights of the next token, (batch, n) both."""
        while True:
            pool = sorted(
                (self.example() for _ in range(self._batch * 16)), key=lambda e: len(e.tokens)
            )
            batches = [pool[i : i + self._batch] for i in range(0, len(pool), self._batch)]
            self._rng.shuffle(batches)
            for examples in batches:
                longest = max(len(example.tokens) for example in examples)
                tokens = torch.full((len(examples), longest), PAD)
                weights = torch.zeros(len(examples), longest)
                for row, example in enumerate(examples):
                    tokens[row, : len(example.tokens)] = torch.tensor(example.tokens)
                    weights[row, example.words_at : example.reply_at] = 0.1
                    weights[row, example.reply_at : len(example.tokens)] = 1.0
                yield tokens, weights


def encode(tokenizer: Tokenizer, exchange: Exchange, words: str) -> Example:
    """Tokenise piece by piece, as the run-time session does."""
    before = tokenizer.encode(exchange.context.line() + "\n").ids
    user = tokenizer.encode(" " + words).ids
    reply = tokenizer.encode(exchange.reply).ids
    head = [*before, *user, ASSISTANT]
    return Example([*head, *reply, END], len(head), len(before))


def prefixes(tokenizer: Tokenizer) -> list[Tensor]:
    """The static part of the prompt for each instruction."""
    return [
        torch.tensor([SYSTEM, *tokenizer.encode(instruction).ids, USER])
        for instruction in INSTRUCTIONS
    ]


def objective(
    model: Llama, prefix: Tensor, tokens: Tensor, weights: Tensor
) -> tuple[Tensor, float]:
    """Weighted cross-entropy, and the mean over reply tokens alone."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(prefix, tokens[:, :-1])
    losses = functional.cross_entropy(
        logits.float().flatten(0, 1), tokens[:, 1:].flatten(), reduction="none"
    )
    flat = weights[:, 1:].flatten()
    reply = flat == 1.0
    return (losses * flat).sum() / flat.sum(), float(losses[reply].mean().detach())


def train(arguments: argparse.Namespace) -> None:
    """Tokenizer, network, GGUF."""
    torch.manual_seed(arguments.seed)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    shape = Shape(layers=arguments.layers, width=arguments.width, feed_forward=3 * arguments.width)
    if arguments.start:
        tokenizer = Tokenizer.from_file(str(arguments.start / "tokenizer.json"))
    else:
        tokenizer = train_tokenizer(shape.vocab, arguments.seed, arguments.data)
    tokenizer.save(str(out / "tokenizer.json"))
    model = Llama(shape)
    if arguments.start:
        model.load_state_dict(load_file(arguments.start / "llm.safetensors"))
    print(sum(p.numel() for p in model.parameters()), "parameters", flush=True)
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and n.startswith("blk")]
    others = [p for n, p in model.named_parameters() if not (p.ndim == 2 and n.startswith("blk"))]
    optims: list[torch.optim.Optimizer] = [
        torch.optim.Muon(
            matrices, lr=arguments.rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(others, lr=arguments.rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    feed = Feed(tokenizer, arguments.seed, arguments.data, arguments.batch)
    instructions = prefixes(tokenizer)
    rng = random.Random(arguments.seed)
    began, total = time.monotonic(), 0.0
    decay_steps = max(1, int(arguments.decay * arguments.steps))
    for step, (tokens, weights) in enumerate(feed, 1):
        if step > arguments.steps:
            break
        rate = arguments.rate * min(
            1.0, step / arguments.warm_up, (arguments.steps - step + 1) / decay_steps
        )
        for optim in optims:
            for group in optim.param_groups:
                group["lr"] = rate
        prefix = instructions[0] if rng.random() < 0.8 else rng.choice(instructions[1:])
        loss, reply_loss = objective(model, prefix, tokens, weights)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optim in optims:
            optim.step()
            optim.zero_grad(set_to_none=True)
        total += reply_loss
        if step % 50 == 0:
            elapsed = time.monotonic() - began
            print(
                f"step {step} reply loss {total / 50:.4f} rate {rate:.2e} "
                f"{step * arguments.batch / elapsed:.0f} examples/s {elapsed / 60:.1f} min",
                flush=True,
            )
            total = 0.0
        if step % arguments.every == 0 or step == arguments.steps:
            save_file(
                {n: p.clone() for n, p in model.state_dict().items()}, out / "llm.safetensors"
            )
            (out / "llm.json").write_text(json.dumps(asdict(shape)))
            write_gguf(model, tokenizer, out / "llm.gguf")


def write_gguf(model: Llama, tokenizer: Tokenizer, path: Path) -> None:
    """Write the model for llama.cpp, matrices in Q8_0."""
    shape = model.shape
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Attune starter")
    writer.add_license("Apache-2.0")
    writer.add_string(USER_TEXT, "spoken")  # it has read no capitals, points or digits of users
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocab)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    description = json.loads(tokenizer.to_str())["model"]
    by_id = sorted(description["vocab"], key=description["vocab"].__getitem__)
    by_id += [f"<|unused{i}|>" for i in range(len(by_id), shape.vocab)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(by_id)
    writer.add_token_types(
        [
            gguf.TokenType.CONTROL
            if token in SPECIAL
            else gguf.TokenType.UNUSED
            if token.startswith("<|unused")
            else gguf.TokenType.NORMAL
            for token in by_id
        ]
    )
    merges = [
        merge if isinstance(merge, str) else " ".join(merge) for merge in description["merges"]
    ]
    writer.add_token_merges(merges)
    writer.add_eos_token_id(END)
    writer.add_pad_token_id(PAD)
    writer.add_add_bos_token(value=False)
    writer.add_chat_template(CHAT_TEMPLATE)
    for name, parameter in model.state_dict().items():
        array = parameter.float().numpy()
        if array.ndim == 2:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(array, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, np.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder of public text collections")
    parser.add_argument("--start", type=Path, help="folder of an earlier run to go on from")
    parser.add_argument("--steps", type=int, default=2_900)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--warm-up", type=int, default=100)
    parser.add_argument("--decay", type=float, default=0.4)
    parser.add_argument("--every", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
