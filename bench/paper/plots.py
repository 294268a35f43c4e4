"""The report's pictures, one row of panels per corpus and LLM."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from bench.paper import published
from bench.paper.comparison import injected
from bench.paper.efficiency import LEARNERS, by_size, loops
from bench.paper.grid import ENCODERS
from bench.paper.questions import TITLES, Variant, asked_on, variants, weeks
from bench.paper.rows import NAMES, Row, Rows, Setup, Spread, finite

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999")
"""Of Okabe and Ito."""

FIGURE_6 = ("ours", "mlp", "linear", "a1", "a2-lora", "a2-full", "a3")
"""Methods of the same loop; the loss of Attune's heads is another one, on other samples."""


def losses(rows: Rows, path: Path) -> None:
    """Fig. 6: training loss over epochs, each over that of its first epoch."""
    setups = rows.setups("table")
    columns = min(2, len(setups))
    figure, panels = _panels(-(-len(setups) // columns), columns, width=4.6)
    for axis in panels.flat[len(setups) :]:
        axis.remove()
    for axis, setup in zip(panels.flat, setups, strict=False):
        table = rows.table(setup)
        for method in FIGURE_6:
            if method in table:
                points = finite(table[method]["course"]["points"])
                _curve(axis, points, points[0]["loss"] if points else 1.0, **_style(method))
        axis.set_yscale("log")
        axis.set_xlabel("epoch")
        axis.set_ylabel("training loss / first epoch's")
        _finish(axis, str(setup))
    panels[0][0].legend(fontsize=8)
    figure.savefig(path, dpi=110)


def injection(rows: Rows, path: Path) -> None:
    """Fig. 8: ROUGE-1 with and without the instruction."""
    setups = [setup for setup in rows.setups("table") if injected(rows, setup, "on") is not None]
    figure, panels = _panels(1, 1, width=max(4.6, 1.8 * len(setups)))
    axis = panels[0][0]
    for at, (prompt, label) in enumerate((("on", "instruction"), ("off", "no instruction"))):
        spreads = [injected(rows, setup, prompt) for setup in setups]
        _bars(axis, at, 2, [each for each in spreads if each is not None], label)
    axis.set_xticks(range(len(setups)), [f"{each.corpus}\n{each.llm}" for each in setups])
    axis.set_ylabel("ROUGE-1 of Ours")
    axis.legend(fontsize=8)
    _finish(axis, "Instruction injection")
    figure.savefig(path, dpi=110)


def encoders(rows: Rows, path: Path) -> None:
    """Fig. 5: memory of encoders beside the paper's, and a naive MLP's cross-entropy."""
    setups = rows.setups("encoders")
    figure, panels = _panels(len(setups), 2, width=4.6)
    for (memory, learning), setup in zip(panels, setups, strict=True):
        known = {row["cell"]["method"]: row for row in rows.of("encoders", setup)}
        names = [name for name in ENCODERS if name in known]
        ours = [known[n]["encoder"]["peak_mb"] - known[n]["encoder"]["before_mb"] for n in names]
        theirs = [published.ENCODER_MB[name] for name in names]
        for at, (label, figures) in enumerate((("here", ours), ("the paper's", theirs))):
            _bars(memory, at, 2, [Spread(each, 0.0, 1) for each in figures], label, fmt="%.0f")
        memory.set_xticks(range(len(names)), names)
        memory.set_ylabel("peak while encoding (MB)")
        memory.legend(fontsize=8)
        _finish(memory, str(setup))
        for name, colour in zip(names, COLOURS, strict=False):
            random = "" if known[name]["encoder"]["trained"] else ", random weights"
            points = finite(known[name]["course"]["points"])
            _curve(learning, points, color=colour, label=name + random)
        learning.set_xlabel("epoch")
        learning.set_ylabel("cross-entropy of a naive MLP")
        learning.legend(fontsize=8)
        _finish(learning, str(setup))
    figure.savefig(path, dpi=110)


def sizes(rows: Rows, path: Path) -> None:
    """Fig. 7: convergence time and ROUGE-1 over the size of the data."""
    setups = rows.setups("sizes")
    figure, panels = _panels(len(setups), 2, width=4.6)
    for (time, rouge), setup in zip(panels, setups, strict=True):
        for method in LEARNERS:
            found = by_size(rows, setup, method)
            seconds = [each["course"]["settled"]["seconds"] for each in found.values()]
            scores = [each["score"]["rouge1"] for each in found.values()]
            style = _style(method)
            time.plot(list(found), seconds, marker="o", markersize=3, **style)
            rouge.plot(list(found), scores, marker="o", markersize=3, **style)
        time.set_yscale("log")
        time.set_ylabel("seconds until settled")
        rouge.set_ylabel("ROUGE-1")
        rouge.set_ylim(bottom=0)
        rouge.legend(fontsize=8)
        for axis in (time, rouge):
            axis.set_xlabel("samples trained on")
            _finish(axis, str(setup))
    figure.savefig(path, dpi=110)


def questions(rows: Rows, path: Path) -> None:
    """What the paper leaves open: scores over seeds, and the loss curves behind them."""
    asked = [question for question in TITLES if question != "order" and asked_on(rows, question)]
    setups = list(dict.fromkeys(each for name in asked for each in asked_on(rows, name)))
    figure, panels = _panels(2 * len(setups), len(asked), width=3.8)
    for at, setup in enumerate(setups):
        for column, question in enumerate(asked):
            above, below = panels[2 * at][column], panels[2 * at + 1][column]
            if question == "weeks":
                _weeks(above, below, rows, setup)
            else:
                _answers(above, below, variants(rows, question, setup))
            _finish(above, f"{TITLES[question]}\n{setup}")
            _finish(below, "")
    figure.savefig(path, dpi=110)


def speed(rows: Rows, path: Path) -> None:
    """Held-out loss over processor seconds, one line per loop."""
    setups = rows.setups("speed")
    figure, panels = _panels(1, len(setups), width=6.4)
    for axis, setup in zip(panels[0], setups, strict=True):
        for (name, points), colour in zip(loops(rows, setup).items(), COLOURS, strict=False):
            seconds = [point["seconds"] for point in points]
            axis.plot(seconds, [point["loss"] for point in points], color=colour, label=name)
        axis.set_xscale("log")
        axis.set_xlabel("processor seconds")
        _finish(axis, str(setup))
    panels[0][0].set_ylabel("held-out loss")
    panels[0][0].legend(fontsize=8)
    figure.savefig(path, dpi=110)


def _answers(above: Any, below: Any, found: Sequence[Variant]) -> None:
    spreads = [each.spread("rouge1") for each in found]
    places = range(len(found))
    above.errorbar(
        places,
        [each.mean for each in spreads],
        [each.deviation for each in spreads],
        fmt="o",
        capsize=4,
        color=COLOURS[0],
    )
    labels = [fill(each.label, 14) for each in found]
    above.set_xticks(places, labels, fontsize=7)
    above.set_xlim(-0.5, len(found) - 0.5)
    above.set_ylabel("ROUGE-1")
    above.set_ylim(bottom=0)
    # variants of one training share their curves, which are drawn once
    distinct = {id(each.courses[0]): each for each in reversed(found) if each.courses}
    for each, colour in zip(reversed(distinct.values()), COLOURS, strict=False):
        for number, course in enumerate(each.courses):
            points = finite(course["points"])
            label = each.label.partition(",")[0] if number == 0 else None
            first = points[0]["loss"] if points else 1.0
            _curve(below, points, first, color=colour, alpha=0.7, linewidth=1, label=label)
    below.set_yscale("log")
    below.set_xlabel("epoch")
    below.set_ylabel("training loss / first epoch's")
    below.legend(fontsize=7)


def _weeks(above: Any, below: Any, rows: Rows, setup: Setup) -> None:
    for axis, measure, label in (
        (above, "rouge1", "ROUGE-1"),
        (below, "token_error", "token error"),
    ):
        for at, (name, found) in enumerate(weeks(rows, setup, measure).items()):
            axis.errorbar(
                range(len(found)),
                [each.mean for each in found],
                [each.deviation for each in found],
                color=COLOURS[at // 2],
                linestyle="--" if at % 2 else "-",
                marker="o",
                markersize=3,
                capsize=3,
                label=name,
            )
        axis.set_xlabel("week")
        axis.set_ylabel(label)
        axis.set_ylim(bottom=0)
    above.legend(fontsize=7, handlelength=4)


def _panels(lines: int, columns: int, width: float) -> tuple[Any, Any]:
    # matplotlib takes a second to import, which a run that is broken off should not wait for
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure: Any = Figure(figsize=(width * columns, 3.6 * lines), layout="constrained")
    return figure, figure.subplots(lines, columns, squeeze=False)


def _style(method: str) -> dict[str, Any]:
    if method == "ours":
        return {"color": "black", "linewidth": 2.5, "label": NAMES[method]}
    others = (*FIGURE_6[1:], "letters")
    return {"color": COLOURS[others.index(method)], "label": NAMES[method]}


def _curve(axis: Any, points: Sequence[Row], scale: float = 1.0, **style: Any) -> None:
    epochs = [point["epoch"] for point in points]
    axis.plot(epochs, [point["loss"] / scale for point in points], **style)


def _bars(
    axis: Any, at: int, of: int, spreads: Sequence[Spread], label: str, fmt: str = "%.2f"
) -> None:
    width = 0.8 / of
    bars = axis.bar(
        [place + (at - (of - 1) / 2) * width for place in range(len(spreads))],
        [each.mean for each in spreads],
        width,
        yerr=[each.deviation for each in spreads]
        if any(each.deviation for each in spreads)
        else None,
        capsize=3,
        color=COLOURS[at],
        label=label,
    )
    axis.bar_label(bars, fmt=fmt, fontsize=8, padding=1)
    axis.margins(y=0.25)  # for the legend


def _finish(axis: Any, title: str) -> None:
    axis.set_title(title, fontsize=9)
    axis.grid(alpha=0.3)
    axis.set_axisbelow(True)
