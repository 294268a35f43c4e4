"""Every method of the comparison for a moment, and the LLM's twin against the LLM."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from assistant.config import GenerateSettings, starter_dir
from assistant.generate.llama import LlamaSession
from assistant.generate.words import as_words
from assistant.personalise.judging.score import MOMENT, Replies
from bench.paper.grid import METHODS
from bench.paper.language import Prompt, Twin, load
from bench.paper.rows import NAMES

ROOT = Path(__file__).parents[2]
NEVER = threading.Event()
SAID = ("what time is it", "where are my glasses", "i feel a little lonely today")


def test_every_method_learns_and_is_judged(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.paper", "--smoke", "--out", str(tmp_path)],
        cwd=ROOT, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(done.stdout.splitlines()[-1])["rows"]
    assert {row["cell"]["method"] for row in rows} == set(METHODS)
    for row in rows:
        assert 0 <= row["score"]["rouge1"] <= 1
        assert "course" in row or row["cell"]["method"] == "cascade"
    report = (tmp_path / "smoke" / "REPORT.md").read_text(encoding="utf-8")
    assert all(f"| {NAMES[method]} |" in report for method in METHODS)
    again = subprocess.run(
        [sys.executable, "-m", "bench.paper", "--smoke", "--out", str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert f"{len(METHODS)} cells, {len(METHODS)} of them known" in again.stdout


@pytest.fixture(scope="module")
def session() -> LlamaSession:
    settings = GenerateSettings.model_validate({"path": starter_dir() / "llm.gguf", "threads": 1})
    return LlamaSession(settings)


@pytest.fixture(scope="module")
def twin(session: LlamaSession) -> Twin:
    gguf = starter_dir() / "llm.gguf"
    return Twin(load(gguf, None), Prompt.of(session.vocabulary))


def test_the_twin_is_asked_as_the_llm_is(session: LlamaSession, twin: Twin) -> None:
    for text in SAID:
        spoken = session.tokenize(as_words(text), special=False)
        stream = session.reply(as_words(text), MOMENT.line(), cancel=NEVER)
        "".join(stream)
        length = len(twin.prompt.before) + len(spoken) + len(twin.prompt.after)
        counts = stream.stats
        assert length == counts.prompt_tokens_decoded + counts.reused_prefix_tokens


def test_the_twin_answers_as_the_llm_does(session: LlamaSession, twin: Twin) -> None:
    replies = Replies(session)
    for text in SAID:
        tokens = session.tokenize(as_words(text), special=False)
        said = twin.reply(twin.prompt.before, tokens, twin.prompt.after)
        assert session.detokenize(said).strip() == replies.to_text(text)


def test_kept_keys_and_values_change_nothing(session: LlamaSession, twin: Twin) -> None:
    language = session.vocabulary
    rows = [torch.tensor(language.rows(language.tokens(text))) for text in SAID]
    wanted = [session.tokenize(reply, special=False) for reply in ("Yes.", "I do not know.", "No")]
    with torch.no_grad():
        whole = float(twin.loss(rows, wanted))
        alone = [float(twin.loss([row], [reply])) for row, reply in zip(rows, wanted, strict=True)]
        twin.freeze()
        kept = float(twin.loss(rows, wanted))
    lengths = [len(reply) + 1 for reply in wanted]
    assert kept == pytest.approx(whole, rel=1e-4)
    assert whole == pytest.approx(np.average(alone, weights=lengths), rel=1e-4)
