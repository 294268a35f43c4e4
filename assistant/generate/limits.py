"""One turn of a language model: what it is asked, what it has written, and how far it may go."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from assistant.config import GenerateSettings
from assistant.generate.conversation import Pieces
from assistant.generate.native import Rows
from assistant.values import SoftPrompt, StopReason


@dataclass(slots=True, eq=False)
class LimitedTurn:
    """A prompt that is known to fit, cut into the parts that are decoded together."""

    number: int
    user: SoftPrompt | str
    context: str
    past: Sequence[Rows]  # the instruction and the conversation
    pieces: Pieces  # what is new
    context_tokens: int
    user_tokens: int
    header_tokens: int
    cancel: threading.Event
    settings: GenerateSettings
    n_ctx: int
    reply: list[int] = field(default_factory=list[int])  # tokens as they are sampled
    n_decoded: int = 0  # of them
    n_thought: int = 0  # of them, before the reply itself
    began: float = 0.0  # monotonic seconds
    ended: StopReason | None = None  # from outside

    def end(self, reason: StopReason) -> None:
        """Have no more tokens sampled."""
        self.ended = reason

    @property
    def ms(self) -> float:
        """Since it began."""
        return (time.monotonic() - self.began) * 1_000

    def reached(self, at: int) -> StopReason | None:
        """The limit that has been reached, if any; what is only thought has none of its own.

        Args:
            at: tokens that the context holds.
        """
        if self.ended is not None:
            return self.ended
        if self.cancel.is_set():
            return StopReason.CANCELLED
        if self.ms >= self.settings.max_s * 1_000:
            return StopReason.MAX_TIME
        n_said = len(self.reply) - self.n_thought
        if n_said >= self.settings.max_tokens or at >= self.n_ctx:
            return StopReason.MAX_TOKENS
        return None

    def thought_enough(self, at: int) -> bool:
        """Whether the other half of the time, or of the context, is needed for the reply itself."""
        n_prompt = sum(map(len, [*self.past, *self.pieces]))
        is_late = self.ms >= self.settings.max_s * 500
        return is_late or at >= (n_prompt + self.n_ctx) // 2
