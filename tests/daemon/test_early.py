"""Features made in a pause, in a runtime that the daemon has opened itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.listen.recordings import Pace, frames
from tests.cli.house import House
from tests.daemon.opening import opened


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House.build(tmp_path_factory.mktemp("runtime"))


@pytest.mark.parametrize("early", ["on", "off"])
def test_what_ends_after_a_pause_is_encoded_when_it_ends(
    early: str, models: House, spoken_sentence: Path, tmp_path: Path
) -> None:
    # with a fixed silence nothing is learned from pauses either, so only the reply is of interest
    with opened(models, tmp_path, encode__early=early, listen__silence_ms=800) as runtime:
        runtime.listener.microphone = list(frames(spoken_sentence, Pace.FAST))
        (utterance,) = runtime.listener.utterances()
        assert runtime.assistant.ends is not None
        ahead = runtime.assistant.ends.features(utterance)
        assert (ahead is not None) is (early == "on")
        if ahead is not None:
            anew = runtime.assistant.encoder.encode(utterance)
            np.testing.assert_array_equal(ahead.frames, anew.frames)
