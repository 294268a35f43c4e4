"""The table of what people's corrections brought: its cells, how it is printed and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assistant.personalise.judging.score import Result, score

RESAMPLINGS = 2_000

MEASURES = {"word_error": "words misheard", "success": "replies as to the true text"}
"""What is shown and drawn."""


@dataclass(frozen=True, slots=True)
class Row:
    """One cell of the table."""

    user: str
    head: str
    count: int
    seconds: float  # of the processor, for the training
    word_error: float
    word_error_in: tuple[float, float]  # 95 % interval
    success: float
    success_in: tuple[float, float]
    rouge1: float
    rougeL: float  # noqa: N815 - the measure's name
    token_error: float
    accepted: bool | None = None


def interval(shares: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """What 95 % of resamplings give for a share, from each sentence's part and whole."""
    drawn = np.random.default_rng(0).integers(len(shares), size=(RESAMPLINGS, len(shares)))
    parts, wholes = np.array(shares).T
    found = parts[drawn].sum(1) / np.maximum(1, wholes[drawn].sum(1))
    low, high = np.quantile(found, (0.025, 0.975))
    return round(float(low), 3), round(float(high), 3)


def row_of(
    user: str,
    head: str,
    count: int,
    results: Sequence[Result],
    seconds: float = 0.0,
    accepted: bool | None = None,  # noqa: FBT001 - one of the table's columns
) -> Row:
    """A cell from what became of the sentences that no training has seen."""
    of = score(results)
    return Row(
        user=user,
        head=head,
        count=count,
        seconds=round(seconds, 1),
        word_error=round(of.word_error, 3),
        word_error_in=interval([(each.wrong, each.words) for each in results]),
        success=round(of.equal, 3),
        success_in=interval([(each.equal, 1) for each in results]),
        rouge1=round(of.rouge1, 3),
        rougeL=round(of.rougeL, 3),
        token_error=round(of.token_error, 3),
        accepted=accepted,
    )


def show(rows: Sequence[Row]) -> None:
    """The table, one line per user and route, one column per number of utterances, in per cent."""
    for measure, title in MEASURES.items():
        counts = sorted({row.count for row in rows})
        print(f"\n{title:<36}{'route':<12}" + "".join(f"{count:>16}" for count in counts))
        for user in dict.fromkeys(row.user for row in rows):
            for head in dict.fromkeys(row.head for row in rows):
                cells = {r.count: r for r in rows if (r.user, r.head) == (user, head)}
                line = "".join(
                    f"{cell(cells[count], measure) if count in cells else '':>16}"
                    for count in counts
                )
                if cells:
                    print(f"{user:<36}{head:<12}{line}")


def cell(row: Row, measure: str) -> str:
    """A measure with its interval, in per cent."""
    low, high = getattr(row, f"{measure}_in")
    return f"{getattr(row, measure):.0%} ({low:.0%}-{high:.0%})".replace("%", "")


def draw(rows: Sequence[Row], path: Path) -> None:
    """Words misheard and replies over the number of corrected utterances."""
    import matplotlib as mpl  # noqa: PLC0415 - only where a picture is wished for

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    users = list(dict.fromkeys(row.user for row in rows))
    figure, axes = plt.subplots(
        2, len(users), figsize=(3.2 * len(users), 6), sharex=True, sharey="row", squeeze=False
    )
    for column, user in enumerate(users):
        for line, (measure, label) in enumerate(MEASURES.items()):
            axis: Any = axes[line][column]
            for head in dict.fromkeys(row.head for row in rows):
                cells = [r for r in rows if (r.user, r.head) == (user, head)]
                style: dict[str, Any] = (
                    {"color": "black", "linewidth": 2.5} if head == "Attune" else {}
                )
                if head == "transcript":
                    style = {"color": "grey", "linestyle": "--"}
                values = [getattr(each, measure) for each in cells]
                ends = [getattr(each, f"{measure}_in") for each in cells]
                away = [
                    [max(0.0, value - low) for value, (low, _) in zip(values, ends, strict=True)],
                    [max(0.0, high - value) for value, (_, high) in zip(values, ends, strict=True)],
                ]
                counts = [each.count for each in cells]
                axis.errorbar(
                    counts, values, away, marker="o", markersize=3, elinewidth=0.8, label=head,
                    **style,
                )  # fmt: skip
            axis.set_ylim(bottom=0)
            axis.grid(alpha=0.3)
            if column == 0:
                axis.set_ylabel(label)
        axes[0][column].set_title(user, fontsize=9)
        axes[1][column].set_xlabel("corrected utterances")
    axes[0][0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
