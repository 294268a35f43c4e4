"""How often the gate lets through what is no better, and keeps out what is.

A bridge is trained on each user's corrected sentences: with their own texts, with the texts of
other sentences, and with the texts of others in the judging sentences, too. It then reads the
sentences that it was not taught, and so does what was in use. From these results as many sentences
are drawn as a user might have for judging, again and again, and the gate decides on each draw.
``neither better`` are the trainings on own texts, with the two readings of each sentence exchanged
at random.

    python -m bench.gate --out build/gate
    python -m bench.gate --people --data PATH --encoder FOLDER --out build/gate-people
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from assistant.bridge.batch import EncodedPair
from assistant.config import PersonaliseSettings
from assistant.generate.llama import LlamaSession
from assistant.personalise.judging.gate import Measured, decide
from assistant.personalise.judging.score import Result
from bench.learners import User, people, simulated
from bench.personalise import Bench, opened
from bench.speakers import LETTERS, SPEAKERS

SIZES = (2, 3, 4, 5, 8, 12, 20)
"""Sentences to judge by."""

LEVELS = (0.05, 0.125, 0.25)
"""Of significance, for many sentences; the gate relaxes them for few."""

PROGRESS = 0.05
"""Fewer wrong words, as a share of all unseen ones, that count as progress."""

MARGIN = 0.02
"""The gain that the gate wanted before it tested."""

OWN, TAUGHT, ALL = "own texts", "shuffled in training", "shuffled everywhere"


@dataclass(frozen=True, slots=True)
class Trial:
    """One training, and how all sentences that it has not seen were read."""

    user: str
    count: int
    texts: str  # OWN, TAUGHT or ALL
    seed: int
    has_learned: bool
    measured: Measured

    @classmethod
    def read(cls, line: str) -> Trial:
        """From a line of the file in which trials are kept."""
        found = json.loads(line)
        measured = {
            name: [Result(**each) for each in results]
            for name, results in found.pop("measured").items()
        }
        return cls(**found, measured=Measured(**measured))

    def is_progress(self) -> bool:
        """Whether the bridge is really better than the best that there was."""
        return self.measured.gain(1.0).mean >= PROGRESS


@dataclass(frozen=True, slots=True)
class Row:
    """How often one rule accepts trainings of one kind."""

    trainings: str
    rule: str
    accepted: dict[int, float]  # share, by the number of sentences to judge by


def shuffled(pairs: Sequence[EncodedPair], rng: random.Random) -> list[EncodedPair]:
    """Every utterance with the text of another one."""
    order = list(range(len(pairs)))
    rng.shuffle(order)
    text = {
        here: pairs[there].text for here, there in zip(order, order[1:] + order[:1], strict=True)
    }
    return [replace(pair, text=text[at]) for at, pair in enumerate(pairs)]


def plan(counts: Sequence[int], seeds: int) -> list[tuple[int, str, int]]:
    """Number of sentences, whose texts, and seed of each of a user's trainings."""
    how = [(OWN, 0), *((texts, seed) for seed in range(seeds) for texts in (TAUGHT, ALL))]
    return [(count, *each) for each in how for count in counts]


def trained(bench: Bench, user: User, count: int, texts: str, seed: int) -> Trial:
    """One training of one user."""
    rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
    lessons = user.taught[:count]
    if texts != OWN:
        lessons = shuffled(lessons, rng)
    taught = bench.train(bench.learns, lessons, seed)
    bridge = bench.join(replace(taught.candidate, accepted=True))
    judging = shuffled(user.unseen, rng) if texts == ALL else user.unseen
    measured = bench.gate.measure(bench.base, bridge, judging, bench.canaries)
    return Trial(user.name, count, texts, seed, taught.has_learned, measured)


def drawn(measured: Measured, size: int, rng: random.Random, *, exchange: bool) -> Measured:
    """The same with some of the sentences; with ``exchange`` nothing is really better."""
    at = rng.sample(range(len(measured.after)), size)
    transcript, before, after = (
        [results[each] for each in at]
        for results in (measured.transcript, measured.best(), measured.after)
    )
    if not exchange:
        return replace(measured, transcript=transcript, before=before, after=after)
    both = [pair if rng.random() < 0.5 else pair[::-1] for pair in zip(before, after, strict=True)]
    before, after = ([pair[side] for pair in both] for side in (0, 1))
    return Measured(before, before, after, measured.canary_before, measured.canary_before)


