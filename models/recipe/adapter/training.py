"""Training the matrices on conversations; only the replies are learned."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import LlamaForCausalLM

from models.recipe.adapter.lowrank import matrices
from models.recipe.adapter.prompt import Tokens


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast."""

    steps: int
    batch: int = 8  # conversations
    rate: float = 5e-4
    warm_up: int = 20
    check_every: int = 40
    seed: int = 1


def train(
    model: LlamaForCausalLM,
    examples: Sequence[Tokens],
    held_out: Sequence[Tokens],
    plan: Plan,
    checked: Callable[[int, float, float], bool],
) -> None:
    """Train in place; ``checked`` gets step, training and held-out loss and may end it."""
    trained = list(matrices(model).values())
    optimiser = torch.optim.AdamW(trained, lr=plan.rate, weight_decay=0.0, betas=(0.9, 0.99))
    rng = random.Random(plan.seed)
    batches = _batches(examples, plan.batch, rng)
    recent: list[float] = []
    for step in range(1, plan.steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * _schedule(step, plan)
        loss = _loss(model, next(batches))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        recent.append(loss.item())
        if step % plan.check_every == 0 or step == plan.steps:
            if not checked(step, float(np.mean(recent)), judge(model, held_out, plan.batch)):
                return
            recent.clear()


@torch.no_grad()
def judge(model: LlamaForCausalLM, examples: Sequence[Tokens], batch: int) -> float:
    """Mean loss of a token of the replies."""
    ordered = sorted(examples, key=lambda each: len(each.ids))
    total = count = 0.0
    for start in range(0, len(ordered), batch):
        chosen = ordered[start : start + batch]
        n = sum(sum(each.is_reply) for each in chosen)
        total += _loss(model, chosen).item() * n
        count += n
    return total / count


def _schedule(step: int, plan: Plan) -> float:
    """Rises in the first steps, then falls along a cosine to a twentieth."""
    if step < plan.warm_up:
        return step / plan.warm_up
    done = (step - plan.warm_up) / max(plan.steps - plan.warm_up, 1)
    return 0.05 + 0.95 * (1 + math.cos(math.pi * done)) / 2


def _batches(
    examples: Sequence[Tokens], size: int, rng: random.Random
) -> Iterator[Sequence[Tokens]]:
    """Batches of examples that are about equally long, in random order, without end."""
    while True:
        order = sorted(examples, key=lambda each: len(each.ids) + rng.random() * 24)
        starts = list(range(0, len(order) - size + 1, size))
        rng.shuffle(starts)
        for start in starts:
            yield order[start : start + size]


def _loss(model: LlamaForCausalLM, batch: Sequence[Tokens]) -> Tensor:
    """Mean cross entropy of the replies' tokens."""
    width = max(len(each.ids) for each in batch)
    ids = torch.zeros(len(batch), width, dtype=torch.long)
    wanted = torch.zeros(len(batch), width, dtype=torch.bool)
    for row, each in enumerate(batch):
        ids[row, : len(each.ids)] = torch.tensor(each.ids)
        wanted[row, : len(each.ids)] = torch.tensor(each.is_reply)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        # what is padded comes last, and no token sees a later one
        hidden: Tensor = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
        logits = model.lm_head(hidden[wanted[:, 1:]])
    return functional.cross_entropy(logits.float(), ids[:, 1:][wanted[:, 1:]])
