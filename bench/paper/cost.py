"""What an utterance costs in training at the sizes that the paper used.

The starter's LLM is two hundred times smaller than the paper's, so that what its baselines spend
on running the LLM hardly shows there. Here the encoder has the sizes of wav2vec2-base and the LLM
those of Llama-3.2-1B, with random weights: one forward and one backward pass over a small batch,
without the optimiser's step, which would only add to what trains the LLM. It says nothing of how
many epochs a method needs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from assistant.bridge.kinds import build
from assistant.nets import embedlink
from assistant.nets.projector_config import ProjectorConfig
from bench.paper import training
from bench.paper.cells import Cell, Place
from bench.paper.language import Prompt, Twin
from bench.paper.methods import SLOTS, adapted
from bench.paper.training import Plan


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the models and of what goes through them."""

    llm: dict[str, int]
    encoder: dict[str, int]
    utterances: int = 4
    samples: int = 5 * 16_000  # per utterance
    before: int = 60  # tokens of instruction and context line
    reply: int = 20  # tokens


FULL = Sizes(
    llm={
        "vocab_size": 128_256, "hidden_size": 2_048, "intermediate_size": 8_192,
        "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8,
    },
    encoder={},  # the defaults are those of wav2vec2-base
)  # fmt: skip
"""Llama-3.2-1B behind wav2vec2-base."""

TINY = Sizes(
    llm={
        "vocab_size": 128, "hidden_size": 32, "intermediate_size": 64,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    },
    encoder={
        "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 64,
    },
)  # fmt: skip
"""For a look at whether it runs."""


def measure(cell: Cell, place: Place, sizes: Sizes | None = None) -> dict[str, Any]:
    """Processor seconds per utterance, trained parameters and peak memory of one method.

    Args:
        cell: names the method.
        place: a smoke run has few steps.
        sizes: of the models; unset: the full ones, in a smoke run tiny ones.
    """
    torch.set_num_threads(1)
    sizes = sizes or (FULL if place.steps is None else TINY)
    before_mb = training.peak_mb()
    loss, parameters = _METHODS[cell.method](sizes)
    with training.precision(Plan()):
        loss().backward()  # the first one allocates
        began = time.process_time()
        loss().backward()
    seconds = time.process_time() - began
    return {
        "cost": {
            "seconds": seconds / sizes.utterances,
            "trained": sum(parameter.numel() for parameter in parameters),
            "before_mb": before_mb,
            "peak_mb": training.peak_mb(),
            "samples": sizes.samples,
        }
    }


Loss = Callable[[], Tensor]


def _ours(sizes: Sizes) -> tuple[Loss, list[nn.Parameter]]:
    """EmbedLink on kept features; targets are rows of the table."""
    config = _config("bridgeformer", sizes)
    network = build(config)
    frames = torch.randn(sizes.utterances, _frames(sizes), config.encoder_dim)
    wanted = torch.randn(sizes.utterances, SLOTS, config.llm_dim)
    return lambda: embedlink.loss(network(frames), wanted), list(network.parameters())


def _through_llm(llm: str) -> Callable[[Sizes], tuple[Loss, list[nn.Parameter]]]:
    """The MLP on kept features, and the LLM behind it."""

    def make(sizes: Sizes) -> tuple[Loss, list[nn.Parameter]]:
        config = _config("mlp", sizes)
        network, twin = build(config), _twin(sizes)
        trained = [*network.parameters(), *adapted(twin, llm)]
        frames = torch.randn(sizes.utterances, _frames(sizes), config.encoder_dim)
        return lambda: twin.loss(list(network(frames)), _replies(sizes)), trained

    return make


def _through_encoder(sizes: Sizes) -> tuple[Loss, list[nn.Parameter]]:
    """The encoder from the waves on, a fixed MLP, and the frozen LLM behind them."""
    body, network, twin = encoder(sizes), build(_config("mlp", sizes)), _twin(sizes)
    network.requires_grad_(requires_grad=False)
    adapted(twin, "frozen")
    waves = torch.randn(sizes.utterances, sizes.samples)

    def loss() -> Tensor:
        return twin.loss(list(network(body(waves).last_hidden_state)), _replies(sizes))

    return loss, list(body.parameters())


_METHODS: dict[str, Callable[[Sizes], tuple[Loss, list[nn.Parameter]]]] = {
    "ours": _ours,
    "a1": _through_llm("frozen"),
    "a2-lora": _through_llm("lora"),
    "a2-full": _through_llm("full"),
    "a3": _through_encoder,
}


def _config(kind: str, sizes: Sizes) -> ProjectorConfig:
    return ProjectorConfig.model_validate(
        {
            "kind": kind,
            "encoder_dim": sizes.encoder.get("hidden_size", 768),
            "llm_dim": sizes.llm["hidden_size"],
            "slots": SLOTS,
        }
    )


def _twin(sizes: Sizes) -> Twin:
    from transformers import LlamaConfig, LlamaForCausalLM  # noqa: PLC0415 - slow to import

    with torch.device("meta"):  # random numbers for a billion weights take longer than the rest
        model: Any = LlamaForCausalLM(
            LlamaConfig.from_dict({**sizes.llm, "tie_word_embeddings": True})
        )
    model = model.to_empty(device="cpu").eval()
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.fill_(0.01)
    model.tie_weights()
    return Twin(model, Prompt(tuple(range(sizes.before)), (1, 2, 3), 0))


def encoder(sizes: Sizes) -> Any:
    """wav2vec2 with random weights, from normalised waves (batch, n_samples)."""
    from transformers import Wav2Vec2Config, Wav2Vec2Model  # noqa: PLC0415 - slow to import

    # dropped layers would make it look cheaper than it is
    config = Wav2Vec2Config.from_dict({**sizes.encoder, "layerdrop": 0.0})
    return Wav2Vec2Model(config).eval()


def _frames(sizes: Sizes) -> int:
    return sizes.samples // 320  # wav2vec2's hop


def _replies(sizes: Sizes) -> list[list[int]]:
    return [list(range(sizes.reply))] * sizes.utterances
