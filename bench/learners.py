"""Who teaches in the benches: simulated voices, recordings of people, and people made atypical."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.bridge.batch import EncodedPair
from assistant.config import EncodeSettings, starter_dir
from assistant.encode.encoder import Encoder, open_encoder
from assistant.personalise.judging.score import edits
from assistant.values import EndReason, Utterance
from bench.impair import SEVERITIES, Severity, impair
from bench.speakers import Speaker
from models.recipe.corpus import Clip, held_out_requests, read, recordings, spoken_form

Samples = NDArray[np.float32]

COUNTS = (0, 10, 25, 50, 100)
UNSEEN = 50

MISREAD = 3
"""How many of the speakers whom Whisper misreads most."""


@dataclass(frozen=True, slots=True, eq=False)
class User:
    """Somebody's corrected utterances in the order they came, and sentences to test on."""

    name: str
    taught: list[EncodedPair]
    unseen: list[EncodedPair]


@dataclass(frozen=True, slots=True, eq=False)
class Learner:
    """A user whom no encoder has heard yet."""

    name: str
    taught: int  # how many of the sentences teach
    spoken: Callable[[], Iterator[tuple[Samples, str]]]

    def heard(self, encoder: Encoder, taught: int | None = None) -> User:
        """The user as an encoder hears them, of the sentences that teach only the first ones."""
        taught = self.taught if taught is None else min(taught, self.taught)
        pairs = [
            EncodedPair(encoder.encode(_utterance(samples)), text, samples=samples)
            for number, (samples, text) in enumerate(self.spoken())
            if not taught <= number < self.taught
        ]
        return User(self.name, pairs[:taught], pairs[taught:])

    def impaired(self, severity: Severity) -> Learner:
        """The same sentences, made atypical."""

        def spoken() -> Iterator[tuple[Samples, str]]:
            for number, (samples, text) in enumerate(self.spoken()):
                yield impair(samples, severity, number), text

        return Learner(f"{self.name}, {severity} (simulated)", self.taught, spoken)


def simulated(speaker: Speaker) -> Learner:
    """A simulated speaker saying requests that no training of the starter has seen."""

    def spoken() -> Iterator[tuple[Samples, str]]:
        for number, text in enumerate(held_out_requests(777, COUNTS[-1] + UNSEEN)):
            yield speaker.say(text, number).samples, text

    return Learner(speaker.name, COUNTS[-1], spoken)


def human(data: Path) -> list[Learner]:
    """Held-out speakers of speechocean762: each has 20 recordings, so 10 teach and 10 test."""
    speakers: dict[str, list[Clip]] = {}
    for clip in recordings(data, held_out_part=True):
        speakers.setdefault(clip.speaker, []).append(clip)
    return [
        _recorded(name, clips, 10)
        for name, clips in sorted(speakers.items())
        if name != "kathleen" and len(clips) >= 20
    ]


def kathleen(data: Path) -> Learner:
    """Kathleen: 50 of her held-out sentences test, the others teach, and then those not held out.

    There are 114 different ones that are held out. Whisper has heard none of them all.
    """
    held_out, others = (_sentences_of_kathleen(data, held_out_part=each) for each in (True, False))
    test = list(held_out)[:UNSEEN]
    teach = [text for text in dict.fromkeys([*held_out, *others]) if text not in test]
    clips = {**others, **held_out}
    teach = teach[: COUNTS[-1]]
    return _recorded("Kathleen", [clips[text] for text in (*teach, *test)], len(teach))


def _sentences_of_kathleen(data: Path, *, held_out_part: bool) -> dict[str, Clip]:
    return {
        spoken_form(clip.text): clip
        for clip in recordings(data, held_out_part=held_out_part)
        if clip.speaker == "kathleen"
    }


def people(data: Path, out: Path) -> list[Learner]:
    """Kathleen, speakers whom Whisper misreads, and both made atypical.

    Args:
        data: folder of public recordings.
        out: keeps who is misread most.
    """
    typical, strange = kathleen(data), _misread(human(data), out / "misread.json")
    return [
        typical,
        *(typical.impaired(severity) for severity in SEVERITIES),
        *strange,
        strange[-1].impaired("moderate"),
    ]


def _misread(speakers: Sequence[Learner], kept: Path) -> list[Learner]:
    """Those whom the bundled Whisper misreads most in what they teach, the worst first."""
    if not kept.exists():
        path = starter_dir() / "whisper"
        whisper = open_encoder(EncodeSettings.model_validate({"path": path, "threads": 1}))
        errors = {each.name: _word_error(each, whisper) for each in speakers}
        kept.write_text(json.dumps(errors))
    errors = json.loads(kept.read_text())
    return sorted(speakers, key=lambda each: -errors[each.name])[:MISREAD]


def _word_error(learner: Learner, encoder: Encoder) -> float:
    """Of the transcripts of what somebody teaches."""
    heard = [
        (text.split(), encoder.encode(_utterance(samples)).transcript.spoken.split())
        for samples, text in islice(learner.spoken(), learner.taught)
    ]
    return sum(edits(*each) for each in heard) / sum(len(text) for text, _ in heard)


def _recorded(name: str, clips: Sequence[Clip], taught: int) -> Learner:
    return Learner(name, taught, lambda: ((read(clip), spoken_form(clip.text)) for clip in clips))


def _utterance(samples: Samples) -> Utterance:
    return Utterance(samples, datetime.now(timezone.utc), EndReason.STOP)
