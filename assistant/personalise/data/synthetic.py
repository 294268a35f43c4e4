"""Sentences for espeak-ng to speak, as a substitute for recordings.

All random choices depend only on a sentence and its number, so that a sentence sounds the same
every time and needs to be encoded only once.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import count, islice

import numpy as np

from assistant.personalise.data.common_talk import sentences, synthesised
from assistant.personalise.data.examples import is_drawn as is_held_out
from assistant.personalise.data.prompts import PROMPTS
from assistant.spoken import spoken_form
from assistant.values import SAMPLE_RATE, EndReason, Utterance

ACCENTS = ("en-us", "en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-029")
TRAINING_VARIANTS = ("", "f1", "f2", "f5", "m1", "m2", "m3", "m4", "m6", "m7")
JUDGING_VARIANTS = ("f3", "f4", "m5", "m8")
"""Voices that every espeak-ng has; judging voices are never used for training."""

ALL = 100_000
"""More than there are bundled sentences."""

LOOSE = 5
"""Every n-th utterance is a random string of words, so that words are learned in any context."""

MOST_LOOSE = 6
"""Words in such a string."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence in one voice."""

    text: str  # spoken form
    number: int  # draws voice, rate, pitch, loudness and noise
    held_out: bool = False  # judges, and never trains

    @property
    def key(self) -> str:
        """Equal for equal sound."""
        digest = hashlib.sha256(f"{self.held_out}/{self.number}/{self.text}".encode())
        return digest.hexdigest()[:20]

    def say(self) -> Utterance:
        """The sentence with 0.25 s of light noise around it; raises as ``synthesised``."""
        rng = random.Random(self.key)  # noqa: S311 - voices, not secrets
        variant = rng.choice(JUDGING_VARIANTS if self.held_out else TRAINING_VARIANTS)
        samples = synthesised(
            self.text,
            voice="+".join(filter(None, (rng.choice(ACCENTS), variant))),
            rate_wpm=rng.randint(110, 195),
            pitch=rng.randint(25, 75),
        )
        around = SAMPLE_RATE // 4
        heard = np.random.default_rng(rng.randrange(2**32)).standard_normal(
            len(samples) + 2 * around
        )
        heard *= 10 ** rng.uniform(-4.0, -2.5)
        heard[around : around + len(samples)] += rng.uniform(0.3, 1.0) * samples
        return Utterance(
            heard.clip(-1, 1).astype(np.float32),
            datetime(2026, 1, 1, tzinfo=timezone.utc),
            EndReason.STOP,
            source="espeak-ng",
        )


def common(utterances: int, share: float) -> list[Sentence]:
    """The bundled sentences, the enrolment sentences, and random words.

    Args:
        utterances: number for training, each text in several voices.
        share: share of the texts that judge instead, once each.
    """
    texts = list(dict.fromkeys((*sentences(ALL), *map(spoken_form, PROMPTS))))
    judging = [text for text in texts if is_held_out(text, share)]
    training = [text for text in texts if not is_held_out(text, share)]
    return [
        *islice(_endless(training), utterances),
        *(Sentence(text, 0, held_out=True) for text in judging),
    ]


def own(texts: Iterable[str], takes: int, share: float) -> list[Sentence]:
    """A person's own texts, in spoken form, in ``takes`` voices each.

    A ``share`` of the texts judges instead, once each.
    """
    return [
        Sentence(text, number, held_out=is_held_out(text, share))
        for text in dict.fromkeys(texts)
        for number in range(1 if is_held_out(text, share) else takes)
    ]


def _endless(texts: Sequence[str]) -> Iterator[Sentence]:
    """All texts repeatedly, in different voices, with random words in between."""
    words = sorted({word for text in texts for word in text.split()})
    said = 0
    for number in count():
        if number % LOOSE == LOOSE - 1:
            rng = random.Random(number)  # noqa: S311 - reproducible, not secret
            loose = rng.sample(words, min(len(words), rng.randint(1, MOST_LOOSE)))
            yield Sentence(" ".join(loose), number)
        else:
            yield Sentence(texts[said % len(texts)], number)
            said += 1
