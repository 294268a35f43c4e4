"""How well people are understood after 0, 10, 25, 50 and 100 corrected utterances.

For every user, kind of bridge and number of corrected utterances: word errors of the reading and
replies equal to the reply to the true text, on sentences that no training has seen, with the
intervals that 95 % of resamplings of these sentences keep to. Examples are split, trained on and
judged as ``assistant retrain`` does it; the row ``Attune`` is what a user gets: the transcript or
the bridge, whichever a turn would take, with a new bridge only where the gate accepts it.

    python -m bench.personalise --out build/personalise         # simulated speakers
    python -m bench.personalise --data PATH                     # and the speakers of speechocean762
    python -m bench.personalise --people --data PATH --encoder FOLDER --out build/people-base
    python -m bench.personalise --people --users severe --counts 15 50 --heads adapted --threads 1 \
        --data PATH --encoder FOLDER --llm GGUF --out build/people-base    # a part of that
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event

from assistant.bridge import checkpoint, kinds
from assistant.bridge.batch import EncodedPair, Pair
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.connect import Bridge
from assistant.config import Settings, load
from assistant.encode.encoder import open_encoder
from assistant.generate.llama import LlamaSession
from assistant.journal.lineage import CurvePoint
from assistant.kinds import REGISTRY
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.data.common_talk import common_talk
from assistant.personalise.data.features import TrainingFeatures, source_of
from assistant.personalise.judging.gate import Gate, decide
from assistant.personalise.judging.hearing import Hearing
from assistant.personalise.judging.judge import usable
from assistant.personalise.judging.score import Replies, score
from assistant.personalise.training.ending import candidates
from assistant.personalise.training.request import Request
from assistant.personalise.training.retrain import beginning
from assistant.personalise.training.trainer import Material, Trainer
from assistant.values import SpeechFeatures
from bench.learners import COUNTS, Learner, human, kathleen, people, simulated
from bench.outcomes import Row, cell, draw, row_of, show
from bench.speakers import LETTERS, SPEAKERS


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """What a training gave."""

    candidates: tuple[Checkpoint, ...]  # with all of what was learned, then with less of it
    curve: tuple[CurvePoint, ...]
    seconds: float  # of the processor
    held_out: list[Pair]  # examples that judge
    has_learned: bool = False

    @property
    def candidate(self) -> Checkpoint:
        """With all of what was learned."""
        return self.candidates[0]


class Remembered:
    """Hears each utterance once with each bridge: that takes most of a table's time.

    Args:
        hearing: what a bridge is given of an utterance.
    """

    def __init__(self, hearing: Hearing) -> None:
        self._hearing = hearing
        self._known: dict[tuple[str, Pair], SpeechFeatures] = {}

    def __call__(self, bridge: Bridge | None, pair: Pair) -> SpeechFeatures:
        """As ``Hearing`` does."""
        key = "" if bridge is None else bridge.version, pair
        if key not in self._known:
            self._known[key] = self._hearing(bridge, pair)
        return self._known[key]

    def forget(self) -> None:
        """Give the memory back."""
        self._known.clear()


class Bench:
    """One encoder and one LLM with what trainings on them need."""

    def __init__(
        self, settings: Settings, session: LlamaSession, pooled: Path | None, out: Path
    ) -> None:
        self.settings = settings
        self.encoder = open_encoder(settings.encode)
        self.session = session
        self.language = session.vocabulary
        self.gate = self.renewed_gate()
        self.out = out
        self.steps: int | None = None  # of trainings; none: as many as the head needs
        self._pooled = pooled
        wanted = settings.personalise
        talk = common_talk(wanted.canaries + wanted.replay, self.encoder, out)
        common = [EncodedPair(each.features, each.text, samples=each.samples) for each in talk]
        self.canaries, self.replay = common[: wanted.canaries], common[wanted.canaries :]
        source = source_of(self.encoder)
        self.heads = [each for each in REGISTRY if kinds.named(each).obstacle(source) is None]
        self.learns = wanted.head if wanted.head in self.heads else self.heads[0]
        _, found = next(usable(settings, None, source, self.language), ("", None))
        self.base = None if found is None else self.join(found)

    def renewed_gate(self) -> Gate:
        """One that has heard no replies yet, for another instruction."""
        self.hearing = Remembered(Hearing(self.settings.encode))
        replies = Replies(self.session)
        return Gate(self.language, replies, self.settings.bridge, hearing=self.hearing)

    def join(self, found: Checkpoint) -> Bridge:
        """A bridge as the daemon would use it."""
        return Bridge(found, self.language, self.encoder.spelling)

    def train(self, head: str, pairs: Sequence[Pair], number: int = 0) -> Taught:
        """A candidate, trained on four of five examples as the daemon would do it.

        Args:
            head: which kind of bridge.
            pairs: the corrected utterances; none give the bridge that training starts from.
            number: the seed.
        """
        tuned = self.settings.personalise.tuned
        personalise = self.settings.personalise.model_copy(
            update={
                "head": head,
                "steps": self.steps or kinds.named(head).retrain_steps,
                "tuned": replace(tuned, seed=number),
            }
        )
        settings = self.settings.model_copy(update={"personalise": personalise})
        if head == "pooled" and self._pooled is not None:
            settings = settings.model_copy(
                update={"bridge": settings.bridge.model_copy(update={"path": self._pooled})}
            )
        # every fifth one judges, as a hash would choose them in the long run
        held_out = list(pairs[2::5])
        train = [pair for at, pair in enumerate(pairs) if at % 5 != 2]
        heard = TrainingFeatures(
            source_of(self.encoder), train, held_out, self.replay, self.canaries
        )
        folder = BridgeFolder(self.out / "none")
        begun, _ = beginning(settings, Request("base"), folder, heard, self.language)
        if not pairs:
            return Taught((begun.checkpoint,), (), 0.0, [])
        state = self.out / f"training-{os.getpid()}.safetensors"
        state.unlink(missing_ok=True)
        trainer = Trainer(begun, Material(train, self.replay, held_out), personalise, state, head)
        began = time.process_time()  # others may use this machine, too
        trained = trainer.run(lambda _point, _left: None, Event(), personalise.max_minutes)
        seconds = time.process_time() - began
        state.unlink(missing_ok=True)
        found = tuple(candidates(begun.checkpoint, trained, examples=[]))
        return Taught(found, trained.curve, seconds, held_out, trained.has_learned)

    def rows(
        self, learner: Learner, counts: Sequence[int], heads: Sequence[str], known: Collection[Row]
    ) -> Iterator[Row]:
        """The part of the table for one user that is not known yet."""
        done = {(row.head, row.count) for row in known if row.user == learner.name}
        counts = [count for count in counts if count <= learner.taught]
        wanted = ["transcript", *heads] + ["Attune"] * (self.learns in heads)
        if all((head, count) in done for head in wanted for count in counts):
            return
        self.hearing.forget()
        user = learner.heard(self.encoder, max(counts))
        transcript = self.gate.results(None, user.unseen)
        for count in counts:
            if ("transcript", count) not in done:
                yield row_of(user.name, "transcript", count, transcript)
            for head in heads:
                if ("Attune" if head == self.learns else head, count) in done:
                    continue
                taught = self.train(head, user.taught[:count])
                bridge = self.join(replace(taught.candidate, accepted=True))
                results = self.gate.results(bridge, user.unseen)
                if head == self.learns:
                    accepted = self.judged(user.name, taught)
                    yield row_of(user.name, head, count, results, taught.seconds, accepted)
                    results = self.gate.results(self.used(user.name), user.unseen, auto=True)
                    yield row_of(user.name, "Attune", count, results, taught.seconds, accepted)
                else:
                    yield row_of(user.name, head, count, results, taught.seconds)

    def judged(self, name: str, taught: Taught) -> bool | None:
        """Whether the gate lets a user's new bridge through; it is then in use."""
        if not taught.held_out:
            self._path(name).unlink(missing_ok=True)  # nothing has been learned yet
            return None
        if not taught.has_learned:
            return False
        for candidate in taught.candidates:
            began = time.process_time()
            bridge = self.join(candidate)
            measured = self.gate.measure(self.used(name), bridge, taught.held_out, self.canaries)
            verdict = decide(measured, self.settings.personalise)
            then, now = (
                f"{score(each).word_error:.1%}"
                for each in (measured.canary_before, measured.canary_after)
            )
            print(
                f"{name}, {candidate.provenance['kept']:.0%} kept: {verdict.why} "
                f"(common talk {then}, then {now}; {time.process_time() - began:.0f} s)",
                flush=True,
            )
            if verdict.accepted:
                candidate.write(self._path(name))
            if not verdict.harms_others:
                return verdict.accepted
        return False

    def used(self, name: str) -> Bridge | None:
        """The bridge that a user's gate accepted last, kept for a run that goes on later."""
        path = self._path(name)
        return self.join(checkpoint.read(path)) if path.exists() else self.base

    def _path(self, name: str) -> Path:
        return self.out / f"in-use-{re.sub('[^a-zA-Z0-9]+', '-', name)}.safetensors"


