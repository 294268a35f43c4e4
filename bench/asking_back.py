"""How often Attune asks "Did you say ...?", rightly and wrongly, and how commands are heard.

Utterances are simulated: requests and voices that no training has heard, alone, in noise and cut
in two; three speakers with strange sounds (``bench/speakers.py``), before and after a bridge has
learned fifty of their sentences. An utterance is heard well if every word is right. Every one is
judged by itself; in a conversation at most every third turn is a question.

    python -m bench.asking_back
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.bridge.connect import Bridge
from assistant.bridge.route import choose_route
from assistant.config import Settings, load
from assistant.dialogue import (
    NO,
    STOP,
    WAIT,
    YES,
    AskBack,
    DialoguePolicy,
    Understood,
    after_phrase,
    means,
)
from assistant.encode.encoder import Encoder
from assistant.generate.llama import LlamaSession
from assistant.values import Route, SpeechFeatures, Utterance
from bench.learners import simulated
from bench.personalise import Bench
from bench.speakers import LETTERS, SPEAKERS
from models.recipe.corpus import held_out_requests
from models.recipe.evaluate import utterance, utterances
from models.recipe.synthesis import Synthesiser, held_out_voice

NOISES = (15, 10, 5, 0)  # dB of speech over white noise
TAUGHT = 50
WORDS = {
    "stop": STOP[:10], "wait": ("wait", "hold on", "one moment", "just a second", "let me think"),
    "yes": ("yes", "yeah", "that's right", "correct"), "no": ("no", "nope", "that's wrong"),
}  # fmt: skip
PHRASES = ("attune", "hey attune", "computer")


@dataclass(frozen=True, slots=True)
class Case:
    """One utterance as Attune heard it."""

    kind: str
    right: bool
    heard: Understood


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of utterance; shares are of those heard well, and of the others."""

    kind: str
    well: int
    well_asked: float
    badly: int
    badly_asked: float


def understood(features: SpeechFeatures, bridge: Bridge | None, settings: Settings) -> Understood:
    """What the route that a turn takes understands."""
    prompt = None if bridge is None else bridge.soft_prompt(features)
    route = choose_route(
        "auto",
        prompt,
        features.transcript,
        accepted=bridge is not None and bridge.accepted,
        learned=bridge is not None and bridge.learned,
        settings=settings.bridge,
    )
    if route is Route.TRANSCRIPT or prompt is None or bridge is None:
        return Understood(0, features.transcript.spoken, features.transcript.confidence)
    return Understood(0, prompt.heard, prompt.confidence, bridge.learned)


