"""The paper's dual-path score, and how many tokens a reading gets wrong."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, cast

import numpy as np
from rouge_score import rouge_scorer  # pyright: ignore[reportMissingTypeStubs]

from assistant.generate.context import ContextLine
from assistant.generate.llama import LlamaSession
from assistant.values import SoftPrompt

MOMENT = ContextLine(datetime(2026, 3, 5, 10, 25, tzinfo=timezone.utc), None, ())
"""All replies that are compared are asked for in one moment, so that only the words differ."""


@dataclass(frozen=True, slots=True)
class Score:
    """One route over a set of utterances."""

    rouge1: float  # F-measure, mean, 0 to 1
    rougeL: float  # noqa: N815 - the measure's name
    equal: float  # share of replies equal to the reply to the true text
    token_error: float  # wrong tokens of the reading over tokens of the text


class Replies:
    """The LLM's answers to what is asked in one moment, each request answered once."""

    def __init__(self, session: LlamaSession, context: ContextLine = MOMENT) -> None:
        self._session = session
        self._line = context.line()
        self._cancel = threading.Event()
        self._known: dict[str, str] = {}

    def to_text(self, text: str) -> str:
        """The reply to words; no words get none."""
        if not text.strip():
            return ""
        if text not in self._known:
            self._known[text] = self._ask(self._session.words(text))
        return self._known[text]

    def to_prompt(self, prompt: SoftPrompt) -> str:
        """The reply to a soft prompt; an empty one gets none."""
        return self._ask(prompt) if len(prompt.rows) else ""

    def _ask(self, request: SoftPrompt | str) -> str:
        stream = self._session.reply(request, self._line, cancel=self._cancel)
        return "".join(stream).strip()


def score(
    wanted: Sequence[str],
    given: Sequence[str],
    said: Sequence[Sequence[int]],
    read: Sequence[Sequence[int]],
) -> Score:
    """Compare replies and readings with what they should be.

    Args:
        wanted: replies to the true texts.
        given: replies by the route.
        said: tokens of the true texts.
        read: tokens of the route's readings.
    """
    scorer = cast("Any", rouge_scorer).RougeScorer(["rouge1", "rougeL"], use_stemmer=False)
    rouge = [scorer.score(w, g) for w, g in zip(wanted, given, strict=True)]
    # two empty replies agree, which ROUGE does not know
    agree = [w == g for w, g in zip(wanted, given, strict=True)]

    def mean(name: str) -> float:
        return float(
            np.mean(
                [1.0 if a else r[name].fmeasure for r, a in zip(rouge, agree, strict=True)] or [0.0]
            )
        )

    wrong = sum(edits(t, r) for t, r in zip(said, read, strict=True))
    return Score(
        rouge1=mean("rouge1"),
        rougeL=mean("rougeL"),
        equal=float(np.mean(agree or [False])),
        token_error=wrong / max(1, sum(map(len, said))),
    )


def edits(wanted: Sequence[int], given: Sequence[int]) -> int:
    """Least number of insertions, deletions and substitutions (Levenshtein's distance)."""
    row = list(range(len(given) + 1))
    for i, left in enumerate(wanted, 1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(given, 1):
            diagonal, row[j] = (
                row[j],
                min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right)),
            )
    return row[-1]
