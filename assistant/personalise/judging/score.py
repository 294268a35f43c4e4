"""The paper's dual-path score, and how many tokens a reading gets wrong."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np

from assistant.generate.context import ContextLine
from assistant.generate.llama import LlamaSession
from assistant.values import SoftPrompt

MOMENT = ContextLine(datetime(2026, 3, 5, 10, 25, tzinfo=timezone.utc), None, ())
"""All compared replies are for the same moment, so that only the words differ."""


@dataclass(frozen=True, slots=True)
class Score:
    """The score of one route on a set of utterances."""

    rouge1: float  # F-measure, mean, 0 to 1
    rougeL: float  # noqa: N815 - the measure's name
    equal: float  # share of replies equal to the reply to the true text
    token_error: float  # token edits between reading and text, per token of the text


class Replies:
    """The LLM's answers at one moment, each text answered once."""

    def __init__(self, session: LlamaSession, context: ContextLine = MOMENT) -> None:
        self._session = session
        self._line = context.line()
        self._cancel = threading.Event()
        self._known: dict[str, str] = {}

    def to_text(self, text: str) -> str:
        """The reply to a text; empty for an empty text."""
        if not text.strip():
            return ""
        if text not in self._known:
            self._known[text] = self._ask(self._session.words(text))
        return self._known[text]

    def to_prompt(self, prompt: SoftPrompt) -> str:
        """The reply to a soft prompt; empty for an empty one."""
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
    """Compare replies and readings with the ideal ones.

    Args:
        wanted: replies to the true texts.
        given: replies by the route.
        said: tokens of the true texts.
        read: tokens of the route's readings.
    """
    agree = [w == g for w, g in zip(wanted, given, strict=True)]
    # two empty replies agree, but ROUGE would be 0
    measures = [(1.0, 1.0) if w == g else rouge(w, g) for w, g in zip(wanted, given, strict=True)]
    rouge1, rouge_l = np.mean(measures or [(0.0, 0.0)], axis=0)
    wrong = sum(edits(t, r) for t, r in zip(said, read, strict=True))
    return Score(
        rouge1=float(rouge1),
        rougeL=float(rouge_l),
        equal=float(np.mean(agree or [False])),
        token_error=wrong / max(1, sum(map(len, said))),
    )


def rouge(wanted: str, given: str) -> tuple[float, float]:
    """F-measures of ROUGE-1 and ROUGE-L without stemming, as in the package rouge-score."""
    left, right = (re.findall("[a-z0-9]+", text.lower()) for text in (wanted, given))
    words = len(left) + len(right)
    single = (Counter(left) & Counter(right)).total()
    in_order = (words - edits(left, right, substitution=2)) / 2  # longest common subsequence
    return 2 * single / max(1, words), 2 * in_order / max(1, words)


def edits(wanted: Sequence[object], given: Sequence[object], substitution: int = 1) -> int:
    """Least cost of insertions, deletions and substitutions; by default Levenshtein's distance."""
    row = list(range(len(given) + 1))
    for i, left in enumerate(wanted, 1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(given, 1):
            diagonal, row[j] = (
                row[j],
                min(row[j] + 1, row[j - 1] + 1, diagonal + substitution * (left != right)),
            )
    return row[-1]
