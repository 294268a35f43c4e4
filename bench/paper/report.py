"""REPORT.md and its pictures, from nothing but what was measured and what the paper says."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench.paper import comparison, efficiency, plots, published, questions
from bench.paper.cells import EPOCHS
from bench.paper.corpora import PRESETS, SAMPLES, SIMULATED
from bench.paper.grid import SIZES
from bench.paper.markdown import listed
from bench.paper.rows import Row, Rows

CPUINFO = Path("/proc/cpuinfo")
BOARD = Path("/proc/device-tree/model")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report."""

    title: str
    experiments: tuple[str, ...]  # without any rows of these it is one line
    lines: Callable[[Rows], Iterator[str]]
    picture: str | None = None
    draw: Callable[[Rows, Path], None] | None = None


SECTIONS = (
    Section("Convergence", ("table",), comparison.convergence, "fig6", plots.losses),
    Section("Quality", ("table",), comparison.quality),
    Section("Instruction injection", ("table",), comparison.injection, "fig8", plots.injection),
    Section(
        "Open questions",
        ("positions", "slots", "padding", "weeks"),
        questions.section,
        "questions",
        plots.questions,
    ),
    Section("Speed of training", ("speed",), efficiency.speed, "speed", plots.speed),
    Section("Encoders", ("encoders",), efficiency.encoders, "fig5", plots.encoders),
    Section("Size of the data", ("sizes",), efficiency.sizes, "fig7", plots.sizes),
    Section("Cost at the paper's sizes", ("cost",), efficiency.cost),
)


def write(rows: Sequence[Mapping[str, Any]], out: Path, report: Path | None) -> None:
    """Write the report and draw its pictures.

    Args:
        rows: what is known; see ``bench.paper.grid``.
        out: folder that gets REPORT.md, and the pictures in ``figures``.
        report: another folder that gets the same.
    """
    known = Rows(tuple(rows))
    (out / "figures").mkdir(parents=True, exist_ok=True)
    drawn: list[Path] = []
    for section in SECTIONS:
        if section.draw is not None and known.setups(*section.experiments):
            path = out / "figures" / f"{section.picture}.png"
            section.draw(known, path)
            drawn.append(path)
    (out / "REPORT.md").write_text("\n".join(document(known)), encoding="utf-8")
    if report is not None and report.resolve() != out.resolve():
        (report / "figures").mkdir(parents=True, exist_ok=True)
        shutil.copy(out / "REPORT.md", report)
        for path in drawn:
            shutil.copy(path, report / "figures")


