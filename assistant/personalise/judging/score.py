"""The paper's dual-path score, and how many words and tokens a reading gets wrong."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from assistant.generate.context import ContextLine
from assistant.generate.llama import LlamaSession
from assistant.spoken import said_words
from assistant.values import SoftPrompt

MOMENT = ContextLine(datetime(2026, 3, 5, 10, 25, tzinfo=timezone.utc), None, ())
"""All compared replies are for the same moment, so that only the words differ."""


@dataclass(frozen=True, slots=True)
class Result:
    """How one utterance was read and answered."""

    rouge1: float  # F-measure, 0 to 1
    rougeL: float  # noqa: N815 - the measure's name
    equal: bool  # whether the reply is the reply to the true text
    words: int  # of the true text
    wrong: int  # word edits between reading and text
    tokens: int  # of the true text
    wrong_tokens: int  # token edits between reading and text

    @property
    def missed(self) -> int:
        """Words that were not understood: invented ones do not make it more than there are."""
        return min(self.wrong, self.words)


@dataclass(frozen=True, slots=True)
class Score:
    """The score of one route on a set of utterances."""

    rouge1: float  # F-measure, mean, 0 to 1
    rougeL: float  # noqa: N815 - the measure's name
    equal: float  # share of replies equal to the reply to the true text
    token_error: float  # token edits between reading and text, per token of the text
    word_error: float  # word edits, per word of the text
    right: float  # share of utterances in which every word is right


class Replies:
    """The LLM's answers at one moment, each request answered once."""

    def __init__(self, session: LlamaSession, context: ContextLine = MOMENT) -> None:
        self._session = session
        self._line = context.line()
        self._cancel = threading.Event()
        self._known: dict[str | bytes, str] = {}

    def to_text(self, text: str) -> str:
        """The reply to a text; empty for an empty text."""
        if not text.strip():
            return ""
        if text not in self._known:
            self._known[text] = self._ask(self._session.words(text))
        return self._known[text]

    def to_prompt(self, prompt: SoftPrompt) -> str:
        """The reply to a soft prompt; empty for an empty one."""
        if not len(prompt.rows):
            return ""
        rows = hashlib.sha256(prompt.rows.tobytes()).digest()  # 50 kB a sentence themselves
        if rows not in self._known:
            self._known[rows] = self._ask(prompt)
        return self._known[rows]

    def _ask(self, request: SoftPrompt | str) -> str:
        stream = self._session.reply(request, self._line, cancel=self._cancel)
        return "".join(stream).strip()


def result(
    wanted: str,
    given: str,
    text: str = "",
    heard: str = "",
    tokens: Callable[[str], Sequence[int]] = lambda _text: (),
) -> Result:
    """Compare a reply and a reading with the ideal ones.

    Args:
        wanted: reply to the true text.
        given: reply by the route.
        text: the true text, in spoken form.
        heard: the route's reading.
        tokens: the LLM's tokens of a text.
    """
    # two empty replies agree, but ROUGE would be 0
    rouge1, rouge_l = (1.0, 1.0) if wanted == given else rouge(wanted, given)
    words, said = text.split(), tokens(text)
    return Result(
        rouge1=rouge1,
        rougeL=rouge_l,
        equal=wanted == given,
        words=len(words),
        wrong=edits(words, said_words(heard).split()),
        tokens=len(said),
        wrong_tokens=edits(said, tokens(heard)),
    )


def score(results: Sequence[Result]) -> Score:
    """The score of a route over all its utterances; of none, 0 everywhere."""
    count = max(1, len(results))
    return Score(
        rouge1=sum(each.rouge1 for each in results) / count,
        rougeL=sum(each.rougeL for each in results) / count,
        equal=sum(each.equal for each in results) / count,
        token_error=sum(each.wrong_tokens for each in results)
        / max(1, sum(each.tokens for each in results)),
        word_error=sum(each.wrong for each in results)
        / max(1, sum(each.words for each in results)),
        right=sum(each.wrong == 0 for each in results) / count,
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
