"""A thin, typed layer over the llama.cpp functions that Attune calls.

llama.cpp uses C pointers; here they are owned, checked and freed. Nothing in this module decides
what to decode. llama.cpp's own log goes to the logger ``assistant.generate.native``.
"""

from __future__ import annotations

import ctypes
import logging
import mmap
from collections import deque
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as _llama_cpp
import numpy as np
from numpy.typing import NDArray

from assistant.errors import GenerationError, GGUFError

Tokens = NDArray[np.int32]
"""Shape (n,)."""

Rows = Tokens | NDArray[np.float32]
"""Tokens, shape (n,), or embeddings, shape (n, n_embd)."""

_c: Any = _llama_cpp  # ctypes functions carry no types worth checking
_libc: Any = ctypes.CDLL(None)

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # else Python prints errors that are raised anyway
_ERROR = 4
_LEVELS = {3: logging.INFO, _ERROR: logging.ERROR}  # its warnings concern developers
_errors: deque[str] = deque(maxlen=8)

_SEQUENCE = 0  # the only one
_MULTI_AXIS_ROPE = (8, 24, 40)  # M-RoPE, vision and interleaved M-RoPE
_FLASH_ATTENTION_AUTO = -1
_DECODE_FAILURES = {
    1: "there is no room left in the context; raise generate.n_ctx or shorten the instruction",
    2: "the computation was aborted",
    -1: "the batch was refused as invalid",
}


@_c.llama_log_callback
def _on_log(level: int, text: bytes | None, _user_data: object) -> None:
    line = (text or b"").decode("utf-8", "replace").rstrip()
    if level == _ERROR:
        _errors.append(line)
    if line:
        _log.log(_LEVELS.get(level, logging.DEBUG), "%s", line)


@cache
def _start_backend() -> None:
    _c.llama_log_set(_on_log, None)
    _c.llama_backend_init()


def _last_reason() -> str:
    """The first error that llama.cpp logged, without the names of its functions."""
    if not _errors:
        return "no reason"
    reason = _errors[0].rsplit("error loading model: ", 1)[-1]
    return reason.rsplit("failed to apply lora adapter: ", 1)[-1].rstrip(".")


def _unload_pages(path: Path) -> None:
    """Release the pages of a mapped file; those that are needed again come back.

    llama.cpp reads all weights to rearrange them for this CPU, and never reads most of the file
    again: with a 1B model half a gigabyte would count as used for as long as it is loaded.
    """
    name = f" {path.resolve()}"
    maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape")
    for line in maps.splitlines():
        if line.endswith(name):
            start, end = (int(place, 16) for place in line.partition(" ")[0].split("-"))
            _libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)