def rules(settings: PersonaliseSettings) -> dict[str, tuple[PersonaliseSettings, float]]:
    """What could be asked of a candidate: settings, and the least gain."""

    def with_tuned(**changes: float) -> PersonaliseSettings:
        return settings.model_copy(update={"tuned": replace(settings.tuned, **changes)})

    return {
        f"margin of {MARGIN}, no canaries": (with_tuned(gate_level=1, canary_margin=1), MARGIN),
        **{
            f"level {level}, no canaries": (with_tuned(gate_level=level, canary_margin=1), -1.0)
            for level in LEVELS
        },
        f"the gate (level {settings.tuned.gate_level})": (settings, -1.0),
    }


def judged(found: Sequence[Trial], settings: PersonaliseSettings, draws: int) -> Iterator[Row]:
    """How often each rule accepts each kind of training."""
    own = [trial for trial in found if trial.texts == OWN]
    kinds: dict[str, list[Trial]] = {
        "own texts, progress": [trial for trial in own if trial.is_progress()],
        "own texts, hardly any": [trial for trial in own if not trial.is_progress()],
        "neither better": own,
        **{texts: [trial for trial in found if trial.texts == texts] for texts in (TAUGHT, ALL)},
    }
    for kind, some in kinds.items():
        exchange = kind == "neither better"
        for rule, (wanted, least) in rules(settings).items() if some else ():
            accepted: dict[int, float] = {}
            for size in SIZES:
                rng = random.Random(size)  # noqa: S311 - reproducible, not secret
                verdicts = [
                    decide(drawn(trial.measured, size, rng, exchange=exchange), wanted)
                    for trial in some
                    if trial.has_learned and size <= len(trial.measured.after)
                    for _ in range(draws)
                ]
                good = sum(each.accepted and each.numbers["gain"] >= least for each in verdicts)
                judgeable = sum(size <= len(trial.measured.after) for trial in some)
                if judgeable:  # a training that learned nothing is not judged, and not used
                    accepted[size] = round(good / (draws * judgeable), 3)
            yield Row(f"{kind} ({len(some)})", rule, accepted)


def show(rows: Sequence[Row]) -> None:
    """The table: shares of draws in which a training is accepted, in per cent."""
    print(f"\n{'accepted, %':<30}{'judged by':<30}" + "".join(f"{size:>6}" for size in SIZES))
    for row in rows:
        cells = "".join(
            f"{100 * row.accepted[size]:>6.1f}" if size in row.accepted else " " * 6
            for size in SIZES
        )
        print(f"{row.trainings:<30}{row.rule:<30}{cells}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/gate"))
    parser.add_argument("--data", type=Path, help="folder of public recordings")
    parser.add_argument(
        "--people", action="store_true", help="people's recordings, as they are and made atypical"
    )
    parser.add_argument("--encoder", type=Path, default=LETTERS)
    parser.add_argument("--speakers", type=int, help="only the first so many")
    parser.add_argument("--counts", type=int, nargs="*", default=[10, 25, 50])
    parser.add_argument("--seeds", type=int, default=3, help="trainings on shuffled texts")
    parser.add_argument("--draws", type=int, default=100, help="from each training")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    arguments = parser.parse_args()
    settings = opened(arguments, {})
    if arguments.people:
        users = people(arguments.data, arguments.out)
    else:
        users = [simulated(speaker) for speaker in SPEAKERS]
    todo = plan(arguments.counts, arguments.seeds)
    kept = arguments.out / "trials.jsonl"  # a run that was broken off goes on where it was
    found = [Trial.read(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    done = {(trial.user, trial.count, trial.texts, trial.seed) for trial in found}
    wanted = {
        user: some
        for user in users[: arguments.speakers]
        if (some := [each for each in todo if (user.name, *each) not in done])
    }
    if wanted:
        with LlamaSession(settings.generate) as session, kept.open("a", encoding="utf-8") as file:
            bench = Bench(settings, session, None, arguments.out)
            for learner, some in wanted.items():
                user = learner.heard(bench.encoder)
                for each in some:
                    trial = trained(bench, user, *each)
                    found.append(trial)
                    file.write(json.dumps(asdict(trial)) + "\n")
                    file.flush()
                    gain = trial.measured.gain(1.0).mean
                    print(f"{user.name}, {trial.count}, {trial.texts}: gain {gain:.3f}", flush=True)
    rows = list(judged(found, settings.personalise, arguments.draws))
    show(rows)
    print(json.dumps({"bench": "gate", "rows": [asdict(row) for row in rows]}))


if __name__ == "__main__":
    main()
