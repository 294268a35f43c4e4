"""The report on what training, encoding and more data cost, and on what makes training fast."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from assistant.values import SAMPLE_RATE
from bench.paper import published
from bench.paper.grid import BASELINES, BATCH, ENCODERS, ENCODING, LOOPS
from bench.paper.markdown import DASH, number, table
from bench.paper.rows import NAMES, Row, Rows, Setup, finite

AIM = 20
"""Times that training is to be faster than a plain reading of the paper's loop."""

LEARNERS = ("ours", "letters", *BASELINES)
"""Methods of Fig. 7."""


def to_same_loss(curves: Mapping[str, Sequence[Row]]) -> dict[str, Row]:
    """Where each curve first comes to the highest of their lowest losses.

    Args:
        curves: points of each loop, one at least in each.
    """
    target = max(min(point["loss"] for point in points) for points in curves.values())
    return {
        name: next(point for point in points if point["loss"] <= target)
        for name, points in curves.items()
    }


def loops(rows: Rows, setup: Setup) -> dict[str, list[Row]]:
    """Held-out losses of each loop, the plain one first."""
    found = {
        row["cell"]["value"]: finite(row["held_out"])
        for row in rows.of("speed", setup)
        if "held_out" in row
    }
    return {name: found[name] for name in LOOPS if found.get(name)}


def speed(rows: Rows) -> Iterator[str]:
    """Section 5: seconds to the same held-out loss, step by step."""
    yield (
        "A plain reading of the paper's loop encodes every utterance anew in every epoch, takes "
        "one after the other, filled up to the longest, and looks its target rows up each time. "
        f"Each line below leaves one more of these out; batches have {BATCH} utterances. Seconds "
        "until the lowest held-out loss that all of them come to."
    )
    yield ""
    for setup in rows.setups("speed"):
        curves = loops(rows, setup)
        at = to_same_loss(curves)
        spent = {name: point["seconds"] for name, point in at.items()}
        factors = {after: spent[before] / spent[after] for before, after in pairwise(spent)}
        yield from table(
            [str(setup), "s per epoch", "epochs", "held-out loss", "seconds", "factor"],
            [
                [
                    name,
                    number(curves[name][-1]["seconds"] / curves[name][-1]["epoch"]),
                    str(point["epoch"]),
                    f"{point['loss']:.4f}",
                    number(point["seconds"]),
                    number(factors[name]) if name in factors else DASH,
                ]
                for name, point in at.items()
            ],
        )
        missing = [name for name in LOOPS if name not in curves]
        if missing:
            yield f"Not measured here: {', '.join(missing)}."
        else:
            yield from _altogether(rows, setup, spent, at["plain"]["epoch"])
        yield ""


def _altogether(rows: Rows, setup: Setup, spent: Mapping[str, float], epochs: int) -> Iterator[str]:
    """How many times faster, also with an encoder of the paper's size."""
    plain, fast = spent[LOOPS[0]], spent[LOOPS[-1]]
    yield f"Altogether **{number(plain / fast)} times faster**; {_aim(plain / fast)}."
    for row in rows.of("speed", setup, value=ENCODING):
        own, full = row["encoding"]["own"], row["encoding"]["wav2vec2-base"]
        larger = (plain + epochs * (full - own)) / fast
        yield (
            f"Encoding all utterances once takes {number(own)} s with this encoder and "
            f"{number(full)} s with one of wav2vec2-base's sizes, the paper's. With that one the "
            f"plain loop's {epochs} epochs would take {number(plain + epochs * (full - own))} s, "
            f"**{number(larger)} times** as long as the last line; {_aim(larger)}."
        )


def _aim(times: float) -> str:
    return f"aim of at least {AIM}: {'met' if times >= AIM else 'not met'}"


def encoders(rows: Rows) -> Iterator[str]:
    """Section 6: the paper's Fig. 5."""
    for setup in rows.setups("encoders"):
        found = {row["cell"]["method"]: row for row in rows.of("encoders", setup)}
        yield from table(
            [
                str(setup),
                "peak while encoding (MB)",
                "the paper's (MB)",
                "features of one utterance",
                "weights",
                "cross-entropy of a naive MLP",
            ],
            [_encoder(name, found[name]) for name in ENCODERS if name in found],
        )
    yield (
        "The peak is what the encoder adds to the process before it. wav2vec2's memory is that "
        "of base-960h's size as Attune computes it, its learning curve that of the bundled one. "
        "Random weights take the memory that trained ones take, but their curve is only that of "
        "random features."
    )
    yield ""


def _encoder(name: str, row: Row) -> list[str]:
    of, last = row["encoder"], row["course"]["points"][-1]
    return [
        name,
        number(of["peak_mb"] - of["before_mb"]),
        ("> " if name == "audioldm" else "") + number(published.ENCODER_MB[name]),
        f"{of['frames']:,} frames of {of['dim']}",
        "trained" if of["trained"] else "random",
        f"{last['loss']:.3g} after {last['epoch']} epochs",
    ]


def by_size(rows: Rows, setup: Setup, method: str) -> dict[int, Row]:
    """A method's rows by the number of samples, that of the table among them."""
    found = {int(row["cell"]["value"]): row for row in rows.of("sizes", setup, method=method)}
    whole = rows.table(setup).get(method)
    if whole is not None:
        found[whole["used"]["size"]] = whole
    return dict(sorted(found.items()))


def sizes(rows: Rows) -> Iterator[str]:
    """Section 7: the paper's Fig. 7."""
    for setup in rows.setups("sizes"):
        found = {method: by_size(rows, setup, method) for method in LEARNERS}
        known = {method: each for method, each in found.items() if each}
        columns = sorted({size for each in known.values() for size in each})
        yield from table(
            [
                str(setup),
                *(f"ROUGE-1, {size}" for size in columns),
                *(f"settled (s), {size}" for size in columns),
            ],
            [
                [
                    NAMES[method],
                    *(f"{each[n]['score']['rouge1']:.3f}" if n in each else DASH for n in columns),
                    *(
                        number(each[n]["course"]["settled"]["seconds"]) if n in each else DASH
                        for n in columns
                    ),
                ]
                for method, each in known.items()
            ],
        )
    yield "By the number of samples that were trained on, at most."
    yield ""


def cost(rows: Rows) -> Iterator[str]:
    """Section 8: what one utterance costs in training behind and before models of full size."""
    found = {row["cell"]["method"]: row["cost"] for row in rows.every if "cost" in row}
    known = {method: found[method] for method in ("ours", *BASELINES) if method in found}
    seconds = max(each["samples"] for each in known.values()) / SAMPLE_RATE
    yield (
        "One forward and one backward pass with an encoder of wav2vec2-base's and an LLM of "
        f"Llama-3.2-1B's sizes, per utterance of {number(seconds)} s. The weights are random: this "
        "is what an epoch costs, and says nothing of how many a method needs. Of A2 the "
        "optimiser's step over the LLM is left out."
    )
    yield ""
    ours = known.get("ours")
    yield from table(
        ["method", "trained parameters", "seconds", "times Ours", "peak (MB)"],
        [
            [
                NAMES[method],
                f"{each['trained']:,}",
                number(each["seconds"]),
                DASH if ours is None else number(each["seconds"] / ours["seconds"]),
                number(each["peak_mb"] - each["before_mb"]),
            ]
            for method, each in known.items()
        ],
    )
    yield "The peak is what the method adds to the process before it."
    yield ""
