"""Plots loss curves and before/after figures of learned bridges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from assistant import durable
from assistant.errors import BridgeError, ConfigError, DependencyError
from assistant.journal.lineage import CurvePoint
from assistant.personalise.bridges.listing import Entry

MOST = 4
"""Most bridges in one plot; more colours would be hard to tell apart."""

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # of Okabe and Ito
_ROUTES = (
    ("transcript", "plain transcription", "#999999"),
    ("before", "the previous bridge", "#e69f00"),
    ("after", "this bridge", "#0072b2"),
)


def draw(bridges: Sequence[Entry], path: Path) -> None:
    """Write a PNG with the loss curves and the gate's figures of bridges, the oldest first.

    Args:
        bridges: the latest first; at most ``MOST`` of those trained here are drawn.
        path: of the PNG.

    Raises:
        BridgeError: if none of the bridges was trained here.
        ConfigError: if the file cannot be written.
        DependencyError: if matplotlib is not installed.
    """
    trained = [each for each in bridges if each.record is not None][:MOST][::-1]
    if not trained:
        raise BridgeError(
            "None of these bridges was trained here, so there is nothing to draw. "
            "'assistant retrain' learns from what was said so far."
        )
    try:  # by name, because it is optional
        plots, agg = (
            import_module(f"matplotlib.{name}") for name in ("figure", "backends.backend_agg")
        )
    except ImportError:
        raise DependencyError(
            "Plots need the package matplotlib, which is not installed. Run 'pip install "
            "matplotlib', or leave out --png."
        ) from None

    figure: Any = plots.Figure(figsize=(13, 4.5), layout="constrained")
    losses, sentences, errors = figure.subplots(1, 3, width_ratios=(1.3, 1, 1))
    _draw_losses(losses, trained)
    judged = [each for each in trained if each.number("after_right") is not None]
    _draw_figures(
        sentences, judged, "right", "Test sentences understood", "share with every word right"
    )
    _draw_figures(errors, judged, "word_error", "Words misheard", "wrong words per word said")
    handles, labels = sentences.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower right", ncols=3, frameon=False)
    canvas: Any = agg.FigureCanvasAgg(figure)
    try:
        with open(path, "wb", opener=durable.private) as file:
            canvas.print_png(file)
    except OSError as error:
        raise ConfigError(
            f"Cannot write the plot to {path}: {error.strerror}. Give --png another file."
        ) from error


def _draw_losses(axes: Any, trained: Sequence[Entry]) -> None:
    for entry, colour in zip(trained, _COLOURS, strict=False):
        points = entry.record.curve if entry.record else ()
        trains = [point for point in points if math.isfinite(point.loss)]
        helds = [(p.seconds, p.held_out) for p in points if _is_measured(p)]
        name = entry.version
        axes.plot(
            [point.seconds for point in trains],
            [point.loss for point in trains],
            color=colour,
            alpha=0.5,
            label=f"{name}, trained on",
        )
        axes.plot(
            *zip(*helds, strict=True) if helds else ((), ()),
            color=colour,
            marker="o",
            markersize=4,
            label=f"{name}, held out",
        )
    axes.set_title("Loss")
    axes.set_xlabel("training time (s)")
    axes.set_ylabel("loss per utterance")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize="small")
    _tidy(axes)


def _is_measured(point: CurvePoint) -> bool:
    return point.held_out is not None and math.isfinite(point.held_out)


def _draw_figures(axes: Any, judged: Sequence[Entry], name: str, title: str, unit: str) -> None:
    """Bars per bridge: plain transcription, the bridge before it, and itself."""
    width = 0.8 / len(_ROUTES)
    highest = 0.0
    for place, (route, label, colour) in enumerate(_ROUTES):
        heights = [each.number(f"{route}_{name}") or 0.0 for each in judged]
        highest = max(highest, *heights, 0.0)
        at = [group + (place - 1) * width for group in range(len(judged))]
        bars = axes.bar(at, heights, width, color=colour, label=label)
        axes.bar_label(bars, fmt="%.2f", fontsize="small", padding=1)
    axes.set_xticks(range(len(judged)), [each.version for each in judged])
    if len(judged) > 2:
        axes.tick_params(axis="x", labelrotation=30)
    axes.set_title(title)
    axes.set_xlabel("bridge" if judged else "not judged yet")
    axes.set_ylabel(unit)
    axes.set_ylim(0, 1.12 * highest or 1)
    axes.set_xlim(-1, max(1, len(judged)))
    _tidy(axes)


def _tidy(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