def opened(arguments: argparse.Namespace, more: Mapping[str, object]) -> Settings:
    """Settings of a bench with these ``--encoder`` and ``--threads``; creates its ``--out``."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    flags: dict[str, object] = {
        "personalise.threads": arguments.threads,
        "personalise.memory_mb": 16_000,  # this process holds all models and a user
        "personalise.max_minutes": 600.0,  # a busy machine leads to the same weights
        "generate.threads": arguments.threads,
        "encode.threads": arguments.threads,
        "encode.path": arguments.encoder,
    }
    return load({**flags, **more}, environ={}, files=()).settings


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/personalise"))
    parser.add_argument("--data", type=Path, help="folder of public recordings")
    parser.add_argument(
        "--people", action="store_true", help="people's recordings, as they are and made atypical"
    )
    parser.add_argument("--kathleen", action="store_true", help="only Kathleen, as she is")
    parser.add_argument(
        "--encoder", type=Path, default=LETTERS, help="another encoder than the bundled letters"
    )
    parser.add_argument("--llm", type=Path, help="another language model than the bundled one")
    parser.add_argument("--pooled", type=Path, help="a trained bridge of the paper's kind")
    parser.add_argument("--heads", nargs="*", help="kinds to train (default: all that can be)")
    parser.add_argument("--learns", choices=REGISTRY, help="the kind that Attune trains")
    parser.add_argument("--users", nargs="*", help="only those with one of these in their names")
    parser.add_argument("--counts", type=int, nargs="*", default=list(COUNTS))
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    arguments = parser.parse_args()
    settings = opened(
        arguments, {"personalise.head": arguments.learns, "generate.path": arguments.llm}
    )
    if arguments.people:
        users = people(arguments.data, arguments.out)
    elif arguments.kathleen:
        users = [kathleen(arguments.data)]
    else:
        users = [simulated(speaker) for speaker in SPEAKERS]
        users += [] if arguments.data is None else human(arguments.data)
    kept = arguments.out / "rows.jsonl"  # a run that was broken off goes on where it was
    rows = (
        [Row(**json.loads(line)) for line in kept.read_text().splitlines()] if kept.exists() else []
    )
    with LlamaSession(settings.generate) as session, kept.open("a", encoding="utf-8") as file:
        bench = Bench(settings, session, arguments.pooled, arguments.out)
        heads = [each for each in arguments.heads or bench.heads if each in bench.heads]
        for user in users:
            if arguments.users and not any(each in user.name for each in arguments.users):
                continue
            for row in bench.rows(user, arguments.counts, heads, tuple(rows)):
                rows.append(row)
                file.write(json.dumps(asdict(row)) + "\n")
                file.flush()
                print(
                    f"{row.user:<36}{row.head:<12}{row.count:>4} word error "
                    f"{cell(row, 'word_error')} success {cell(row, 'success')} "
                    f"{row.seconds:.0f} s {'' if row.accepted is None else row.accepted}",
                    flush=True,
                )
    show(rows)
    draw(rows, arguments.out / "personalise.png")
    print(json.dumps({"bench": "personalise", "rows": [asdict(row) for row in rows]}))


if __name__ == "__main__":
    main()
