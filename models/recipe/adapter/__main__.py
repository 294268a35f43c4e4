"""Train the adapter of SmolLM2-135M-Instruct on conversations.

python -m models.recipe.adapter --base FILE --out build [--data PATH]
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import torch

from assistant.generate.vocabulary import vocabulary
from models.recipe.adapter.examples import Shares, conversations
from models.recipe.adapter.lowrank import adapted, start, write
from models.recipe.adapter.prompt import Renderer
from models.recipe.adapter.training import Plan, train

ALPHA = 32.0
RANK = 16


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path, required=True, help="the catalogue's smollm2-135m")
    parser.add_argument("--out", type=Path, default=Path("build/recipe/adapter"))
    parser.add_argument("--data", type=Path, help="folder of public texts")
    parser.add_argument("--steps", type=int, default=0, help="0: once through the conversations")
    parser.add_argument("--start", type=Path, help="go on with an earlier adapter")
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--recipe", type=int, default=150, help="of the dialogues")
    parser.add_argument("--collected", type=int, default=100, help="of --data")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    rng = random.Random(arguments.seed)
    shares = Shares(recipe=arguments.recipe, collected=arguments.collected)
    learned, kept = conversations(rng, shares, arguments.data)
    with vocabulary(arguments.base) as words:
        renderer = Renderer(words)
        examples = [renderer.render(each) for each in learned]
        judged = [renderer.render(each) for each in kept]
    plan = Plan(steps=arguments.steps or len(examples) // 8, rate=arguments.rate)
    tokens = sum(len(each.ids) for each in examples)
    print(f"{len(examples)} conversations, {tokens} tokens; {len(judged)} held out", flush=True)
    torch.manual_seed(arguments.seed)
    model = adapted(arguments.base, RANK, ALPHA)
    if arguments.start is not None:
        start(model, arguments.start)
    began = time.monotonic()
    best = float("inf")

    def checked(step: int, loss: float, held_out_loss: float) -> bool:
        nonlocal best
        seconds = time.monotonic() - began
        print(f"{step:5} {seconds:6.0f} s  {loss:.3f}  held out {held_out_loss:.3f}", flush=True)
        write(out / f"adapter-{step}.gguf", model, arguments.base, ALPHA)
        if held_out_loss < best:
            best = held_out_loss
            write(out / "adapter.gguf", model, arguments.base, ALPHA)
        return True

    train(model, examples, judged, plan, checked)


if __name__ == "__main__":
    main()
