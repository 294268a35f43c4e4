"""A language model in llama.cpp that takes tokens and embeddings.

The instruction and the last exchanges are decoded once and their state kept. A turn goes back to
that state and decodes the context line (unless it was decoded ahead), the user's words (tokens or a
soft prompt) and the assistant's header; then the reply is sampled token by token. What was said in
the end is added with ``remember``, which costs nothing if that is what was sampled. A llama.cpp
batch holds tokens or embeddings, never both, so each kind is decoded on its own.
"""

from __future__ import annotations

import codecs
import os
import re
import threading
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assistant.config import GenerateSettings
from assistant.errors import GenerationError, LLMError, translated
from assistant.generate.adapter import adapter_for
from assistant.generate.cache import PromptCache
from assistant.generate.conversation import Pieces
from assistant.generate.embedding_path import (
    EmbeddingProbe,
    prove,
    refuse_by_header,
    refuse_other_inputs,
)
from assistant.generate.gguf import GGUFFile
from assistant.generate.limits import LimitedTurn
from assistant.generate.native import LlamaContext, Model, Rows, Sampler
from assistant.generate.prompts import Prompts, joined
from assistant.generate.reasoning import CONTROLS, Thoughts
from assistant.generate.stream import GenerationStats, ReplyStream
from assistant.generate.vocabulary import Vocabulary
from assistant.generate.words import as_words
from assistant.spoken import said_words
from assistant.values import SoftPrompt, StopReason

if TYPE_CHECKING:
    from typing_extensions import Self


