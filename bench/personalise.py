"""How much a speaker is understood after 0, 10, 25, 50 and 100 corrected utterances.

For every speaker, head and number of corrected utterances: replies equal to the reply to the true
text, ROUGE-1/L of the paper's dual path and token errors of the reading, on sentences that no
training has seen. Examples are split, trained on and judged as ``assistant retrain`` does it; the
row ``Attune`` is what a user gets: the transcript or the bridge, whichever a turn would take, with
a new bridge only where the gate accepts it.

    python -m bench.personalise --out build/personalise
    python -m bench.personalise --data PATH     # with the human speakers of the public collections
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from threading import Event
from typing import Any

from assistant.bridge import kinds
from assistant.bridge.batch import EncodedPair, Pair
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.connect import Bridge
from assistant.config import Settings, load
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.generate.llama import LlamaSession
from assistant.journal.lineage import CurvePoint
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.data.common_talk import common_talk
from assistant.personalise.data.features import TrainingFeatures, source_of
from assistant.personalise.judging.gate import Gate, decide
from assistant.personalise.judging.judge import usable
from assistant.personalise.judging.score import Replies, Score, score
from assistant.personalise.training.ending import candidate_of
from assistant.personalise.training.request import Request
from assistant.personalise.training.retrain import beginning
from assistant.personalise.training.trainer import Material, Trainer
from assistant.values import EndReason, Utterance
from bench.speakers import LETTERS, SPEAKERS, Speaker
from models.recipe.corpus import Clip, held_out_requests, read, recordings, spoken_form

HEADS = ("pooled", "ctc", "anchored", "letters")
COUNTS = (0, 10, 25, 50, 100)
UNSEEN = 50


@dataclass(frozen=True, slots=True, eq=False)
class User:
    """Somebody's corrected utterances in the order they came, and sentences to test on."""

    name: str
    taught: list[EncodedPair]
    unseen: list[EncodedPair]


@dataclass(frozen=True, slots=True)
class Row:
    """One cell of the table."""

    user: str
    head: str
    count: int
    seconds: float  # of training
    success: float
    rouge1: float
    rougeL: float  # noqa: N815 - the measure's name
    token_error: float
    accepted: bool | None = None


def simulated(speaker: Speaker, encoder: Wav2Vec2Encoder) -> User:
    """A simulated speaker saying requests that no training of the starter has seen."""
    texts = held_out_requests(777, COUNTS[-1] + UNSEEN)
    pairs = [
        EncodedPair(encoder.encode(speaker.say(text, number)), text)
        for number, text in enumerate(texts)
    ]
    return User(speaker.name, pairs[: COUNTS[-1]], pairs[COUNTS[-1] :])


def human(data: Path, encoder: Wav2Vec2Encoder) -> Iterator[User]:
    """Held-out speakers of speechocean762: each has 20 recordings, so 10 teach and 10 test."""
    speakers: dict[str, list[Clip]] = {}
    for clip in recordings(data, held_out_part=True):
        speakers.setdefault(clip.speaker, []).append(clip)
    for name, clips in sorted(speakers.items()):
        if name == "kathleen" or len(clips) < 20:
            continue
        yield User(name, *_halves(clips, encoder, 10))


def kathleen(data: Path, encoder: Wav2Vec2Encoder) -> User:
    """Kathleen's recordings, for an encoder that has not been trained on her."""
    clips = [
        clip
        for part in (True, False)
        for clip in recordings(data, held_out_part=part)
        if clip.speaker == "kathleen"
    ]
    distinct = list({spoken_form(clip.text): clip for clip in clips}.values())
    distinct.sort(key=lambda clip: hashlib.sha256(clip.text.encode()).hexdigest())
    return User("Kathleen", *_halves(distinct[: COUNTS[-1] + UNSEEN], encoder, COUNTS[-1]))


def _halves(
    clips: Sequence[Clip], encoder: Wav2Vec2Encoder, taught: int
) -> tuple[list[EncodedPair], list[EncodedPair]]:
    pairs = [
        EncodedPair(
            encoder.encode(Utterance(read(clip), datetime.now(timezone.utc), EndReason.STOP)),
            spoken_form(clip.text),
        )
        for clip in clips
    ]
    return pairs[:taught], pairs[taught:]


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """What a training gave."""

    candidate: Checkpoint
    curve: tuple[CurvePoint, ...]
    seconds: float
    held_out: list[Pair]  # examples that judge


