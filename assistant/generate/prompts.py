"""Puts prompts together, as the rows that a model decodes."""

from __future__ import annotations

from datetime import date, datetime
from typing import cast

import numpy as np
from numpy.typing import NDArray

from assistant.config import GenerateSettings
from assistant.errors import GenerationError, MismatchError
from assistant.generate import rendering
from assistant.generate.conversation import Conversation, Pieces, remembered
from assistant.generate.gguf import GGUFFile
from assistant.generate.native import Model, Rows, Tokens
from assistant.generate.prompt import PromptPlan
from assistant.generate.words import as_words

TURN_ROWS = 128
"""Room that is kept for what the user says next, with its context line."""


AROUND_ROWS = 64
"""Room for what stands around the user's words in a turn: the context line and the header."""


class Prompts:
    """The instruction, the conversation and a turn, for one model.

    Raises:
        GGUFError: if the model's chat template cannot be used.
    """

    def __init__(self, gguf: GGUFFile, model: Model, settings: GenerateSettings) -> None:
        self._gguf = gguf
        self._model = model
        self._instruction = settings.instruction
        self._planned_on = date.min
        self._plan = PromptPlan("", "", "")
        self._max_tokens = settings.max_tokens
        self.n_ctx = min(settings.n_ctx, model.n_ctx_train)
        self._reads_context = gguf.reads_spoken or gguf.size >= settings.tuned.context_from
        self.scale = 1.0  # of the model's graph, for a raw row of the GGUF
        self.instruction: Tokens = np.array([], np.int32)
        """With the start of the user's turn."""
        self.conversation = Conversation(remembered(settings, gguf))

    @property
    def remembers(self) -> int:
        """How many exchanges of a conversation can be kept."""
        return 0 if self._plan.between is None else self.conversation.wanted

    @property
    def header(self) -> str:
        """What stands between the user's words and the reply."""
        return self._plan.after_user

    @property
    def past(self) -> list[Rows]:
        """What stands in front of the next turn."""
        return [self.instruction, *self.conversation.pieces]

    def instruct(self, text: str) -> None:
        """Change the instruction.

        Raises:
            GenerationError: if it does not fit; then nothing changes.
            GGUFError: if the model's chat template fails.
        """
        gguf, today = self._gguf, _today()
        plan = rendering.plan(gguf.chat_template, text, bos=gguf.bos, eos=gguf.eos)
        bos, tokens = self._model.bos, self._model.tokenize(plan.static, special=True)
        if bos is not None and tokens[:1] != [bos]:
            tokens.insert(0, bos)
        self._check_fit(len(tokens))
        self._instruction, self._plan, self._planned_on = text, plan, today
        self.instruction = np.array(tokens, np.int32)
        self.conversation.between = self.tokens(plan.between or "", special=True)
        self.conversation.shorten(self._room(0))

    def renew(self) -> None:
        """A template may contain today's date, and a session may live past midnight."""
        if self._planned_on != _today():
            self.instruct(self._instruction)

    def turn(self, pieces: Pieces) -> Pieces:
        """A turn as it follows what is past, of which the oldest may be dropped for it.

        Raises:
            GenerationError: if it does not fit in the context.
        """
        n_rows = sum(map(len, pieces))
        self._check_fit(len(self.instruction) + n_rows)
        self.conversation.shorten(self._room(n_rows))
        return self.conversation.then(pieces)

    def remember(self, exchange: Pieces) -> None:
        """Add an exchange to the conversation, of which the oldest may be dropped for it."""
        self.conversation.add(exchange, self._room(TURN_ROWS))

    def rows(self, user: str | NDArray[np.float32], context: str) -> tuple[Tokens, Rows, Tokens]:
        """The context line, the user's words and the header of the reply.

        Raises:
            MismatchError: if embeddings are not as wide as the model's.
            GenerationError: if they are not numbers.
        """
        spoken = self.tokens(user) if isinstance(user, str) else self.embeddings(user)
        return self.context_line(context), spoken, self.tokens(self._plan.after_user, special=True)

    def ending(self, text: str) -> str:
        """A text, or of one that leaves no room for a reply, the last words that do."""
        most, words = self._room(AROUND_ROWS), text.split(" ")
        while most > 0 and len(words) > 1 and len(self.tokens(" ".join(words))) > most:
            del words[: max(1, len(words) // 20)]
        return text if " ".join(words) == text else as_words(" ".join(words))

    def context_line(self, context: str) -> Tokens:
        """The context line, up to the user's words; small models are given none."""
        return self.tokens(self._plan.before_user(context if self._reads_context else ""))

    def tokens(self, text: str, *, special: bool = False) -> Tokens:
        """Tokens of a text; control tokens are recognised only if ``special``."""
        return np.array(self._model.tokenize(text, special=special), np.int32)

    def embeddings(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows of the raw scale on the scale of the model's graph; errors as ``rows``."""
        if rows.ndim != 2 or rows.shape[1] != self._gguf.embedding_length:
            raise MismatchError(
                f"The soft prompt has shape {rows.shape}, but {self._gguf.path.name} takes rows of "
                f"{self._gguf.embedding_length}; use what was learned for this model."
            )
        if not np.isfinite(rows).all():
            raise GenerationError("The soft prompt contains values that are not numbers.")
        return rows * np.float32(self.scale)

    def _room(self, n_turn: int) -> int:
        """How many rows of conversation leave room for a turn of so many, and its reply."""
        instruction, between = len(self.instruction), len(self.conversation.between)
        return self.n_ctx - instruction - between - n_turn - self._max_tokens

    def _check_fit(self, n_prompt: int) -> None:
        if n_prompt >= self.n_ctx:
            raise GenerationError(
                f"The prompt takes {n_prompt} places, but prompt and reply together may take "
                f"{self.n_ctx}. Raise generate.n_ctx, or shorten the instruction or the request."
            )


def _today() -> date:
    return datetime.now().astimezone().date()


def joined(before: Tokens, spoken: Rows, header: Tokens) -> Pieces:
    """The pieces of a turn: tokens and embeddings are decoded apart.

    The context line always is, so that the rest does not depend on whether it was decoded ahead.
    """
    if spoken.ndim > 1:
        return [before, spoken, header]
    return [before, np.concatenate([cast("Tokens", spoken), header])]
