"""The report on what the paper leaves open, each over several seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.paper.grid import QUESTIONS
from bench.paper.markdown import DASH, number, table
from bench.paper.methods import SLOTS
from bench.paper.rows import NAMES, Row, Rows, Setup, Spread

TITLES = {
    "positions": "Positional encoding",
    "slots": "Slots (the casted token size T)",
    "padding": "Padding in the loss and in the prompt",
    "order": "Audio first or instruction first",
    "weeks": "Adaptation over weeks",
}
"""The questions, by the experiment that answers them; the order is that of the table's cells."""

_OF_THE_TABLE = {"positions": "none", "slots": str(SLOTS), "padding": "in the loss"}


@dataclass(frozen=True, slots=True)
class Variant:
    """One answer to a question: a score per seed, and loss curves where it was trained for it."""

    label: str
    scores: tuple[Row, ...]
    courses: tuple[Row, ...] = ()

    def spread(self, measure: str) -> Spread:
        """A measure over seeds."""
        return Spread.of(score[measure] for score in self.scores)


def experiment(question: str) -> str:
    """Whose cells answer it."""
    return "table" if question == "order" else question


def asked_on(rows: Rows, question: str) -> list[Setup]:
    """What a question has been asked on, with several seeds where there are any."""
    found = rows.setups(experiment(question))
    if question == "order":
        return [setup for setup in found if len(rows.ours(setup)) > 1] or found[:1]
    return found


def variants(rows: Rows, question: str, setup: Setup) -> list[Variant]:
    """The answers to be compared, that of the paper's own setting among them."""
    ours = rows.ours(setup)
    if question == "order":
        found = [row["injection"] for row in ours if "injection" in row]
        names = {"on": "instruction first", "audio first": "audio first"}
        return [
            Variant(label, tuple(each[name] for each in found))
            for name, label in names.items()
            if found
        ]
    groups = {_OF_THE_TABLE[question]: ours}
    for value in QUESTIONS[question]:
        groups[value] = rows.of(question, setup, value=value)
    if question == "slots":
        groups = dict(sorted(groups.items(), key=lambda item: int(item[0])))
    known = {label: group for label, group in groups.items() if group}
    if question == "padding":
        return [
            Variant(f"{label}, {where}", tuple(row[key] for row in group), _courses(group))
            for label, group in known.items()
            for key, where in (("score", "not in the prompt"), ("with_padding", "in the prompt"))
        ]
    return [
        Variant(label, tuple(row["score"] for row in group), _courses(group))
        for label, group in known.items()
    ]


def _courses(group: Sequence[Row]) -> tuple[Row, ...]:
    return tuple(row["course"] for row in group)


def weeks(rows: Rows, setup: Setup, measure: str = "rouge1") -> dict[str, list[Spread]]:
    """A measure week by week, by head and whether the instruction was kept."""
    found: dict[str, list[Spread]] = {}
    for head in dict.fromkeys(row["cell"]["method"] for row in rows.of("weeks", setup)):
        group = [row["weeks"] for row in rows.of("weeks", setup, method=head)]
        for which in ("kept", "changed"):
            found[f"{NAMES[head]}, instruction {which}"] = [
                Spread.of(week[which][measure] for week in of_seeds)
                for of_seeds in zip(*group, strict=True)
            ]
    return found


def section(rows: Rows) -> Iterator[str]:
    """Section 4: question by question."""
    yield (
        "Ours, unless another method is named; mean ± standard deviation over seeds. *Settled* as "
        "in section 1."
    )
    yield ""
    for question, title in TITLES.items():
        setups = asked_on(rows, question)
        yield f"### {title}"
        yield ""
        if not setups:
            yield unmeasured(experiment(question))
            yield ""
        for setup in setups:
            if question == "weeks":
                yield from _weeks(rows, setup)
            elif len(found := variants(rows, question, setup)) > 1:
                yield from _answers(found, setup)


def unmeasured(*experiments: str) -> str:
    """What to say of experiments without rows."""
    return f"Not measured: `python -m bench.paper --experiments {' '.join(experiments)}` does it."


def _answers(found: Sequence[Variant], setup: Setup) -> Iterator[str]:
    yield from table(
        [str(setup), "seeds", "ROUGE-1", "ROUGE-L", "token error", "settled (s)"],
        [
            [
                each.label,
                str(len(each.scores)),
                *(str(each.spread(measure)) for measure in ("rouge1", "rougeL", "token_error")),
                _settled(each),
            ]
            for each in found
        ],
    )
    yield verdict(found)
    yield ""


def _settled(variant: Variant) -> str:
    if not variant.courses:
        return DASH
    return number(Spread.of(each["settled"]["seconds"] for each in variant.courses).mean)


def verdict(found: Sequence[Variant]) -> str:
    """Which answer is best by ROUGE-1, and whether that is more than chance of the seeds."""
    spreads = {each.label: each.spread("rouge1") for each in found}
    best = max(spreads, key=lambda label: spreads[label].mean)
    if min(spread.count for spread in spreads.values()) < 2:
        return f"*{best}* has the highest ROUGE-1; a single seed does not say whether by chance."
    clear = [label for label in spreads if label != best and _differ(spreads[best], spreads[label])]
    if len(clear) == len(found) - 1:
        return f"*{best}* is best by ROUGE-1, beyond the spread of the seeds."
    if not clear:
        return f"*{best}* has the highest ROUGE-1, but within the spread of the seeds."
    return (
        f"*{best}* has the highest ROUGE-1; beyond the spread of the seeds only against "
        f"{', '.join(f'*{label}*' for label in clear)}."
    )


def _differ(one: Spread, other: Spread) -> bool:
    return abs(one.mean - other.mean) > one.deviation + other.deviation


def _weeks(rows: Rows, setup: Setup) -> Iterator[str]:
    found = weeks(rows, setup)
    length = min(len(each) for each in found.values())
    yield from table(
        [f"ROUGE-1, {setup}", *(f"week {week}" for week in range(length))],
        [[label, *map(str, each[:length])] for label, each in found.items()],
    )
    seeds = min(each[0].count for each in found.values())
    yield f"At least {seeds} seeds; each week teaches its share of the samples, week 0 none."
    for head in dict.fromkeys(label.partition(", instruction")[0] for label in found):
        kept, changed = (found[f"{head}, instruction {which}"] for which in ("kept", "changed"))
        difference = sum(b.mean - a.mean for a, b in zip(kept[1:], changed[1:], strict=True))
        yield (
            f"{head}: from {kept[0].mean:.3f} to {kept[-1].mean:.3f}; changed instructions make "
            f"{difference / max(1, len(kept) - 1):+.3f} a week on average."
        )
    yield ""