class Model:
    """Weights and vocabulary of a GGUF; with ``vocab_only`` the vocabulary alone.

    Raises:
        GGUFError: if llama.cpp refuses the file.
    """

    def __init__(self, path: Path, *, gpu_layers: int = 0, vocab_only: bool = False) -> None:
        _start_backend()
        params = _c.llama_model_default_params()
        params.n_gpu_layers = gpu_layers
        params.vocab_only = vocab_only
        _errors.clear()
        self._pointer: int | None = _c.llama_model_load_from_file(bytes(path), params)
        if self._pointer is None:
            raise GGUFError(
                f"llama.cpp cannot load {path}: {_last_reason()}. Choose another model file."
            )
        self.n_ctx_train: int = _c.llama_model_n_ctx_train(self._pointer)
        _unload_pages(path)
        bos: int = _c.llama_vocab_bos(self.vocabulary)
        wanted = bos >= 0 and _c.llama_vocab_get_add_bos(self.vocabulary)
        self.bos: int | None = bos if wanted else None  # put in front of every sequence
        self._adds_space = False
        self._adds_space = self.detokenize(self.tokenize("x", special=False)).startswith(" ")

    @property
    def pointer(self) -> int:
        """llama.cpp's handle; ``RuntimeError`` once the model is closed."""
        if self._pointer is None:
            raise RuntimeError("the model is closed")
        return self._pointer

    @property
    def vocabulary(self) -> int:
        """llama.cpp's handle of the vocabulary; errors as ``pointer``."""
        return _c.llama_model_get_vocab(self.pointer)

    @property
    def multi_axis_positions(self) -> bool:
        """Whether an embedding needs more than one position (M-RoPE)."""
        return _c.llama_model_rope_type(self.pointer) in _MULTI_AXIS_ROPE

    @property
    def generates_left_to_right(self) -> bool:
        """Whether it is a plain decoder, without an encoder or diffusion."""
        return (
            bool(_c.llama_model_has_decoder(self.pointer))
            and not _c.llama_model_has_encoder(self.pointer)
            and not _c.llama_model_is_diffusion(self.pointer)
        )

    @property
    def n_embd_input(self) -> int:
        """Width of the rows that it accepts in place of tokens."""
        return _c.llama_model_n_embd_inp(self.pointer)

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Tokens of a text, none added; control tokens are recognised only if ``special``."""
        if self._adds_space and not special:
            text = text.removeprefix(" ")  # SentencePiece itself adds one in front of every text
        data = text.encode("utf-8", "replace")
        if not data:
            return []
        room = len(data) + 8
        while True:
            buffer = (ctypes.c_int32 * room)()
            count: int = _c.llama_tokenize(
                self.vocabulary,
                data,
                len(data),
                buffer,
                room,
                False,  # noqa: FBT003 - add no token of its own
                special,
            )
            if count >= 0:
                return buffer[:count]
            room = -count

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes of a token, maybe part of a character; of a control token if ``special``."""
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            size: int = _c.llama_token_to_piece(
                self.vocabulary,
                token,
                buffer,
                room,
                0,
                special,
            )
            if size >= 0:
                return buffer.raw[:size]
            room = -size

    def detokenize(self, tokens: Iterable[int]) -> str:
        """The text of tokens, without control tokens."""
        return b"".join(self.piece(token) for token in tokens).decode("utf-8", "replace")

    def ends_turn(self, token: int) -> bool:
        """Whether the model ends its turn with this token."""
        return bool(_c.llama_vocab_is_eog(self.vocabulary, token))

    def close(self) -> None:
        """Free the model; a second call does nothing."""
        pointer, self._pointer = self._pointer, None
        if pointer is not None:
            _c.llama_model_free(pointer)


