"""Writes tiny encoder folders with random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    HubertConfig,
    HubertForCTC,
    Wav2Vec2Config,
    Wav2Vec2ForCTC,
    WavLMConfig,
    WavLMForCTC,
    WhisperConfig,
    WhisperForConditionalGeneration,
)
from transformers.utils.logging import disable_progress_bar

disable_progress_bar()  # what is saved here is nobody's to watch

SYMBOLS = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ"]
"""The 32 of wav2vec2-base-960h, in its order."""

HIDDEN = 16
HOP = 320

_SIZES: dict[str, Any] = {
    "vocab_size": len(SYMBOLS),
    "hidden_size": HIDDEN,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "intermediate_size": 32,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
    "mask_time_prob": 0.0,
    "mask_feature_prob": 0.0,
}

SMALL: dict[str, Any] = {
    **_SIZES,
    "conv_dim": [8, 8],
    "conv_kernel": [32, 16],
    "conv_stride": [20, 16],
    "num_feat_extract_layers": 2,
    "do_stable_layer_norm": True,
    "feat_extract_norm": "layer",
    "mask_time_prob": 0.05,
}

BASE: dict[str, Any] = {  # as base-960h: seven convolutions, GroupNorm after the first
    **_SIZES,
    "conv_dim": [8] * 7,
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "num_feat_extract_layers": 7,
    "feat_extract_norm": "group",
    "mask_time_prob": 0.05,
}


LARGE: dict[str, Any] = {  # as the large models: layer norms, before what they belong to
    **BASE,
    "conv_bias": True,
    "do_stable_layer_norm": True,
    "feat_extract_norm": "layer",
}

FAMILIES: dict[str, Any] = {
    "wav2vec2": (Wav2Vec2Config, Wav2Vec2ForCTC),
    "hubert": (HubertConfig, HubertForCTC),
    "wavlm": (WavLMConfig, WavLMForCTC),
}

WHISPER_S = 4
"""What the tiny Whisper hears at once; the true one hears 30 s."""


def write(
    folder: Path,
    sizes: dict[str, Any] = SMALL,
    *,
    family: str = "wav2vec2",
    says: str | None = None,
    seed: int = 0,
) -> Path:
    """Write a folder with weights, configuration and vocabulary.

    Args:
        folder: made if it is not there.
        sizes: the configuration.
        family: the architecture.
        says: the one symbol it reads in every frame; otherwise what its weights happen to say.
        seed: of the weights.
    """
    torch.manual_seed(seed)
    config, kind = FAMILIES[family]
    model = kind(config(**sizes))
    with torch.no_grad():
        model.lm_head.weight.normal_(std=2.0)  # so that several letters are read
        model.lm_head.bias[1:4] = -1e4  # transformers itself drops these before it merges runs
        if says is not None:
            model.lm_head.weight.zero_()
            model.lm_head.bias.zero_()
            model.lm_head.bias[SYMBOLS.index(says)] = 5.0
    model.save_pretrained(folder)
    vocabulary = {symbol: place for place, symbol in enumerate(SYMBOLS)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    return folder


def write_whisper(folder: Path, seed: int = 0) -> Path:
    """Write a folder with a whole Whisper model, decoder included."""
    torch.manual_seed(seed)
    config = WhisperConfig(
        vocab_size=10,
        d_model=HIDDEN,
        encoder_layers=2,
        encoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_layers=1,
        decoder_attention_heads=2,
        decoder_ffn_dim=32,
        max_source_positions=WHISPER_S * 50,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    WhisperForConditionalGeneration(config).save_pretrained(folder)
    return folder


SPECIAL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|de|>",
    "<|fr|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
"""Whisper's tokens that are no text, in its order."""


def write_speaking_whisper(folder: Path, seed: int = 0, *, multilingual: bool = True) -> Path:
    """Write a folder with a Whisper that has a tokeniser of bytes and says what its weights say."""
    letters = sorted(ByteLevel.alphabet())
    ids = {token: number for number, token in enumerate((*letters, *SPECIAL))}
    tokenizer = Tokenizer(BPE(vocab={token: ids[token] for token in letters}, merges=[]))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    torch.manual_seed(seed)
    config = WhisperConfig(
        vocab_size=len(ids),
        d_model=HIDDEN,
        encoder_layers=2,
        encoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_layers=2,
        decoder_attention_heads=2,
        decoder_ffn_dim=32,
        max_source_positions=WHISPER_S * 50,
        pad_token_id=ids["<|endoftext|>"],
        bos_token_id=ids["<|endoftext|>"],
        eos_token_id=ids["<|endoftext|>"],
        decoder_start_token_id=ids["<|startoftranscript|>"],
    )
    model: Any = WhisperForConditionalGeneration(config)
    with torch.no_grad():
        model.model.decoder.embed_tokens.weight.normal_()  # so that one token is likelier
        model.model.decoder.embed_positions.weight.normal_()  # and another one after it
        for layer in model.model.decoder.layers:  # and what is heard matters
            layer.encoder_attn.q_proj.weight.mul_(40)
            layer.encoder_attn.k_proj.weight.mul_(40)
            layer.encoder_attn.v_proj.weight.mul_(10)
            layer.encoder_attn.out_proj.weight.mul_(60)
    told = model.generation_config
    told.suppress_tokens = [ids["!"], ids["#"], *range(ids["<|startoftranscript|>"], len(ids))]
    told.begin_suppress_tokens = [ids["\N{LATIN CAPITAL LETTER G WITH DOT ABOVE}"], ids["?"]]
    if multilingual:
        told.lang_to_id = {name: ids[name] for name in ("<|en|>", "<|de|>", "<|fr|>")}
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder
