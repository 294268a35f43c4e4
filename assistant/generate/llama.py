"""A language model in llama.cpp that takes tokens and embeddings.

The instruction is decoded once and its state kept. A turn goes back to that state and decodes the
context line (unless it was decoded ahead), the user's words (tokens or a soft prompt) and the
assistant's header; then the reply is sampled token by token. A llama.cpp batch holds tokens or
embeddings, never both, so each kind is decoded on its own.
"""

from __future__ import annotations

import codecs
import ctypes
import os
import threading
import time
from collections.abc import Generator, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assistant.config import GenerateSettings
from assistant.errors import GenerationError, MismatchError
from assistant.generate.adapter import adapter_for
from assistant.generate.embedding_path import (
    EmbeddingProbe,
    prove,
    refuse_by_header,
    refuse_other_inputs,
)
from assistant.generate.gguf import GGUFFile
from assistant.generate.native import LlamaContext, Model, Rows, Sampler
from assistant.generate.prompt import ChatTemplate
from assistant.generate.stream import GenerationStats, ReplyStream
from assistant.generate.vocabulary import Vocabulary
from assistant.generate.words import as_words
from assistant.spoken import said_words
from assistant.values import SoftPrompt, StopReason

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    """A prompt that is known to fit, cut into the parts that are decoded together."""

    number: int
    rows: tuple[Rows, ...]
    context_tokens: int
    user_tokens: int
    header_tokens: int


