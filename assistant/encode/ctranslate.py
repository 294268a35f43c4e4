"""Whisper in CTranslate2, from folders in faster-whisper's layout; without torch."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import ctranslate2  # pyright: ignore[reportMissingTypeStubs]
import numpy as np
from numpy.typing import NDArray

from assistant.config import EncodeSettings
from assistant.encode.adaptable import Adaptable
from assistant.encode.adapter import adapter_for, together
from assistant.encode.folder import CTRANSLATE as MODEL
from assistant.encode.folder import EncoderFolder, is_ctranslate
from assistant.encode.mel import LogMel
from assistant.encode.tokens import Tokens
from assistant.encode.tuning_record import Execution
from assistant.encode.whisper import LEAST_PROBABILITY, Alignment, Encoded, Hypothesis
from assistant.errors import EncoderError
from assistant.nets import ctranslate_weights
from assistant.nets.ctranslate_weights import Changes
from assistant.values import SAMPLE_RATE, Adaptation

VOCABULARIES = ("vocabulary.json", "vocabulary.txt")

WINDOW_S = 30
"""Seconds that Whisper was trained on."""

TAIL_S = 15
"""Seconds of silence after the speech, if they fit into the window. Word error of tiny.en
in int8 on 157 recordings of Kathleen and 167 of speechocean762, greedy, and time of the encoder:
6 s 5.0 and 68 % in 0.09 s, 10 s 5.2 and 45 % in 0.11 s, 15 s 4.9 and 40 % in 0.13 s, filled to
30 s 5.3 and 46 % in 0.34 s. Measured on 2026-11-29 by a script that was not kept; to measure again,
change this and run ``python -m bench.people``."""

_FRAMES_PER_S = 50

_BLOCK = 1 << 20

_MEMORY = "/dev/shm"  # noqa: S108 - a new folder in it
"""Where links can be put even if the disk is full."""

_HEAD = 64
"""Width of an attention head, in every Whisper."""


class CTranslateEngine:
    """A Whisper folder in CTranslate2's format, computed in int8 or float on the processor.

    Args:
        settings: the folder, and how to compute it.
        adaptation: what is changed in its weights; the changed ones are only ever in memory.

    Raises:
        EncoderError: if the folder is incomplete, or cannot run as the settings request.
    """

    def __init__(self, settings: EncodeSettings, adaptation: Adaptation | None = None) -> None:
        folder = settings.path
        if settings.execution == "onnx-int8":
            raise EncoderError(
                f"The speech recogniser in {folder} runs in CTranslate2, not in ONNX Runtime. Set "
                "encode.execution to 'auto'."
            )
        self.execution: Execution = "float" if settings.execution == "float" else "int8"
        compute = {"float": "float32", "int8": "int8"}[self.execution]
        if not is_ctranslate(folder):
            raise _refusal(folder, f"{MODEL} is missing or not a Whisper model")
        if not any((folder / each).is_file() for each in VOCABULARIES):
            raise EncoderError(
                f"The speech recogniser in {folder} lacks its vocabulary.txt or vocabulary.json. "
                "Fetch the folder again."
            )
        try:
            self._adapter = adapter_for(settings, folder / MODEL)
            changes = together(self._adapter, adaptation)
            with _changed(folder, changes) if changes else nullcontext(folder) as place:
                self._model: Any = cast("Any", ctranslate2).models.Whisper(
                    str(place),
                    device="cpu",
                    compute_type=compute,
                    inter_threads=1,
                    intra_threads=settings.threads or len(os.sched_getaffinity(0)),
                )
            self._path = folder / MODEL
            self.fingerprint = _fingerprint(folder / MODEL, compute, self._adapter)
            self.window_s = float(WINDOW_S)
            self.tokens = Tokens(folder, multilingual=bool(self._model.is_multilingual))
            self._mel = LogMel(int(self._model.n_mels))
            self.dim = self._tried(folder)
        except (RuntimeError, ValueError, IndexError, MemoryError, OSError) as error:
            raise _refusal(folder, str(error).partition("\n")[0].rstrip(".")) from None

    def encode(self, samples: NDArray[np.float32]) -> Encoded:
        """Frames of a piece of at most ``WINDOW_S``, with up to ``TAIL_S`` of silence after it."""
        n_samples = min(len(samples) + TAIL_S * SAMPLE_RATE, WINDOW_S * SAMPLE_RATE)
        columns = self._mel(np.pad(samples, (0, n_samples - len(samples))))
        view = cast("Any", ctranslate2).StorageView.from_array(columns[None])
        encoded = self._model.encode(view)
        return Encoded(np.array(encoded, np.float32)[0], encoded)

    def language(self, encoded: Encoded) -> str:
        """The code of the spoken language."""
        if not self._model.is_multilingual:
            return "en"
        return str(self._model.detect_language(encoded.handle)[0][0][0]).strip("<|>")

    def decode(
        self, encoded: Encoded, prompt: Sequence[int], *, beam: int, longest: int, again: bool
    ) -> Hypothesis:
        """The most likely text after a prompt, by beam search."""
        found = self._model.generate(
            encoded.handle,
            [list(prompt)],
            beam_size=beam,
            num_hypotheses=beam,
            # it uses half of this, or what the prompt leaves
            max_length=max(2 * longest, len(prompt) + longest),
            no_repeat_ngram_size=3 if again else 0,
            return_no_speech_prob=True,
        )[0]
        first, *others = (
            [token for token in each if token < self.tokens.end] for each in found.sequences_ids
        )
        return Hypothesis(first, float(found.no_speech_prob), others)

    def align(self, encoded: Encoded, start: Sequence[int], text: Sequence[int]) -> Alignment:
        """Where each token was said, by dynamic time warping over the cross-attention."""
        found = self._model.align(
            encoded.handle,
            list(start[:-1]),  # it adds the token for no timestamps itself
            [list(text)],
            2 * len(encoded.frames),
            median_filter_width=7,
        )[0]
        token_of, frame_of = np.array(found.alignments).T
        begins = np.diff(token_of, prepend=-1) > 0
        seconds = frame_of[begins] / _FRAMES_PER_S
        return Alignment(
            np.pad(seconds, (0, max(0, len(text) + 1 - len(seconds))), "edge"),
            np.array(found.text_token_probs[: len(text)], np.float64),
        )

    def weigh(
        self, frames: NDArray[np.float32], start: Sequence[int], texts: Sequence[Sequence[int]]
    ) -> NDArray[np.float64]:
        """How likely each text is, given the frames of the sound; see ``Engine``."""
        found = self._model.align(
            cast("Any", ctranslate2).StorageView.from_array(
                np.repeat(frames[None], len(texts), axis=0)
            ),
            list(start[:-1]),  # it adds the token for no timestamps itself
            [list(text) for text in texts],
            [2 * len(frames)] * len(texts),
            median_filter_width=1,  # where the tokens were said does not matter here
        )
        return np.array(
            [np.log(np.maximum(each.text_token_probs, LEAST_PROBABILITY)).sum() for each in found]
        )

    def _tried(self, folder: Path) -> int:
        """The width of a frame, found by transcribing a second of silence.

        Most faults in the files beside the weights show only when they are used.
        """
        silence = self.encode(np.zeros(SAMPLE_RATE, np.float32))
        dim = silence.frames.shape[1]
        config, layers = EncoderFolder.open(folder).config, _layers(folder / MODEL)
        if not _fits(config, layers, dim // _HEAD, self.tokens.count):
            raise ValueError("config.json belongs to another model")
        start = self.tokens.start("en")
        self.decode(silence, start, beam=1, longest=1, again=False)
        self.align(silence, start, [0])
        return dim

    def adaptable(self, language: str) -> Adaptable:
        """What trains its own weights on transcripts in a language."""
        return Adaptable(self._path, self._adapter, self.tokens, self._mel, language)

    def export(self, cache: Path) -> None:
        """Always raises ``EncoderError``: CTranslate2 is as fast itself."""
        del cache
        raise EncoderError("CTranslate2 already runs this recogniser in int8.")


@contextmanager
def _changed(folder: Path, changes: Changes) -> Generator[Path]:
    """A folder with changed weights, which are in memory alone, whatever becomes of the process.

    The library keeps what it is given as bytes for good, 145 MB for base, and a file only while it
    reads it.
    """
    with (
        TemporaryDirectory(dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None) as place,
        os.fdopen(os.memfd_create("weights"), "wb") as weights,
    ):
        weights.write(ctranslate_weights.changed(folder / MODEL, changes))
        weights.flush()
        (Path(place) / MODEL).symlink_to(f"/proc/self/fd/{weights.fileno()}")
        for name in ("config.json", *VOCABULARIES):
            if (folder / name).is_file():
                (Path(place) / name).symlink_to((folder / name).resolve())
        yield Path(place)


def _refusal(folder: Path, why: str) -> EncoderError:
    return EncoderError(
        f"Cannot load the speech recogniser in {folder} ({why}). It must be a complete Whisper "
        "folder for CTranslate2: model.bin, config.json, tokenizer.json and a vocabulary."
    )


def _fits(config: dict[str, Any], layers: int, heads: int, tokens: int) -> bool:
    """Whether config.json names only layers, heads and tokens that exist.

    The library would read out of bounds otherwise.
    """
    try:
        pairs = [(int(layer), int(head)) for layer, head in config["alignment_heads"]]
        ids = [*(config["suppress_ids"] or ()), *(config["suppress_ids_begin"] or ())]
        known = [0 <= int(each) < tokens for each in [*ids, *(config.get("lang_ids") or ())]]
    except (KeyError, TypeError, ValueError):
        return False
    there = [0 <= layer < layers and 0 <= head < heads for layer, head in pairs]
    return bool(there) and all(there) and all(known)


def _layers(path: Path) -> int:
    """The number of layers of the decoder."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return len(set(re.findall(rb"decoder/layer_(\d+)/", data)))


def _fingerprint(path: Path, compute: str, adapter: Adaptation | None) -> str:
    """Hex digest of the weights, their arithmetic, and the silence after the speech."""
    digest = hashlib.sha256(json.dumps([compute, TAIL_S, WINDOW_S]).encode())
    digest.update(b"" if adapter is None else adapter.version.encode())
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()[:16]
