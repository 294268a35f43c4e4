from __future__ import annotations

import json
import math
import sys
from typing import Any

import pytest
import torch
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

from assistant.config import GenerateSettings
from assistant.generate.llama import LlamaSession
from assistant.generate.words import as_words
from bench import fullsize
from bench.fullsize import Budget, budgets, make
from bench.sizes import language, learning, turns
from bench.sizes.language import GEMMA, LLAMA, QWEN, SHAPES
from bench.sizes.speech import SENTENCES

PUBLISHED = {LLAMA.name: 1_235_814_400, GEMMA.name: 2_614_341_888, QWEN.name: 1_543_714_304}
BASE_960H = 94_396_320

Flags = dict[str, Any]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> fullsize.Models:
    return make(tmp_path_factory.mktemp("toys"), SHAPES, toy=True)


@pytest.fixture(scope="module")
def flags(models: fullsize.Models) -> Flags:
    return {
        "encode.path": str(models.encoder),
        "encode.threads": 1,
        "generate.path": str(models.llms[LLAMA.name]),
        "generate.threads": 1,
        "generate.max_tokens": 4,
    }


def test_every_model_has_as_many_weights_as_the_published_one() -> None:
    for shape in SHAPES:
        tensors = {each.name: math.prod(each.shape) for each in language._tensors(shape)}
        tensors.pop("rope_freqs.weight", None)  # follows from the rest
        assert sum(tensors.values()) == PUBLISHED[shape.name]
    with torch.device("meta"):
        assert Wav2Vec2ForCTC(Wav2Vec2Config()).num_parameters() == BASE_960H


def test_the_vocabulary_has_its_true_size_and_nothing_twice() -> None:
    tokens, merges = language.vocabulary(LLAMA.vocab)
    assert len(set(tokens)) == len(tokens) == LLAMA.vocab
    assert len(merges) == LLAMA.vocab - 256 - len(language.SPECIALS)


@pytest.mark.parametrize("name", PUBLISHED)
def test_models_load_take_embeddings_and_know_common_words(
    models: fullsize.Models, name: str
) -> None:
    wanted: Flags = {"path": models.llms[name], "threads": 1}
    with LlamaSession(GenerateSettings.model_validate(wanted)) as session:
        assert session.probe.difference == 0.0
        for text in SENTENCES:
            tokens = session.tokenize(as_words(text), special=False)
            assert session.detokenize(tokens) == as_words(text)
            assert len(tokens) < 2 * len(text.split())


def test_turns_read_what_is_said_on_both_routes(flags: Flags) -> None:
    told = turns.measure(flags, rounds=1)
    transcript, bridge = told["median_ms"]["transcript"], told["median_ms"]["bridge"]
    assert transcript.keys() == {*turns.STAGES} - {"bridge"}
    assert bridge.keys() == {*turns.STAGES}
    for stages in (transcript, bridge):
        assert stages["encode"] + stages["prefill"] < stages["first_token"] < stages["total"]
    assert told["tokens_per_s"] > 0
    assert 0 < told["anonymous_mb"] < told["peak_mb"]


def test_the_trainer_is_watched_until_it_judges(flags: Flags) -> None:
    asked = {**flags, **fullsize.TOY_TRAINING, "personalise.steps": 4}
    told = learning.measure(asked, examples=20)
    assert told["steps"] == 3
    assert 50 < told["training_anonymous_mb"] < told["training_mb"] <= told["judging_mb"]


def test_a_run_ends_with_its_budgets_and_one_line_of_json(
    models: fullsize.Models, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--scale", "toy", "--parts", "encoder", "--executions", "float", "--rounds", "1"]
    monkeypatch.setattr(sys, "argv", ["fullsize", *words, "--out", str(models.encoder.parent)])
    fullsize.main()
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    (row,) = told["encoder"]
    assert row["libraries_mb"] > 50
    assert told["budgets"] == [
        {"what": "encoder, float", "mb": row["peak_mb"], "limit_mb": 458.0, "met": True}
    ]


def test_budgets_tell_what_was_missed() -> None:
    report = {
        "encoder": [
            {"execution": "float", "peak_mb": 458.0},
            {"execution": "int8", "peak_mb": 250.1},
        ],
        "turns": [{"model": LLAMA.name, "peak_mb": 2_300.0}, {"model": QWEN.name, "peak_mb": 1.0}],
        "trainer": [{"head": "ctc", "training_mb": 900.0, "judging_mb": 1_700.0}],
    }
    found = list(budgets(report))
    assert [(each.what, each.met) for each in found] == [
        ("encoder, float", True),
        ("encoder, int8", False),
        ("daemon, Llama-3.2-1B", False),
        ("trainer, ctc", True),
    ]
    assert found[1] == Budget("encoder, int8", 250.1, 250.0)