class LlamaSession:
    """A loaded model that answers one turn at a time, from one thread at a time.

    Raises:
        GGUFError: if the file is damaged, or not a model llama.cpp can load; or the adapter is.
        MismatchError: if the adapter was made for another model.
        EmbeddingPathError: if the model cannot be fed embeddings faithfully.
        GenerationError: if memory runs out, or the instruction does not fit.
    """

    def __init__(self, settings: GenerateSettings) -> None:
        self.gguf = GGUFFile(settings.path)
        refuse_by_header(self.gguf)
        self.gguf.check_vocabulary()
        self._settings = settings
        self._template = ChatTemplate(self.gguf.chat_template, bos=self.gguf.bos, eos=self.gguf.eos)
        self._turn = 0
        self._at = 0  # next position
        self._prefix: list[int] = []
        self._prefix_decoded = False
        self._ahead: NDArray[np.int32] | None = None  # already decoded after the prefix
        self._snapshot: ctypes.Array[ctypes.c_uint8] | None = None
        with ExitStack() as owned:
            self._model = owned.enter_context(
                closing(Model(settings.path, gpu_layers=settings.gpu_layers))
            )
            refuse_other_inputs(self._model, self.gguf)
            self.n_ctx = min(settings.n_ctx, self._model.n_ctx_train)
            self._context = owned.enter_context(
                closing(
                    LlamaContext(
                        self._model,
                        n_ctx=self.n_ctx,
                        n_batch=settings.tuned.n_batch,
                        threads=settings.threads or len(os.sched_getaffinity(0)),
                    )
                )
            )
            if adapter := adapter_for(settings, self.gguf):
                self._context.adapt(self._model, adapter)
            self._sampler = owned.enter_context(
                closing(
                    Sampler(
                        top_k=settings.tuned.top_k,
                        temperature=settings.temperature,
                        seed=settings.tuned.seed,
                    )
                )
            )
            self._trims = True
            self.probe: EmbeddingProbe = prove(self.gguf, self._model, self._logits_after)
            self._trims = self._context.keep(1)
            self.set_instruction(settings.instruction)
            self._owned = owned.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the model and all its state; a second call does nothing."""
        self._owned.close()

    @property
    def fingerprint(self) -> str:
        """Identifies the model's embedding table, vocabulary and file size."""
        return f"{self.gguf.embedding_fingerprint}-{self.gguf.size}"

    @property
    def vocabulary(self) -> Vocabulary:
        """The model's tokens as words and as rows."""
        return Vocabulary(self.gguf, self._model)

    def words(self, text: str) -> str:
        """What a person said or typed, in the form that this model's prompt needs."""
        return as_words(said_words(text) if self.gguf.reads_spoken else text)

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Tokens of a text, none added; control tokens are recognised only if ``special``."""
        return self._model.tokenize(text, special=special)

    def detokenize(self, tokens: Iterable[int]) -> str:
        """The text of tokens, without control tokens."""
        return self._model.detokenize(tokens)

    def set_instruction(self, text: str) -> None:
        """Put another instruction in front of every turn and decode it now.

        Raises:
            GenerationError: if it does not fit; then the old instruction stays.
            GGUFError: if the model's chat template fails.
        """
        self._put_in_front(text)
        self._turn += 1
        self._return_to_prefix()

    def expect(self, context: str) -> None:
        """Decode the context line ahead of a turn; the second time it costs nothing.

        A reply after another context line is not affected.

        Raises:
            GenerationError: if it does not fit in the context, or cannot be decoded.
        """
        self._put_in_front(self._instruction)
        before = self._tokens(self._plan.before_user(context), special=False)
        if self._is_ahead(before):
            return
        self._check_fit(len(self._prefix) + len(before))
        self._turn += 1
        self._return_to_prefix()
        self._decode([before])
        self._ahead = before

    def reply(
        self, user: SoftPrompt | str, context: str, *, cancel: threading.Event
    ) -> ReplyStream:
        """Answer the user, whose words follow the context line exactly as given.

        Nothing is decoded before the stream's first piece is requested. The next call ends this
        stream. The same turn gives the same reply.

        Raises:
            MismatchError: if the soft prompt's rows are not as wide as the model's embeddings.
            GenerationError: if the prompt does not fit in the context; the session stays usable.
        """
        # a template may contain today's date, and a session may live past midnight
        self._put_in_front(self._instruction)
        before = self._tokens(self._plan.before_user(context), special=False)
        header = self._tokens(self._plan.after_user, special=True)
        if isinstance(user, str):
            spoken = self._tokens(user, special=False)
            # tokenised apart from the context, so that they do not depend on decoding ahead
            rows: tuple[Rows, ...] = (before, np.concatenate([spoken, header]))
        else:
            spoken = self._embeddings(user.rows)
            rows = (before, spoken, header)
        n_rows = sum(map(len, rows))
        if not n_rows:
            raise GenerationError("There is nothing to answer: the prompt is empty.")
        self._check_fit(len(self._prefix) + n_rows)
        self._turn += 1
        turn = _Turn(self._turn, rows, len(before), len(spoken), len(header))
        return ReplyStream(self._generate(turn, cancel))

    def _logits_after(self, *rows: Rows) -> NDArray[np.float32]:
        self._check_fit(len(self._prefix) + sum(map(len, rows)))
        self._turn += 1
        self._return_to_prefix()
        self._decode(rows)
        return np.array(self._context.logits())

    def _generate(
        self, turn: _Turn, cancel: threading.Event
    ) -> Generator[str, None, GenerationStats]:
        began = time.monotonic()
        self._check_turn(turn)
        before, *others = turn.rows
        is_ahead = self._is_ahead(before)
        again = 0 if is_ahead else self._return_to_prefix()
        first = self._at
        self._ahead = None
        complete = self._decode(others if is_ahead else turn.rows, cancel)
        decoded = self._at - first
        prefill_ms = _ms_since(began)
        first_token_ms: float | None = None
        self._sampler.reseed()
        characters = codecs.getincrementaldecoder("utf-8")("replace")
        n_reply = 0
        stop_reason = self._limit(began, n_reply, cancel) if complete else StopReason.CANCELLED
        while stop_reason is None:
            token = self._sampler.sample(self._context)
            if first_token_ms is None:
                first_token_ms = _ms_since(began)
            if self._model.ends_turn(token):
                stop_reason = StopReason.END_OF_TURN
                break
            n_reply += 1
            if text := characters.decode(self._model.piece(token)):
                yield text
                self._check_turn(turn)
            stop_reason = self._limit(began, n_reply, cancel)
            if stop_reason is None:
                self._decode([np.array([token], np.int32)])
        return GenerationStats(
            prompt_tokens_decoded=decoded + again,
            reused_prefix_tokens=len(self._prefix) - again + is_ahead * len(before),
            context_tokens=turn.context_tokens,
            user_tokens=turn.user_tokens,
            header_tokens=turn.header_tokens,
            reply_tokens=n_reply,
            prefill_ms=prefill_ms,
            first_token_ms=first_token_ms,
            total_ms=_ms_since(began),
            stop_reason=stop_reason,
        )

    def _check_turn(self, turn: _Turn) -> None:
        if turn.number != self._turn:
            raise RuntimeError("another turn has begun on this session")

    def _check_fit(self, n_prompt: int) -> None:
        if n_prompt >= self.n_ctx:
            raise GenerationError(
                f"The prompt has {n_prompt} tokens, but prompt and reply together may have "
                f"{self.n_ctx}. Raise generate.n_ctx, or shorten the instruction or the request."
            )

    def _limit(self, began: float, n_reply: int, cancel: threading.Event) -> StopReason | None:
        """The limit that has been reached, if any."""
        if cancel.is_set():
            return StopReason.CANCELLED
        if time.monotonic() - began >= self._settings.max_s:
            return StopReason.MAX_TIME
        if n_reply >= self._settings.max_tokens or self._at >= self.n_ctx:
            return StopReason.MAX_TOKENS
        return None

    def _decode(self, pieces: Iterable[Rows], cancel: threading.Event | None = None) -> bool:
        """Decode pieces in order, the last row with logits; False if cancelled before the end."""
        step = self._context.n_batch
        chunks = [
            piece[start : start + step] for piece in pieces for start in range(0, len(piece), step)
        ]
        for index, chunk in enumerate(chunks, start=1):
            if cancel is not None and cancel.is_set():
                return False
            self._context.decode(chunk, self._at, logits=index == len(chunks))
            self._at += len(chunk)
        return True

    def _put_in_front(self, instruction: str) -> None:
        """Set the start of every turn; it is decoded by the next return to it."""
        plan = self._template.plan(instruction)
        bos, prefix = self._model.bos, self._model.tokenize(plan.static, special=True)
        if bos is not None and prefix[:1] != [bos]:
            prefix.insert(0, bos)
        self._check_fit(len(prefix))
        self._instruction = instruction
        self._plan = plan
        if prefix != self._prefix:
            self._prefix = prefix
            self._prefix_decoded = False

    def _is_ahead(self, before: Rows) -> bool:
        """Whether the instruction and these tokens have just been decoded."""
        ahead = self._ahead
        return ahead is not None and self._prefix_decoded and np.array_equal(ahead, before)

    def _return_to_prefix(self) -> int:
        """Go back to the state after the instruction; how many tokens had to be decoded again."""
        n = len(self._prefix)
        self._ahead = None
        if self._prefix_decoded and self._snapshot is not None:
            self._context.restore(self._snapshot)
        elif not (self._prefix_decoded and self._context.keep(n)):
            self._prefix_decoded = False
            self._snapshot = None
            self._context.clear()
            self._at = 0
            self._decode([np.array(self._prefix, np.int32)])
            if n and not self._trims:
                self._snapshot = self._context.snapshot()
            self._prefix_decoded = True
            return n
        self._at = n
        return 0

    def _tokens(self, text: str, *, special: bool) -> NDArray[np.int32]:
        return np.array(self._model.tokenize(text, special=special), np.int32)

    def _embeddings(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows of the raw scale on the scale of the model's graph."""
        if rows.ndim != 2 or rows.shape[1] != self.gguf.embedding_length:
            raise MismatchError(
                f"The soft prompt has shape {rows.shape}, but {self.gguf.path.name} takes rows of "
                f"{self.gguf.embedding_length}; use a bridge made for this model."
            )
        if not np.isfinite(rows).all():
            raise GenerationError("The soft prompt contains values that are not numbers.")
        return rows * np.float32(self.probe.scale)


def _ms_since(start: float) -> float:
    return (time.monotonic() - start) * 1_000
