"""Whisper of the true size with random weights, as faster-whisper wants it.

Made by transformers and converted by CTranslate2, which comes with faster-whisper; neither is
needed by Attune.
"""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path
from typing import Any, cast

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GenerationConfig,
    PreTrainedTokenizerFast,
    WhisperConfig,
    WhisperForConditionalGeneration,
)
from transformers.models.whisper.tokenization_whisper import LANGUAGES
from transformers.utils.logging import disable_progress_bar

from bench.sizes.language import SPECIALS, vocabulary

BASE: dict[str, Any] = {
    "d_model": 512,
    "encoder_layers": 6,
    "decoder_layers": 6,
    "encoder_attention_heads": 8,
    "decoder_attention_heads": 8,
    "encoder_ffn_dim": 2_048,
    "decoder_ffn_dim": 2_048,
}
"""whisper-base, where it is not like whisper-tiny."""

TOY: dict[str, Any] = {
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
}

TEXT_TOKENS = 50_257
N_LANGUAGES = 99
TIMES = 1_501

_END, _ENGLISH = TEXT_TOKENS, TEXT_TOKENS + 2


def package(name: str) -> Any:
    """A module of what the comparison is with.

    Raises:
        SystemExit: if it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        sys.exit(
            f"The other side of the comparison is not there ({error}). Install it with "
            f"'{sys.executable} -m pip install faster-whisper'."
        )


def write(folder: Path, sizes: dict[str, Any], seed: int = 0) -> Path:
    """Write a converted model and return its folder; one that is there already stays.

    Args:
        folder: made if it is not there.
        sizes: as ``BASE``.
        seed: of the weights.

    Raises:
        SystemExit: if faster-whisper is not installed.
    """
    if folder.exists():
        return folder
    convert = package("ctranslate2.converters").TransformersConverter
    disable_progress_bar()
    cast("Any", torch).manual_seed(seed)
    original = folder.with_name(folder.name + "-original")
    model = WhisperForConditionalGeneration(
        WhisperConfig(**sizes, vocab_size=TEXT_TOKENS + 2 + N_LANGUAGES + 6 + TIMES)
    )
    model.generation_config = GenerationConfig(
        suppress_tokens=[], begin_suppress_tokens=[_END], lang_to_id={"<|en|>": _ENGLISH}
    )
    model.save_pretrained(original)
    PreTrainedTokenizerFast(tokenizer_object=_tokenizer()).save_pretrained(original)
    unfinished = folder.with_name(folder.name + "-part")
    convert(str(original), copy_files=["tokenizer.json"]).convert(
        str(unfinished), quantization="int8", force=True
    )
    shutil.rmtree(original)
    return unfinished.rename(folder)


def _tokenizer() -> Tokenizer:
    """Byte-level BPE, then Whisper's own tokens in its order.

    The last of the text tokens is the empty one; by it CTranslate2 knows the multilingual models.
    """
    tokens, merges = vocabulary(TEXT_TOKENS - 1 + len(SPECIALS))
    texts = [*tokens[: TEXT_TOKENS - 1], ""]
    ids = {token: number for number, token in enumerate(texts)}
    pairs = [(left, right) for left, right in (merge.split(" ") for merge in merges)]
    tokenizer = Tokenizer(models.BPE(ids, pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    names = ["endoftext", "startoftranscript", *list(LANGUAGES)[:N_LANGUAGES]]  # English first
    names += ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    names += [f"{0.02 * number:.2f}" for number in range(TIMES)]
    tokenizer.add_special_tokens([AddedToken(f"<|{name}|>", special=True) for name in names])
    return tokenizer
