"""The report on the table: how fast methods converge, what they understand, what injection adds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.paper import published
from bench.paper.cells import HEADS
from bench.paper.grid import BASELINES
from bench.paper.markdown import DASH, listed, number, table
from bench.paper.rows import NAMES, Row, Rows, Setup, Spread, geometric_mean
from bench.paper.training import EPSILON, TARGET

MEASURES = {
    "rouge1": "ROUGE-1",
    "rougeL": "ROUGE-L",
    "equal": "equal replies",
    "token_error": "token error",
}
"""Of a score; only of the last one less is better."""

PROMPTS = {
    "on": "instruction, audio",
    "audio first": "audio, instruction",
    "off": "audio alone",
    "text first": "true text, instruction",
    "text, off": "true text alone",
}
"""What the LLM is given."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as long as Ours a method takes."""

    value: float
    at_least: bool = False  # it was not there yet when its training ended

    def __str__(self) -> str:
        return ("> " if self.at_least else "") + number(self.value)


def settled(row: Row, ours: Row) -> Ratio:
    """By the first definition: until the loss is stable."""
    return Ratio(row["course"]["settled"]["seconds"] / ours["course"]["settled"]["seconds"])


def reached(row: Row, ours: Row) -> Ratio | None:
    """By the second definition: until the loss is at the target, which Ours must have come to."""
    mine, goal = row["course"]["reached"], ours["course"]["reached"]
    if goal is None:
        return None
    at = row["course"]["points"][-1] if mine is None else mine
    return Ratio(at["seconds"] / goal["seconds"], at_least=mine is None)


def convergence(rows: Rows) -> Iterator[str]:
    """Section 1: a table per setup, and the baselines over all of them."""
    yield (
        "*Settled* is the first epoch after which the loss falls by no more than "
        f"{EPSILON * 100:.0f} % of its whole fall (the paper's Δloss < ε); *loss {TARGET}* is the "
        "target of its Table I. The loss of Ours, of Proj_only and of the linear layer is the "
        "distance from embedding rows, that of A1 to A3 the cross-entropy of the reply: "
        f"**different quantities, so that {TARGET} is not the same goal for both**. Attune's heads "
        "are trained as the product does it, their loss is that on samples held out, and steps "
        "stand for epochs. The peak has code in it that torch compiles for every length of "
        "utterance and keeps; the product limits that."
    )
    yield ""
    for setup in rows.setups("table"):
        trained = {name: row for name, row in rows.table(setup).items() if "course" in row}
        if not trained:
            continue
        counts_joules = any(_joules(row) is not None for row in trained.values())
        yield f"### {setup}"
        yield ""
        yield from table(
            [
                "method",
                "trained parameters",
                "epochs",
                "settled (s)",
                "times Ours",
                f"loss {TARGET} (s)",
                "times Ours",
                "peak (MB)",
                *(["settled (J)"] if counts_joules else []),
            ],
            [
                [*_course(name, row, trained.get("ours")), *([_energy(row)] * counts_joules)]
                for name, row in trained.items()
            ],
        )
    yield from _aims(rows)


def _course(name: str, row: Row, ours: Row | None) -> list[str]:
    course = row["course"]
    unit = " steps" if name in HEADS else ""
    broken = "" if math.isfinite(course["points"][-1]["loss"]) else ", diverged"
    is_head = name in HEADS
    at_target = course["reached"]
    ratio = None if ours is None or is_head else reached(row, ours)
    return [
        NAMES[name],
        f"{row['trained']:,}",
        f"{course['points'][-1]['epoch']}{unit}{broken}",
        number(course["settled"]["seconds"]),
        DASH if ours is None else str(settled(row, ours)),
        DASH if is_head else _seconds_or(at_target),
        DASH if ratio is None else str(ratio),
        number(row["peak_mb"]),
    ]


def _seconds_or(point: Row | None) -> str:
    return "not reached" if point is None else number(point["seconds"])


def _joules(row: Row) -> float | None:
    return row["course"]["settled"]["joules"]


def _energy(row: Row) -> str:
    joules = _joules(row)
    return DASH if joules is None else number(joules)


