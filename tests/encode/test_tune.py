from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from assistant.config import EncodeSettings
from assistant.encode.tune import Measured, TrialResult, Tuning, Untried, choose, compared
from assistant.errors import EncoderError
from tests.encode import tiny
from tests.encode.sounds import utterance

FLOAT = Measured("float", 1_000, 900, 1.0, 1.0)


def test_the_fastest_that_hears_the_same_is_best() -> None:
    int8 = Measured("int8", 700, 500, 0.99, 1.0)
    in_onnx = Measured("onnx-int8", 400, 600, 0.99, 0.98)
    assert choose([FLOAT, int8, in_onnx]) is in_onnx
    assert choose([FLOAT, int8]) is int8
    assert choose([FLOAT]) is FLOAT


def test_of_those_nearly_as_fast_the_leanest_is_best() -> None:
    lean = Measured("int8", 430, 500, 0.99, 1.0)
    assert choose([FLOAT, lean, Measured("onnx-int8", 400, 600, 0.99, 1.0)]) is lean
    assert choose([FLOAT, Measured("int8", 1_200, 300, 0.99, 1.0)]) is FLOAT


@pytest.mark.parametrize(("cosine", "words"), [(0.9, 1.0), (0.99, 0.8)])
def test_one_that_hears_something_else_is_not_taken(cosine: float, words: float) -> None:
    assert choose([FLOAT, Measured("int8", 100, 100, cosine, words)]) is FLOAT


def heard(frames: list[list[float]], *transcripts: str) -> TrialResult:
    return TrialResult(1.0, 2.0, "abc", list(transcripts), {"0": np.array(frames, np.float32)})


def test_words_and_frames_are_compared_with_those_of_float() -> None:
    usual = heard([[1, 0], [0, 2]], "turn the light on", "please")
    found = compared("int8", heard([[3, 0], [1, 0]], "turn a light on", "please"), usual)
    assert found.cosine == pytest.approx(0.5)
    assert found.words == pytest.approx(0.8)
    silent = heard([[1, 0]], "")
    assert compared("int8", silent, silent).words is None


def test_a_process_that_breaks_off_is_told(tmp_path: Path) -> None:
    settings = EncodeSettings.model_validate({"path": tiny.write(tmp_path), "cache": tmp_path})
    sounds = [utterance(16_000).samples]
    program = (sys.executable, "-c", "import sys; sys.exit('out of memory')")
    with pytest.raises(EncoderError, match="float failed: out of memory"):
        next(Tuning(settings, sounds, program).run())


def test_a_way_that_is_not_there_is_passed_over(tmp_path: Path) -> None:
    settings = EncodeSettings.model_validate({"path": tiny.write(tmp_path), "cache": tmp_path})
    tuning = Tuning(settings, [utterance(16_000).samples], (sys.executable, "-c", _ONLY_FLOAT))
    in_float, *others = tuning.run()
    assert isinstance(in_float, Measured)
    assert others == [Untried("int8", "not int8"), Untried("onnx-int8", "not onnx-int8")]
    assert tuning.keep() is in_float


_ONLY_FLOAT = """
import io, json, sys
order = json.load(sys.stdin)
execution = "onnx-int8" if order["task"] == "export" else order["settings"]["execution"]
if execution == "float":
    from assistant.encode.__main__ import main
    sys.stdin = io.StringIO(json.dumps(order))
    sys.exit(main())
print(json.dumps({"failure": f"not {execution}"}))
"""


def test_an_encoder_that_cannot_be_computed_in_float_is_refused(tmp_path: Path) -> None:
    settings = EncodeSettings.model_validate({"path": tmp_path, "cache": tmp_path})
    program = (sys.executable, "-c", 'print(\'{"failure": "No speech encoder"}\')')
    with pytest.raises(EncoderError, match="No speech encoder"):
        next(Tuning(settings, [utterance(16_000).samples], program).run())
