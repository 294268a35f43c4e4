from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from assistant.cli.models.tune import add, tell
from assistant.config import Loaded, Settings
from assistant.encode.encoder import open_encoder
from assistant.encode.tune import Measured, Untried
from tests.encode import tiny

FLOAT = Measured("float", 1_204, 812, 1.0, 1.0)
INT8 = Measured("int8", 705, 530, 0.99931, None)


def test_every_way_is_measured_and_the_best_one_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encode = {"path": str(tiny.write(tmp_path / "encoder")), "cache": str(tmp_path), "threads": 1}
    settings = Settings.model_validate({"encode": encode})
    parser = argparse.ArgumentParser()
    add(parser.add_subparsers())
    args = parser.parse_args(["tune", "--json"])
    assert args.run(args, settings, Loaded(settings, {})) == 0
    told = json.loads(capsys.readouterr().out)
    assert [way["execution"] for way in told["ways"]] == ["float", "int8", "onnx-int8"]
    assert all(way["milliseconds"] > 0 and way["peak_mb"] > 50 for way in told["ways"])
    assert told["ways"][0]["cosine"] == pytest.approx(1.0)
    assert told["best"] == told["used"] == open_encoder(settings.encode).execution
    assert len(list(tmp_path.glob("*-int8.onnx"))) == 1


def test_what_was_measured_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    tell([FLOAT, INT8, Untried("onnx-int8", "It is not installed.")], "int8", "auto")
    out = capsys.readouterr().out
    assert "float      1204 ms        812 MB  1.0000        100%" in out
    assert "int8       705 ms         530 MB  0.9993        -" in out
    assert "onnx-int8: not measured. It is not installed." in out
    assert "int8 is best here and is used from the next start on" in out


def test_a_setting_that_forbids_what_was_found_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    tell([FLOAT, INT8], "int8", "float")
    assert "encode.execution is set to 'float'. Set it to 'auto'" in capsys.readouterr().out