def _aims(rows: Rows) -> Iterator[str]:
    """One line per baseline: how many times as long as Ours it takes, by both definitions."""
    tables = [rows.table(setup) for setup in rows.setups("table")]
    known = [each for each in tables if "ours" in each]
    lines: list[list[str]] = []
    for method in BASELINES:
        pairs = [(each[method], each["ours"]) for each in known if method in each]
        if not pairs:
            continue
        first = [settled(*pair) for pair in pairs]
        second = [ratio for pair in pairs if (ratio := reached(*pair)) is not None]
        paper = [Ratio(ratio) for ratio in published.ratios(method[:2].upper())]
        lines.append(
            [
                NAMES[method],
                _mean(first),
                _aim(first),
                _mean(second) if second else "Ours never there",
                _aim(second),
                _mean(paper),
            ]
        )
    if not lines:
        return
    yield "### Times as long as Ours, over all of these"
    yield ""
    yield from table(
        [
            "baseline",
            "until settled",
            f"aim ≥ {published.SPEEDUP}",
            f"until loss {TARGET}",
            f"aim ≥ {published.SPEEDUP}",
            "in the paper's Table I",
        ],
        lines,
    )
    yield (
        f"Geometric means, and the range. The paper claims {published.SPEEDUP} times; its Table I "
        f"has the times until loss {TARGET}. *>*: not there yet when the training had ended."
    )
    missing = [str(each) for each in rows.setups("table") if not _ours_is_there(rows, each)]
    if missing:
        yield f"Ours did not come to loss {TARGET} on {listed(missing)}: no ratio there."
    yield ""


def _ours_is_there(rows: Rows, setup: Setup) -> bool:
    ours = rows.table(setup).get("ours")
    return ours is not None and ours["course"]["reached"] is not None


def _mean(ratios: Sequence[Ratio]) -> str:
    values = [ratio.value for ratio in ratios]
    mean = Ratio(geometric_mean(values), at_least=any(ratio.at_least for ratio in ratios))
    low, high = number(min(values)), number(max(values))
    return str(mean) if low == high else f"{mean} ({low} to {high})"


def _aim(ratios: Sequence[Ratio]) -> str:
    if not ratios:
        return DASH
    mean = round(geometric_mean(ratio.value for ratio in ratios), 6)
    if mean >= published.SPEEDUP:
        return "met"
    return "open" if any(ratio.at_least for ratio in ratios) else "not met"


def quality(rows: Rows) -> Iterator[str]:
    """Section 2: the dual-path scores, and in words who is ahead."""
    yield (
        "ROUGE between the reply to the audio and the reply to the true text, on sentences that "
        "were not trained on; the share of replies that are equal; wrong tokens of the reading "
        "over tokens said. The slots of A1 to A3 are not meant to be read. Attune's ctc begins "
        "with the bundled bridge on the starter and from nothing on other LLMs, for which so few "
        "samples are too little. The best of each column is bold."
    )
    yield ""
    setups = rows.setups("table")
    for setup in setups:
        scores = {name: row["score"] for name, row in rows.table(setup).items()}
        yield f"### {setup}"
        yield ""
        yield from table(["method", *MEASURES.values()], _scores(scores))
        yield from _ahead(scores)
    yield from _summary({setup: rows.table(setup) for setup in setups})


def _scores(scores: Mapping[str, Row]) -> Iterator[list[str]]:
    best = {measure: _best(scores, measure) for measure in MEASURES}
    for name, score in scores.items():
        cells = [
            DASH
            if measure == "token_error" and name in BASELINES
            else f"**{score[measure]:.3f}**"
            if name in best[measure]
            else f"{score[measure]:.3f}"
            for measure in MEASURES
        ]
        yield [NAMES[name], *cells]


def _best(scores: Mapping[str, Row], measure: str) -> list[str]:
    """Who has the best of a column; several if they are equal to the digits shown."""
    is_error = measure == "token_error"
    figures = {
        name: round(score[measure], 3)
        for name, score in scores.items()
        if not (is_error and name in BASELINES)
    }
    goal = (min if is_error else max)(figures.values(), default=None)
    return [name for name, figure in figures.items() if figure == goal]


def _ahead(scores: Mapping[str, Row]) -> Iterator[str]:
    """Whether Attune's best head beats the others, and where the cascade wins."""
    heads = {name: scores[name] for name in HEADS if name in scores}
    others = {name: score for name, score in scores.items() if name not in HEADS}
    if heads and others:
        head = max(heads, key=lambda name: heads[name]["rouge1"])
        mine = heads[head]["rouge1"]
        ahead = [name for name in others if others[name]["rouge1"] >= mine]
        if ahead:
            named = [f"{NAMES[name]} ({others[name]['rouge1']:.3f})" for name in ahead]
            yield (
                f"By ROUGE-1, Attune's best head ({head}, {mine:.3f}) does not beat "
                f"{listed(named)}."
            )
        else:
            second = max(others, key=lambda name: others[name]["rouge1"])
            yield (
                f"By ROUGE-1, Attune's best head ({head}, {mine:.3f}) beats every other row; the "
                f"next is {NAMES[second]} ({others[second]['rouge1']:.3f})."
            )
    won = [
        title for measure, title in MEASURES.items() if _best(scores, measure) == ["cascade"]
    ]  # fmt: skip
    if won and len(scores) > 1:
        yield f"**The cascade wins here** by {listed(won)}."
    yield ""