def spoken(count: int) -> Iterator[tuple[str, Utterance, str]]:
    """Kind, utterance and text; of a fragment the whole text, which is not what was said."""
    for said, text in utterances(count, 90_210):
        yield "unheard voices", said, text
    others = utterances(count // 2, 777)
    for level in NOISES:
        rng = np.random.default_rng(level)
        for said, text in others:
            yield f"noise, {level} dB", utterance(noisy(said.samples, level, rng)), text
    rng = np.random.default_rng(1)
    for said, text in others:
        cut = int(len(said.samples) * rng.uniform(0.3, 0.7))
        yield "beginnings", utterance(said.samples[:cut].copy()), text
        yield "ends", utterance(said.samples[cut:].copy()), text
    for speaker in SPEAKERS:
        for number, text in enumerate(held_out_requests(4_242, count // 3)):
            yield speaker.name, speaker.say(text, number), text


def noisy(
    samples: NDArray[np.float32], level: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Speech with white noise so many dB below it."""
    loud = np.sqrt(np.mean(samples**2)) / 10 ** (level / 20)
    return (samples + loud * rng.standard_normal(len(samples))).astype(np.float32)


def learned(bench: Bench, settings: Settings) -> Iterator[Case]:
    """The strange speakers' sentences that their bridges were not taught."""
    for speaker in SPEAKERS:
        user = simulated(speaker).heard(bench.encoder)
        taught = bench.train("letters", user.taught[:TAUGHT])
        bridge = bench.join(replace(taught.candidate, accepted=True))
        for pair in (*user.taught[TAUGHT:], *user.unseen):
            heard = understood(pair.features, bridge, settings)
            yield Case(f"{speaker.name}, learned", heard.words == pair.text, heard)


def row(kind: str, cases: list[Case], settings: Settings) -> Row:
    """How many of these are asked back; those without words are left out."""

    def share(found: list[Case]) -> float:
        asked = [
            isinstance(DialoguePolicy(settings.turn).judge(case.heard, 0.0), AskBack)
            for case in found
        ]
        return round(float(np.mean(asked)), 3) if asked else 0.0

    well = [case for case in cases if case.right]
    badly = [case for case in cases if not case.right and case.heard.words]
    return Row(kind, len(well), share(well), len(badly), share(badly))


def commands(encoder: Encoder, count: int) -> dict[str, dict[str, float]]:
    """Share of single commands that are taken for each kind of command, in unheard voices."""
    synthesiser, rng = Synthesiser(), random.Random(5)  # noqa: S311 - seeded voices
    kinds = {"stop": STOP, "wait": WAIT, "yes": YES, "no": NO}
    found: dict[str, dict[str, float]] = {}

    def hear(text: str) -> str:
        samples = synthesiser.speak(text, held_out_voice(rng)).samples.astype(np.float32) / 32_768
        noise = np.random.default_rng(0).standard_normal(len(samples) + 9_600) * 5e-4
        samples = np.pad(samples, 4_800) + noise
        return encoder.encode(utterance(samples.astype(np.float32))).transcript.text

    for name, texts in WORDS.items():
        heard = [hear(text) for text in texts for _ in range(count)]
        found[name] = {
            kind: round(float(np.mean([means(each, phrases) for each in heard])), 3)
            for kind, phrases in kinds.items()
        }
    for phrase in PHRASES:
        heard = [hear(f"{phrase} what time is it") for _ in range(count)]
        letters = phrase.replace(" ", "")
        taken = [after_phrase(each, letters) is not None for each in heard]
        found[phrase] = {"wake": round(float(np.mean(taken)), 3)}
    return found


def false_alarms(cases: list[Case]) -> dict[str, float]:
    """Share of requests that are taken for something else."""
    words = [case.heard.words for case in cases if case.heard.words]
    tests: dict[str, Callable[[str], bool]] = {
        "stop": lambda text: means(text, STOP),
        "wait": lambda text: means(text, WAIT),
        "yes": lambda text: means(text, YES),
        "no": lambda text: means(text, NO),
    }
    for phrase in PHRASES:
        letters = phrase.replace(" ", "")
        tests[phrase] = lambda text, letters=letters: after_phrase(text, letters) is not None
    return {name: round(float(np.mean(list(map(test, words)))), 4) for name, test in tests.items()}


def percentiles(cases: list[Case], chosen: Callable[[Case], bool]) -> list[float]:
    """1st, 3rd and 5th percentile of how sure Attune is of what it hears well."""
    sure = [case.heard.confidence for case in cases if case.right and chosen(case)]
    return [round(float(at), 3) for at in np.percentile(sure, (1, 3, 5))] if sure else []


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="requests in unheard voices")
    parser.add_argument("--out", type=Path, default=Path("build/asking_back"))
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    flags = {
        "encode.path": LETTERS,
        "encode.threads": arguments.threads,
        "generate.threads": arguments.threads,
        "personalise.memory_mb": 4_000,  # the models are in this process, too
    }
    settings = load(flags, environ={}, files=()).settings
    arguments.out.mkdir(parents=True, exist_ok=True)
    with LlamaSession(settings.generate) as session:
        bench = Bench(settings, session, None, arguments.out)
        cases = [
            Case(kind, heard.words == text and kind not in ("beginnings", "ends"), heard)
            for kind, said, text in spoken(arguments.count)
            for heard in (understood(bench.encoder.encode(said), bench.base, settings),)
        ]
        alarms = false_alarms(cases)
        cases += learned(bench, settings)
        heard = commands(bench.encoder, arguments.count // 15)
    kinds = dict.fromkeys(case.kind for case in cases)
    rows = [row(kind, [case for case in cases if case.kind == kind], settings) for kind in kinds]
    print(f"{'':<40}{'heard well':>12}{'asked':>8}{'heard badly':>14}{'asked':>8}")
    for each in rows:
        print(
            f"{each.kind:<40}{each.well:>12}{each.well_asked:>8.1%}"
            f"{each.badly:>14}{each.badly_asked:>8.1%}"
        )
    print("\nheard as, in unheard voices:")
    for name, taken in heard.items():
        print(f"{name:<12}" + "".join(f"{kind:>8} {share:>6.1%}" for kind, share in taken.items()))
    print(
        "requests taken for: " + ", ".join(f"{name} {share:.2%}" for name, share in alarms.items())
    )
    sure = {
        "unheard voices": percentiles(cases, lambda case: case.kind == "unheard voices"),
        "learned": percentiles(cases, lambda case: case.heard.learned),
    }
    print(f"well heard, 1st, 3rd and 5th percentile of confidence: {sure}")
    print(
        json.dumps(
            {
                "bench": "asking_back",
                "ask_back": settings.turn.ask_back,
                "learned_ask_back": settings.turn.tuned.learned_ask_back,
                "rows": [[r.kind, r.well, r.well_asked, r.badly, r.badly_asked] for r in rows],
                "commands": heard,
                "false_alarms": alarms,
                "percentiles": sure,
            }
        )
    )


if __name__ == "__main__":
    main()