class Bench:
    """One encoder and one LLM with what trainings on them need."""

    def __init__(
        self, settings: Settings, session: LlamaSession, pooled: Path | None, out: Path
    ) -> None:
        self.settings = settings
        self.encoder = Wav2Vec2Encoder(settings.encode)
        self.session = session
        self.language = session.vocabulary
        self.gate = self.renewed_gate()
        self.out = out
        self.steps: int | None = None  # of trainings; none: as many as the head needs
        self._pooled = pooled
        wanted = settings.personalise
        talk = common_talk(wanted.canaries + wanted.replay, self.encoder, out)
        common = [EncodedPair(each.features, each.text) for each in talk]
        self.canaries, self.replay = common[: wanted.canaries], common[wanted.canaries :]
        source = source_of(self.encoder)
        _, found = next(usable(settings, None, source, self.language), ("", None))
        self.base = None if found is None else self.join(found)

    def renewed_gate(self) -> Gate:
        """One that has heard no replies yet, for another instruction."""
        return Gate(self.language, Replies(self.session), self.settings.bridge)

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
            return Taught(begun.checkpoint, (), 0.0, [])
        state = self.out / f"training-{os.getpid()}.safetensors"
        state.unlink(missing_ok=True)
        trainer = Trainer(begun, Material(train, self.replay, held_out), personalise, state, head)
        began = time.monotonic()
        trained = trainer.run(lambda _point, _left: None, Event(), minutes=10)
        seconds = time.monotonic() - began
        state.unlink(missing_ok=True)
        return Taught(candidate_of(begun, trained, examples=[]), trained.curve, seconds, held_out)

    def rows(
        self, user: User, counts: Sequence[int], heads: Sequence[str], known: Collection[Row]
    ) -> Iterator[Row]:
        """The part of the table for one user that is not known yet."""
        done = {(row.head, row.count) for row in known if row.user == user.name}
        transcript = score(self.gate.results(None, user.unseen))
        used = self.base  # until the gate accepts another one
        for count in counts:
            if ("transcript", count) not in done:
                yield _row(user, "transcript", count, transcript)
            for head in heads:
                last = "Attune" if head == self.settings.personalise.head else head
                if (last, count) in done:
                    continue
                taught = self.train(head, user.taught[:count])
                seconds, held_out = taught.seconds, taught.held_out
                bridge = self.join(replace(taught.candidate, accepted=True))
                of_bridge = score(self.gate.results(bridge, user.unseen))
                if head != self.settings.personalise.head:
                    yield _row(user, head, count, of_bridge, seconds)
                    continue
                accepted = None
                if held_out:
                    measured = self.gate.measure(used, bridge, held_out, self.canaries)
                    verdict = decide(measured, self.settings.personalise)
                    accepted = verdict.accepted
                    used = bridge if accepted else used
                    print(f"{user.name}, {count}: {verdict.why}", flush=True)
                yield _row(user, head, count, of_bridge, seconds, accepted)
                of_user = score(self.gate.results(used, user.unseen, auto=True))
                yield _row(user, "Attune", count, of_user, seconds, accepted)


def _row(
    user: User,
    head: str,
    count: int,
    of: Score,
    seconds: float = 0.0,
    accepted: bool | None = None,  # noqa: FBT001 - one of the table's columns
) -> Row:
    return Row(
        user.name, head, count, round(seconds, 1), round(of.equal, 3), round(of.rouge1, 3),
        round(of.rougeL, 3), round(of.token_error, 3), accepted,
    )  # fmt: skip


def show(rows: Sequence[Row]) -> None:
    """The table, one line per user and route, one column per number of utterances."""
    for measure in ("success", "rouge1", "rougeL", "token_error"):
        counts = sorted({row.count for row in rows})
        print(f"\n{measure:<36}{'route':<12}" + "".join(f"{count:>8}" for count in counts))
        for user in dict.fromkeys(row.user for row in rows):
            for head in dict.fromkeys(row.head for row in rows):
                cells = {r.count: r for r in rows if (r.user, r.head) == (user, head)}
                line = "".join(
                    f"{getattr(cells[count], measure):>8.3f}" if count in cells else " " * 8
                    for count in counts
                )
                print(f"{user:<36}{head:<12}{line}")


