"""Attune learning somebody's speech, from misheard to understood, in a few minutes.

A simulated speaker whom the starter misunderstands asks a few things, teaches Attune fifty
sentences, and asks again. Nobody real is imitated; the journal is a new one in ``build/demo``.

    make demo
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from assistant import composition
from assistant.cli.shared.training import display, tell
from assistant.config import Settings, load
from assistant.errors import AttuneError
from assistant.journal.store import Journal
from assistant.journal.turn import Taught, Turn
from assistant.personalise.data.common_talk import sentences
from assistant.personalise.judging.score import edits
from assistant.personalise.training.events import Judged
from assistant.personalise.training.request import Request
from assistant.personalise.training.retrain import retrain
from assistant.speak.voice import Mute
from assistant.turn import Assistant
from assistant.values import Route, Utterance
from bench.speakers import LETTERS, SPEAKERS, Speaker

SPEAKER = SPEAKERS[1]

QUESTIONS = (
    "what day is it today",
    "i feel a little lonely today",
    "my daughter is coming to visit me",
    "where are my glasses",
    "tell me something nice please",
)
"""Asked before and after; none of them is taught."""

POINTS = (0, 25, 50)
"""Numbers of taught sentences on the curve."""

UNSEEN = 20
"""Sentences that the curve is measured on."""


@dataclass(frozen=True, slots=True)
class Point:
    """How much is misunderstood after so many sentences."""

    taught: int
    words_wrong: float
    replies_wrong: float


def ask(assistant: Assistant, utterance: Utterance) -> tuple[str, Turn]:
    """What was understood on the route taken, and the whole exchange."""
    turn = assistant.hear(utterance)
    heard = turn.heard if turn.route is Route.BRIDGE else turn.hypothesis
    return heard or "", turn


def converse(
    settings: Settings, title: str, speaker: Speaker, questions: Sequence[str] = QUESTIONS
) -> int:
    """Ask the questions and show what becomes of them; how many were understood word for word."""
    print(f"\n{title}\n", flush=True)
    understood = 0
    with composition.assistant(settings, Mute(), print) as assistant:
        for number, text in enumerate(questions):
            heard, turn = ask(assistant, speaker.say(text, 1_000 + number))
            right = heard == text
            understood += right
            print(f"  said    {text}")
            print(f"  heard   {heard}{'' if right else '    <- misheard'}")
            print(f"  Attune  {turn.reply or '(no words, no reply)'}\n", flush=True)
    return understood


def measure(settings: Settings, taught: int, speaker: Speaker, texts: Sequence[str]) -> Point:
    """Words and replies that go wrong on sentences that are never taught."""
    wrong = words = replies = 0
    with composition.assistant(settings, Mute(), print) as assistant:
        for number, text in enumerate(texts):
            heard, turn = ask(assistant, speaker.say(text, 2_000 + number))
            vocabulary = {word: at for at, word in enumerate({*text.split(), *heard.split()})}
            wrong += edits(
                [vocabulary[word] for word in text.split()],
                [vocabulary[word] for word in heard.split()],
            )
            words += len(text.split())
            replies += turn.reply != assistant.read(text).reply
    return Point(taught, wrong / words, replies / len(texts))


def teach(
    settings: Settings, speaker: Speaker, texts: Sequence[str], first: int, at: datetime
) -> None:
    """Put sentences read aloud into the journal."""
    with Journal.open(settings.journal) as journal:
        for number, text in enumerate(texts, first):
            spoken = speaker.say(text, number)
            began = at + timedelta(seconds=number)
            journal.enrolled(
                Utterance(spoken.samples, began, spoken.end_reason, source="demo"),
                text,
                Taught.ENROLLED,
            )


def learn(settings: Settings) -> Judged | None:
    """Train with a progress bar, and show the verdict."""
    with display() as shown:
        outcome = retrain(settings, Request("base"), shown.event, threading.Event())
    tell(outcome)
    return outcome if isinstance(outcome, Judged) else None


def draw(points: Sequence[Point], path: Path) -> None:
    """Errors over the number of taught sentences."""
    import matplotlib as mpl  # noqa: PLC0415 - takes a second to load

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axis = plt.subplots(figsize=(6.4, 3.4))
    taught = [point.taught for point in points]
    axis.plot(taught, [100 * p.words_wrong for p in points], marker="o", label="words misheard")
    axis.plot(taught, [100 * p.replies_wrong for p in points], marker="s", label="wrong replies")
    axis.set_xlabel("sentences taught")
    axis.set_ylabel("% of what is said, unseen sentences")
    axis.set_title("A simulated speaker teaches Attune", fontsize=11)
    axis.set_ylim(0, 100)
    axis.set_xticks(taught)
    axis.grid(alpha=0.3)
    axis.legend()
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


@dataclass(frozen=True, slots=True)
class Scene:
    """How much is asked, taught and measured."""

    questions: int = len(QUESTIONS)
    unseen: int = UNSEEN
    taught: tuple[int, ...] = POINTS
    at: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    """When the first sentence is taught, which decides which of them become the test."""


def settings(folder: Path, flags: Mapping[str, object] | None = None) -> Settings:
    """Of a new household in this folder, some of them given as flags."""
    own = {
        "encode.path": LETTERS,
        "journal.path": folder / "journal.db",
        "personalise.threads": 2,
        "turn.ask_back": 0.0,  # what is misheard is to be seen
        "personalise.memory_mb": 4_000,  # the models of the conversations are in this process, too
    }
    return load({**own, **(flags or {})}, environ={}, files=()).settings


def demonstrate(settings: Settings, scene: Scene, picture: Path) -> bool:
    """Show what is misheard before and after learning; whether it became less."""
    # the first sentences are replayed in training, these are not
    texts = [text for text in sentences(10_000)[280:] if text not in QUESTIONS]
    most = scene.taught[-1]
    unseen, lessons = texts[: scene.unseen], texts[scene.unseen : scene.unseen + most]
    questions = QUESTIONS[: scene.questions]
    began = time.monotonic()
    print(f"A simulated speaker: {SPEAKER.name}.")
    before = converse(settings, "Before:", SPEAKER, questions)
    points = [measure(settings, 0, SPEAKER, unseen)]
    accepted = False  # by the gate, at least once: a later candidate may be no better
    for count, previous in zip(scene.taught[1:], scene.taught, strict=False):
        print(f"\nTeaching sentences {previous + 1} to {count}, then learning:\n", flush=True)
        teach(settings, SPEAKER, lessons[previous:count], previous, scene.at)
        verdict = learn(settings)
        accepted = accepted or (verdict is not None and verdict.accepted)
        points.append(measure(settings, count, SPEAKER, unseen))
    after = converse(settings, f"After {most} sentences:", SPEAKER, questions)
    draw(points, picture)
    for point in points:
        print(
            f"{point.taught:>3} sentences: {point.words_wrong:4.0%} of words misheard, "
            f"{point.replies_wrong:4.0%} of replies wrong"
        )
    print(f"Understood word for word: {before} of {len(questions)} before, {after} after.")
    print(f"The curve: {picture}   ({time.monotonic() - began:.0f} s in all)")
    curve = {f"taught_{point.taught}": figures(point) for point in points}
    print(json.dumps({"bench": "demo", **curve}))
    return accepted and after > before


def figures(point: Point) -> dict[str, float]:
    """Words and replies that go wrong, per cent."""
    return {
        "words": round(100 * point.words_wrong, 1),
        "replies": round(100 * point.replies_wrong, 1),
    }


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/demo"))
    parser.add_argument("--picture", type=Path, help="where the curve goes")
    arguments = parser.parse_args()
    folder: Path = arguments.out
    shutil.rmtree(folder, ignore_errors=True)
    picture = arguments.picture or folder / "learning.png"
    return 0 if demonstrate(settings(folder), Scene(), picture) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AttuneError as error:
        sys.exit(f"demo: {error}")
