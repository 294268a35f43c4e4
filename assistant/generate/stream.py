"""A reply as it is made, piece by piece, and what it cost."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace

from assistant.values import StopReason


@dataclass(frozen=True, slots=True)
class GenerationStats:
    """What one reply cost."""

    prompt_tokens_decoded: int  # before the reply
    reused_prefix_tokens: int  # instruction, conversation and context line, as far as held
    context_tokens: int
    user_tokens: int  # tokens of the transcript or rows of the soft prompt
    header_tokens: int
    reply_tokens: int
    prefill_ms: float
    first_token_ms: float | None  # from the start; None if there was no token
    total_ms: float
    stop_reason: StopReason  # MAX_TOKENS also if the context is full


class ReplyStream(Iterator[str]):
    """The pieces of a reply as they are made, and what it cost once it has ended.

    Args:
        pieces: come when they are asked for.
        end: has no more of them made, for this reason.
    """

    def __init__(
        self,
        pieces: Generator[str, None, GenerationStats],
        end: Callable[[StopReason], None] = lambda _: None,
    ) -> None:
        self._pieces = pieces
        self._end = end
        self._stats: GenerationStats | None = None

    def __next__(self) -> str:
        """The next piece of text, never part of a character; empty while the model thinks."""
        try:
            return next(self._pieces)
        except StopIteration as end:
            if self._stats is None:
                self._stats = end.value
            raise StopIteration from None

    def end(self, reason: StopReason) -> None:
        """Let it end here; what it cost is known then."""
        self._end(reason)
        for _ in self:
            pass
        self._stats = replace(self.stats, stop_reason=reason)

    @property
    def stats(self) -> GenerationStats:
        """What the reply cost; ``RuntimeError`` before the stream is exhausted."""
        if self._stats is None:
            raise RuntimeError("the reply has not ended")
        return self._stats