def draw(rows: Sequence[Row], path: Path) -> None:
    """Success and token error over the number of corrected utterances."""
    import matplotlib as mpl  # noqa: PLC0415 - only where a picture is wished for

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    users = list(dict.fromkeys(row.user for row in rows))
    figure, axes = plt.subplots(
        2, len(users), figsize=(3.6 * len(users), 6), sharex=True, sharey="row", squeeze=False
    )
    for column, user in enumerate(users):
        for line, (measure, label) in enumerate(
            (("success", "replies as to the true text"), ("token_error", "tokens read wrong"))
        ):
            axis: Any = axes[line][column]
            for head in dict.fromkeys(row.head for row in rows):
                cells = [r for r in rows if (r.user, r.head) == (user, head)]
                style: dict[str, Any] = (
                    {"color": "black", "linewidth": 2.5} if head == "Attune" else {}
                )
                if head == "transcript":
                    style = {"color": "grey", "linestyle": "--"}
                axis.plot(
                    [r.count for r in cells],
                    [getattr(r, measure) for r in cells],
                    marker="o",
                    markersize=3,
                    label=head,
                    **style,
                )
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


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/personalise"))
    parser.add_argument("--data", type=Path, help="folder of public recordings")
    parser.add_argument("--kathleen", action="store_true", help="only Kathleen, for an encoder")
    parser.add_argument(
        "--encoder", type=Path, default=LETTERS, help="another encoder than the bundled letters"
    )
    parser.add_argument("--pooled", type=Path, help="a trained bridge of the paper's kind")
    parser.add_argument("--heads", nargs="*", default=list(HEADS))
    parser.add_argument("--speakers", type=int, default=len(SPEAKERS), help="simulated ones")
    parser.add_argument("--counts", type=int, nargs="*", default=list(COUNTS))
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    arguments = parser.parse_args()
    flags: dict[str, object] = {
        "personalise.threads": arguments.threads,
        "personalise.memory_mb": 16_000,  # this process holds all models and all users
        "generate.threads": arguments.threads,
        "encode.threads": arguments.threads,
        "encode.path": arguments.encoder,
    }
    settings = load(flags, environ={}, files=()).settings
    arguments.out.mkdir(parents=True, exist_ok=True)
    kept = arguments.out / "rows.jsonl"  # a run that was broken off goes on where it was
    rows = (
        [Row(**json.loads(line)) for line in kept.read_text().splitlines()] if kept.exists() else []
    )
    with LlamaSession(settings.generate) as session:
        bench = Bench(settings, session, arguments.pooled, arguments.out)
        users: list[tuple[User, Sequence[int]]] = []
        if arguments.kathleen:
            users.append((kathleen(arguments.data, bench.encoder), arguments.counts))
        else:
            users += [
                (simulated(speaker, bench.encoder), arguments.counts)
                for speaker in SPEAKERS[: arguments.speakers]
            ]
            if arguments.data is not None:
                users += [(each, (0, 10)) for each in human(arguments.data, bench.encoder)]
        with kept.open("a", encoding="utf-8") as file:
            for user, counts in users:
                for row in bench.rows(user, counts, arguments.heads, tuple(rows)):
                    rows.append(row)
                    file.write(json.dumps(asdict(row)) + "\n")
                    file.flush()
                    print(
                        f"{row.user:<36}{row.head:<12}{row.count:>4} success {row.success:.3f} "
                        f"ROUGE-1 {row.rouge1:.3f} token error {row.token_error:.3f} "
                        f"{row.seconds:.0f} s {'' if row.accepted is None else row.accepted}",
                        flush=True,
                    )
    show(rows)
    draw(rows, arguments.out / "personalise.png")
    print(json.dumps({"bench": "personalise", "rows": [asdict(row) for row in rows]}))


if __name__ == "__main__":
    main()