class LlamaContext:
    """The state of one sequence that a model is computing.

    Raises:
        GenerationError: if there is not enough memory for it.
    """

    def __init__(self, model: Model, *, n_ctx: int, n_batch: int, threads: int) -> None:
        params = _c.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = n_batch
        params.n_ubatch = min(n_batch, params.n_ubatch)
        params.n_seq_max = 1
        params.n_threads = params.n_threads_batch = threads
        params.flash_attn_type = _FLASH_ATTENTION_AUTO
        params.swa_full = True  # else a sliding window forgets the prefix that is kept
        _errors.clear()
        self._pointer: int | None = _c.llama_init_from_model(model.pointer, params)
        if self._pointer is None:
            raise GenerationError(
                f"llama.cpp cannot set up a context of {n_ctx}: {_last_reason()}. "
                "Lower generate.n_ctx or choose a smaller model."
            )
        self._n_vocab: int = _c.llama_vocab_n_tokens(model.vocabulary)
        self.n_batch: int = _c.llama_n_batch(self._pointer)  # most rows in one decode

    @property
    def pointer(self) -> int:
        """llama.cpp's handle; ``RuntimeError`` once the context is closed."""
        if self._pointer is None:
            raise RuntimeError("the context is closed")
        return self._pointer

    @property
    def _memory(self) -> int:
        return _c.llama_get_memory(self.pointer)

    def adapt(self, model: Model, path: Path) -> None:
        """Add an adapter's low-rank matrices to the weights; they are freed with the model.

        Raises:
            GGUFError: if llama.cpp refuses the file.
        """
        _errors.clear()
        adapter = _c.llama_adapter_lora_init(model.pointer, bytes(path))
        if not adapter:
            raise GGUFError(
                f"llama.cpp cannot use the adapter {path}: {_last_reason()}. Set generate.adapter "
                "to one that was made for this model, or leave it empty."
            )
        adapters = (_c.llama_adapter_lora_p_ctypes * 1)(adapter)
        _c.llama_set_adapters_lora(self.pointer, adapters, 1, (ctypes.c_float * 1)(1.0))

    def decode(self, rows: Rows, at: int, *, logits: bool) -> None:
        """Decode tokens or embeddings from position ``at`` on.

        Raises:
            ValueError: for more than ``n_batch`` rows, for which llama.cpp would abort the process.
            GenerationError: if llama.cpp cannot decode them.
        """
        n = len(rows)
        if not 0 < n <= self.n_batch:
            raise ValueError(f"{n} rows do not fit a batch of {self.n_batch}")
        # named, so that they outlive the call: the batch holds bare addresses
        values: NDArray[np.generic] = np.ascontiguousarray(rows)
        positions = np.arange(at, at + n, dtype=np.int32)
        wanted = np.zeros(n, np.int8)
        wanted[-1] = logits
        batch = _c.llama_batch()
        batch.n_tokens = n
        if rows.ndim == 1:
            batch.token = values.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        else:
            batch.embd = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        batch.pos = positions.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        batch.logits = wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int8))
        code: int = _c.llama_decode(self.pointer, batch)
        if code:
            why = _DECODE_FAILURES.get(code, f"a fatal error, code {code}")
            raise GenerationError(f"The language model stopped: {why}.")

    def logits(self) -> NDArray[np.float32]:
        """Logits after the last decoded row, shape (n_vocab,); valid until the next decode.

        Raises:
            GenerationError: if the last decode did not request any, or one is not a number.
        """
        pointer = _c.llama_get_logits_ith(self.pointer, -1)
        if not pointer:
            raise GenerationError("The language model has no logits to choose a word from.")
        logits = np.ctypeslib.as_array(pointer, (self._n_vocab,))
        if np.isnan(logits).any():
            raise GenerationError(
                "The language model computed something that is not a number; "
                "its file may be damaged, so download it again."
            )
        return logits

    def clear(self) -> None:
        """Forget everything."""
        _c.llama_memory_clear(self._memory, False)  # noqa: FBT003 - the places only

    def keep(self, n: int) -> bool:
        """Forget all but the first n positions; False if this kind of memory cannot."""
        return bool(_c.llama_memory_seq_rm(self._memory, _SEQUENCE, n, -1))

    def snapshot(self) -> ctypes.Array[ctypes.c_uint8]:
        """A copy of the state, for :meth:`restore`; ``GenerationError`` if llama.cpp fails."""
        size: int = _c.llama_state_seq_get_size(self.pointer, _SEQUENCE)
        state = (ctypes.c_uint8 * size)()
        if _c.llama_state_seq_get_data(self.pointer, state, size, _SEQUENCE) != size:
            raise GenerationError("llama.cpp could not save the state of the instruction.")
        return state

    def restore(self, state: ctypes.Array[ctypes.c_uint8]) -> None:
        """Go back to a snapshot; ``GenerationError`` if llama.cpp fails."""
        if not _c.llama_state_seq_set_data(self.pointer, state, len(state), _SEQUENCE):
            raise GenerationError("llama.cpp could not restore the state of the instruction.")

    def close(self) -> None:
        """Free the context; a second call does nothing."""
        pointer, self._pointer = self._pointer, None
        if pointer is not None:
            _c.llama_free(pointer)


class Sampler:
    """Chooses tokens: top-k, temperature, then at random; the likeliest at temperature 0."""

    def __init__(self, *, top_k: int, temperature: float, seed: int) -> None:
        chain = _c.llama_sampler_chain_init(_c.llama_sampler_chain_default_params())
        if temperature == 0:
            _c.llama_sampler_chain_add(chain, _c.llama_sampler_init_greedy())
        else:
            _c.llama_sampler_chain_add(chain, _c.llama_sampler_init_top_k(top_k))
            _c.llama_sampler_chain_add(chain, _c.llama_sampler_init_temp(temperature))
            # the largest 32-bit seed would mean a random one
            _c.llama_sampler_chain_add(chain, _c.llama_sampler_init_dist(seed % 0xFFFF_FFFF))
        self._pointer: int | None = chain

    @property
    def pointer(self) -> int:
        """llama.cpp's handle; ``RuntimeError`` once the sampler is closed."""
        if self._pointer is None:
            raise RuntimeError("the sampler is closed")
        return self._pointer

    def reseed(self) -> None:
        """Restart the same sequence of random choices."""
        _c.llama_sampler_reset(self.pointer)

    def sample(self, context: LlamaContext) -> int:
        """A token for the logits after the last decoded row; errors as ``LlamaContext.logits``."""
        context.logits()
        return _c.llama_sampler_sample(self.pointer, context.pointer, -1)

    def close(self) -> None:
        """Free the chain; a second call does nothing."""
        pointer, self._pointer = self._pointer, None
        if pointer is not None:
            _c.llama_sampler_free(pointer)