def brief(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with the last point of each curve instead of the curve."""
    found = dict(row)
    if "course" in found:
        found["course"] = {**found["course"], "points": found["course"]["points"][-1:]}
    if "held_out" in found:
        found["held_out"] = found["held_out"][-1:]
    return found


def document(rows: Rows) -> Iterator[str]:
    """The report, line by line."""
    yield from head(rows)
    for number, section in enumerate(SECTIONS, start=1):
        yield f"## {number}. {section.title}"
        yield ""
        if not rows.setups(*section.experiments):
            yield questions.unmeasured(*section.experiments)
            yield ""
            continue
        yield from section.lines(rows)
        if section.picture is not None:
            yield f"![{section.title}](figures/{section.picture}.png)"
            yield ""
    yield f"## {len(SECTIONS) + 1}. Not reproduced, and why"
    yield ""
    yield from (f"- {reason}" for reason in missing(rows))
    yield ""


def head(rows: Rows) -> Iterator[str]:
    """What was measured, with what, on what."""
    yield "# The paper's comparison, measured"
    yield ""
    yield (
        "Tiny-Align (arXiv 2411.13766) against the three ways of aligning a speech encoder with an "
        "LLM that it compares itself with, Attune's own heads, and the transcript cascade that it "
        "leaves out. *Ours* is the paper's method. Every number is written by the command below, "
        "except those that are said to be the paper's."
    )
    yield ""
    if not rows.every:
        yield "Nothing has been measured yet."
        yield ""
        return
    seeds = [str(each) for each in sorted({row["cell"]["seed"] for row in rows.every})]
    yield f"- Command: `{command(rows)}`"
    yield f"- Machine: {machine()}"
    yield (
        f"- Epochs: {rows.used('epochs')} at most; samples: {rows.used('size')} at most; unseen "
        f"sentences: {rows.used('unseen')} at most; seeds: {listed(seeds)} ({seeds[0]} where there "
        "is only one)."
    )
    yield "- Times are processor seconds of one thread; memory is that of one process."
    yield ""


def command(rows: Rows) -> str:
    """What measures all of this."""
    cells = [row["cell"] for row in rows.every]
    used = [row["used"] for row in rows.every]
    if all(each["size"] < SAMPLES for each in used):
        return "python -m bench.paper --smoke"
    # the first of each are those that the open questions are asked on
    asked = [cell for cell in cells if cell["experiment"] != "table"]
    corpora = list(dict.fromkeys(cell["corpus"] for cell in (*asked, *cells)))
    llms = list(dict.fromkeys(cell["llm"] for cell in (*asked, *cells)))
    public = [name for name in corpora if name in ("kathleen", "speechocean")]
    own = [name for name in corpora if name not in (*SIMULATED, *public)]
    epochs = max(each["epochs"] for each in used)
    trained = [
        row["cell"]["method"]
        for row in rows.every
        if row["cell"]["experiment"] == "encoders" and row["encoder"]["trained"]
    ]
    words = [
        "python -m bench.paper",
        *(["--data PATH"] if public else []),
        *([f"--corpora {' '.join(corpora)}"] if corpora != ["polish"] else []),
        *(f"--corpus {name}=FOLDER" for name in own),
        *(["--small"] if "small" in llms else []),
        *(f"--llm {name}=FILE.gguf" for name in llms if name not in ("starter", "small")),
        *(f"--{name} FOLDER" for name in ("whisper", "audioldm") if name in trained),
        *([f"--epochs {epochs}"] if epochs != EPOCHS else []),
    ]
    return " ".join(words)


def machine() -> str:
    """Kind of computer and versions, and nothing that says whose it is."""
    return (
        f"{processor(_text(CPUINFO), _text(BOARD))}, {os.cpu_count()} cores; "
        f"{platform.system()} {platform.machine()}; Python {platform.python_version()}, "
        f"torch {torch.__version__}"
    )


def processor(cpuinfo: str, board: str) -> str:
    """Name of the processor, or of the board where processors have none.

    Args:
        cpuinfo: /proc/cpuinfo.
        board: /proc/device-tree/model.
    """
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return board.strip("\0\n ") or "unknown processor"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def missing(rows: Rows) -> Iterator[str]:
    """What of the paper is not here, and why."""
    corpora = {row["cell"]["corpus"] for row in rows.every}
    absent = [
        preset.about.partition(":")[0] for name, preset in PRESETS.items() if name not in corpora
    ]
    if absent:
        yield (
            f"{listed(absent)}: TalkBank gives these recordings to members only. Who has access "
            "measures on them with `python -m bench.paper --corpora adress --corpus adress=FOLDER` "
            f"(presets: {', '.join(PRESETS)}). The paper does not say which speakers it took."
        )
    if corpora <= set(SIMULATED):
        yield (
            "People: all speech here is simulated. `--data PATH --corpora kathleen speechocean` "
            "adds recordings of people, `--corpus NAME=FOLDER` your own."
        )
    llms = list(dict.fromkeys(row["cell"]["llm"] for row in rows.every))
    others = [name for name in published.LLMS if name not in llms]
    if others:
        yield (
            f"{listed(others)}: measured here with {listed(llms)}. A smaller LLM makes every step "
            "of A1 to A3 cheaper, which is in their favour; section 8 has the steps at full size. "
            f"`--llm {others[0]}=FILE.gguf` measures with that one."
        )
    yield (
        "NExT-GPT, X-VILA and LanguageBind themselves: A1 to A3 train in their manner, with one "
        "MLP in place of their adapters; the paper limits their parameters, too, and does not say "
        "how."
    )
    yield "The P100 GPU: all times here are a processor's."
    yield (
        f"Times without a limit of epochs: trainings end after {rows.used('epochs')} epochs, or "
        "earlier when the loss has not moved for long."
        if rows.every
        else "Times without a limit of epochs."
    )
    yield (
        "Averages over 20 users per corpus: a corpus here is one table, and the simulated ones "
        "have one speaker each."
    )
    here = listed([str(size) for size in (*SIZES, SAMPLES)])
    yield f"The five sizes of Fig. 7, which the paper does not name: here they are {here}."
    if not any(_counts_joules(row) for row in rows.every):
        yield (
            "Energy: nothing counts it on this machine that may be read (RAPL, or the INA3221 of a "
            "Jetson)."
        )
    untrained = _untrained(rows.every)
    if untrained:
        yield (
            f"Learning curves of {listed(untrained)} in Fig. 5: random weights at true size. "
            f"{' and '.join(f'`--{name} FOLDER`' for name in untrained)} takes trained ones."
        )


def _untrained(rows: Iterable[Row]) -> list[str]:
    encoders = [row for row in rows if row["cell"]["experiment"] == "encoders"]
    return list(
        dict.fromkeys(row["cell"]["method"] for row in encoders if not row["encoder"]["trained"])
    )


def _counts_joules(row: Row) -> bool:
    points = row.get("course", {}).get("points", [])
    return any(point["joules"] is not None for point in points)