def _summary(tables: Mapping[Setup, Mapping[str, Row]]) -> Iterator[str]:
    """Over all setups: the heads, Ours and the cascade, with the paper's figures beside."""
    scores = [{name: row["score"] for name, row in each.items()} for each in tables.values()]
    yield "### Over all of these"
    yield ""
    heads = [each for each in scores if any(name in each for name in HEADS)]
    beaten = [each for each in heads if all(_beats(each, name) for name in each)]
    yield f"- Attune's best head beats every other row in {len(beaten)} of {len(heads)}."
    with_cascade = [each for each in scores if "cascade" in each]
    if with_cascade:
        wins = [each for each in with_cascade if _best(each, "rouge1") == ["cascade"]]
        of_ours = [each for each in with_cascade if "ours" in each]
        behind = [each for each in of_ours if each["cascade"]["rouge1"] > each["ours"]["rouge1"]]
        yield (
            f"- The cascade, which the paper leaves out, has the highest ROUGE-1 in {len(wins)} of "
            f"{len(with_cascade)}, and a higher one than Ours in {len(behind)} of {len(of_ours)}."
        )
    gains = [
        each["ours"]["rouge1"] / strongest
        for each in scores
        if "ours" in each
        and (strongest := max((each[b]["rouge1"] for b in BASELINES if b in each), default=0))
    ]
    paper = published.gains()
    if gains:
        yield (
            f"- Ours has {_times(gains)} the ROUGE-1 of the best of A1 to A3. The paper claims "
            f"more than {1 + published.QUALITY_GAIN}; in its Table I it is {_times(paper)}."
        )
    ours = [each["ours"] for each in scores if "ours" in each]
    if ours:
        yield (
            f"- Ours: ROUGE-1 {_range([each['rouge1'] for each in ours])}, ROUGE-L "
            f"{_range([each['rougeL'] for each in ours])}. The paper's Ours: ROUGE-1 "
            f"{_range([each.rouge1 for each in published.OURS])}, ROUGE-L "
            f"{_range([each.rougeL for each in published.OURS])}, from other recordings and LLMs: "
            "only the order of the methods can be compared."
        )
    yield ""


def _beats(scores: Mapping[str, Row], name: str) -> bool:
    head = max(scores[head]["rouge1"] for head in HEADS if head in scores)
    return name in HEADS or head > scores[name]["rouge1"]


def _times(ratios: Sequence[float]) -> str:
    covered = _range(ratios, 2)
    if min(ratios) <= 0 or "to" not in covered:
        return f"{covered} times"
    return f"{geometric_mean(ratios):.2f} times ({covered})"


def _range(figures: Sequence[float], digits: int = 3) -> str:
    low, high = f"{min(figures):.{digits}f}", f"{max(figures):.{digits}f}"
    return low if low == high else f"{low} to {high}"


def injected(rows: Rows, setup: Setup, prompt: str) -> Spread | None:
    """ROUGE-1 of Ours with one kind of prompt, over seeds."""
    found = [row["injection"] for row in rows.ours(setup) if "injection" in row]
    return Spread.of(each[prompt]["rouge1"] for each in found) if found else None


def injection(rows: Rows) -> Iterator[str]:
    """Section 3: one bridge, with and without the instruction."""
    yield (
        "ROUGE-1 of Ours, one and the same bridge, against the reply to the true text with the "
        "instruction in front."
    )
    yield ""
    lines: list[list[str]] = []
    for setup in rows.setups("table"):
        found = {prompt: injected(rows, setup, prompt) for prompt in PROMPTS}
        on, off = found["on"], found["off"]
        if on is None or off is None:
            continue
        gain = f"{(on.mean / off.mean - 1) * 100:+.0f} %" if off.mean else DASH
        lines.append([str(setup), *map(str, found.values()), gain])
    yield from table(["", *PROMPTS.values(), "gain by the instruction"], lines)
    yield (
        "The gain is that of *instruction, audio* over *audio alone*; the paper's is about "
        f"{published.INJECTION_GAIN * 100:.0f} % (Fig. 8). The true text, which would have 1 "
        "behind the instruction, shows how much the LLM owes to it when it understands everything."
    )
    yield ""
