from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assistant.config import BridgeSettings
from assistant.reading import (
    CLEARLY_DB,
    HARDLY_DB,
    LEAST_SURE,
    LEAST_SURE_OF_LITTLE,
    LITTLE_DB,
    PAUSE_S,
    is_background,
    read,
)
from assistant.values import SpeechFeatures, Transcript, Word
from tests.journal.exchanges import utterance
from tests.settings import block


@pytest.mark.parametrize(
    ("gap_s", "pauses"), [(0.0, frozenset[int]()), (0.1, frozenset[int]()), (PAUSE_S, {2})]
)
def test_a_pause_in_a_transcript_is_known_to_the_policy(
    gap_s: float, pauses: frozenset[int]
) -> None:
    said = ("they", 0.0, 0.2), ("are", 0.25, 0.5), ("hello", 0.5 + gap_s, 1.1), ("attune", 1.1, 1.6)
    words = tuple(Word(*each, 1.0) for each in said)
    transcript = Transcript(" ".join(word.text for word in words), 1.0, words)
    features = SpeechFeatures(np.zeros((80, 4), np.float32), 50.0, transcript, "encoder")
    found = read(features, None, "auto", block(BridgeSettings))
    assert found.understood(1).pauses == pauses


@pytest.mark.parametrize(
    ("contrast_db", "confidence", "expected"),
    [
        (None, 0.0, False),  # in a quiet room the most unclear speech is somebody's
        (CLEARLY_DB, 0.0, False),
        (CLEARLY_DB - 0.1, LEAST_SURE, False),
        (CLEARLY_DB - 0.1, LEAST_SURE - 0.01, True),
        (LITTLE_DB, LEAST_SURE, False),
        (LITTLE_DB - 0.1, LEAST_SURE, True),
        (HARDLY_DB, LEAST_SURE_OF_LITTLE, False),
        (HARDLY_DB - 0.1, 0.99, True),
    ],
)
def test_what_hardly_rises_above_a_background_was_said_by_it(
    contrast_db: float | None, confidence: float, *, expected: bool
) -> None:
    heard = replace(utterance(), contrast_db=contrast_db)
    assert is_background(heard, Transcript("you were large", confidence)) is expected