class LlamaSession:
    """A loaded model that answers one turn at a time, from one thread at a time.

    Raises:
        GGUFError: if the file is damaged, or not a model llama.cpp can load; or the adapter is.
        MismatchError: if the adapter was made for another model.
        EmbeddingPathError: if the model cannot be fed embeddings faithfully.
        GenerationError: if memory runs out, or the instruction does not fit.
    """

    def __init__(self, settings: GenerateSettings) -> None:
        path = settings.path
        remedy = "Choose another one."
        with translated(LLMError, f"use the language model {path}", remedy), ExitStack() as owned:
            self.gguf = GGUFFile(path)
            refuse_by_header(self.gguf)
            self.gguf.check_vocabulary()
            self._settings = settings
            self._turn = 0
            self._last: LimitedTurn | None = None
            self._model = owned.enter_context(closing(Model(path, gpu_layers=settings.gpu_layers)))
            refuse_other_inputs(self._model, self.gguf)
            self._prompts = Prompts(self.gguf, self._model, settings)
            self.n_ctx = self._prompts.n_ctx
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
            self._cache = PromptCache(self._context)
            self.probe: EmbeddingProbe = prove(self.gguf, self._model, self._logits_after)
            self._prompts.scale = self.probe.scale
            self._cache.find_out()
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
    def remembers(self) -> int:
        """How many exchanges of a conversation it is reminded of."""
        return self._prompts.remembers

    @property
    def vocabulary(self) -> Vocabulary:
        """The model's tokens as words and as rows."""
        return Vocabulary(self.gguf, self._model)

    def words(self, text: str) -> str:
        """What a person said or typed, in the form that this model's prompt needs.

        Of a story that is longer than the context, it is the end.
        """
        words = as_words(said_words(text) if self.gguf.reads_spoken else text)
        return self._prompts.ending(words)

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
        self._prompts.instruct(text)
        self._turn += 1
        self._hold(self._prompts.past)

    def expect(self, context: str) -> None:
        """Decode the context line ahead of a turn; the second time it costs nothing.

        A reply after another context line is not affected.

        Raises:
            GenerationError: if it does not fit in the context, or cannot be decoded.
        """
        self._prompts.renew()
        pieces = self._prompts.turn([self._prompts.context_line(context)])
        self._turn += 1
        self._hold(self._prompts.past, pieces)

    def reply(
        self, user: SoftPrompt | str, context: str, *, cancel: threading.Event
    ) -> ReplyStream:
        """Answer the user, whose words follow the context line (not for small models) as given.

        Nothing is decoded before the stream's first piece is requested. The next call ends this
        stream. The same turn gives the same reply.

        Raises:
            MismatchError: if the soft prompt's rows are not as wide as the model's embeddings.
            GenerationError: if the prompt does not fit in the context; the session stays usable.
        """
        self._prompts.renew()
        rows = self._prompts.rows(_raw(user), context)
        if not any(map(len, rows)):
            raise GenerationError("There is nothing to answer: the prompt is empty.")
        pieces = self._prompts.turn(joined(*rows))
        self._turn += 1
        past, (before, spoken, header) = self._prompts.past, map(len, rows)
        turn = LimitedTurn(
            *(self._turn, user, context, past, pieces, before, spoken, header),
            *(cancel, self._settings, self.n_ctx),
        )
        return ReplyStream(self._generate(turn), turn.end)

    def remember(self, user: SoftPrompt | str, context: str, said: str) -> None:
        """Add an exchange to the conversation, in front of all later turns.

        Nothing is decoded now, and nothing later either if this is how the last reply was written.

        Args:
            user: the user's words, and
            context: the context line, both as ``reply`` was given them.
            said: what was said to the user in the end, by whatever wrote it; nothing is remembered
                of an exchange in which nothing was said.

        Raises:
            MismatchError: as ``reply``.
        """
        if not (self.remembers and said.strip()):
            return
        turn, self._last = self._last, None
        reply: Pieces = [self._prompts.tokens(" ".join(said.split()))]
        if turn is not None and (turn.user, turn.context) == (user, context):
            is_text = all(map(self._model.piece, turn.reply))
            if is_text and _words(self._model.detokenize(turn.reply)) == _words(said):
                reply = np.split(np.array(turn.reply, np.int32), [turn.n_decoded])
        self._prompts.remember([*joined(*self._prompts.rows(_raw(user), context)), *reply])

    def forget(self) -> None:
        """Begin a new conversation."""
        self._prompts.conversation.clear()
        self._last = None

    def rest(self) -> bool:
        """While nobody speaks, decode a part of what is remembered; whether there is more of it.

        A reply that was begun in a pause goes on, unless what is remembered has changed since.

        Raises:
            GenerationError: if it cannot be decoded.
        """
        past = self._prompts.past
        if self._cache.holds(past):
            return False
        self._turn += 1
        self._cache.append(self._cache.resume(past)[:1])
        self._save(past)
        return True

    def _logits_after(self, *rows: Rows) -> NDArray[np.float32]:
        pieces = self._prompts.turn(rows)
        self._turn += 1
        self._hold(self._prompts.past, pieces, anew=True)
        return np.array(self._context.logits())

    def _generate(self, turn: LimitedTurn) -> Generator[str, None, GenerationStats]:
        turn.began = time.monotonic()
        self._check_turn(turn)
        self._last = turn
        before = self._cache.decoded
        complete = self._hold(turn.past, turn.pieces, anew=True, cancel=turn.cancel)
        decoded = self._cache.decoded - before
        reused = self._cache.at - decoded
        prefill_ms = turn.ms
        first_token_ms: float | None = None
        self._sampler.reseed()
        characters = codecs.getincrementaldecoder("utf-8")("replace")
        thoughts = Thoughts(self._prompts.header)
        stop_reason = turn.reached(self._cache.at) if complete else StopReason.CANCELLED
        while stop_reason is None:
            token = self._sampler.sample(self._context)
            if first_token_ms is None:
                first_token_ms = turn.ms
            if self._model.ends_turn(token):
                stop_reason = StopReason.END_OF_TURN
                break
            turn.reply.append(token)
            thought = thoughts.thinking
            text = thoughts.heard(characters.decode(self._piece(token)))
            turn.n_thought += thought or thoughts.thinking
            if text or thoughts.thinking:
                yield text
                self._check_turn(turn)
            if thoughts.ended:
                turn.end(StopReason.END_OF_TURN)
            stop_reason = turn.reached(self._cache.at)
            if stop_reason is None:
                self._cache.append([np.array([token], np.int32)])
                turn.n_decoded += 1
                if thoughts.thinking and turn.thought_enough(self._cache.at):
                    self._conclude(turn, thoughts)
        if text := thoughts.rest():
            yield text
        return GenerationStats(
            prompt_tokens_decoded=decoded,
            reused_prefix_tokens=reused,
            context_tokens=turn.context_tokens,
            user_tokens=turn.user_tokens,
            header_tokens=turn.header_tokens,
            reply_tokens=len(turn.reply),
            prefill_ms=prefill_ms,
            first_token_ms=first_token_ms,
            total_ms=turn.ms,
            stop_reason=stop_reason,
        )

    def _piece(self, token: int) -> bytes:
        """The text of a token; of control tokens only those that say what is a thought."""
        text = self._model.piece(token)
        if text:
            return text
        control = self._model.piece(token, special=True)
        return control if control.decode("utf-8", "replace").lower() in CONTROLS else b""

    def _conclude(self, turn: LimitedTurn, thoughts: Thoughts) -> None:
        """End a thought for the model, which then begins its reply."""
        closing = self._prompts.tokens(f"\n{thoughts.closing}\n\n", special=True)
        if self._cache.at + len(closing) >= self.n_ctx:
            return
        self._cache.append([closing])
        turn.reply += closing.tolist()
        turn.n_decoded += len(closing)
        turn.n_thought += len(closing)
        thoughts.heard(thoughts.closing)

    def _check_turn(self, turn: LimitedTurn) -> None:
        if turn.number != self._turn:
            raise RuntimeError("another turn has begun on this session")

    def _hold(
        self,
        past: Sequence[Rows],
        pieces: Pieces = (),
        *,
        anew: bool = False,
        cancel: threading.Event | None = None,
    ) -> bool:
        """Have these decoded and nothing else; with ``anew``, the last piece now, for its logits.

        False if cancelled before the end.
        """
        if not self._cache.holds(past) and not self._cache.append(self._cache.resume(past), cancel):
            return False
        self._save(past)
        return self._cache.append(self._cache.resume([*past, *pieces], anew=anew), cancel)

    def _save(self, past: Sequence[Rows]) -> None:
        if self._cache.at == sum(map(len, past)):
            self._cache.save()


def _raw(user: SoftPrompt | str) -> NDArray[np.float32] | str:
    return user if isinstance(user, str) else user.rows


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
