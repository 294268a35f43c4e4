"""The families of models that people use: each as a toy with all that sets it apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.generate.toys import Toy

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Family:
    """A toy, and with which of its special tokens a turn ends or does not."""

    toy: Toy
    ends: tuple[str, ...]
    goes_on: tuple[str, ...]


def template(name: str) -> str:
    """A published chat template."""
    return (TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8")


def _family(toy: Toy, *, goes_on: tuple[str, ...]) -> Family:
    ends = tuple(token for token in toy.specials if token not in goes_on)
    return Family(toy, ends, goes_on)


FAMILIES = {
    "llama-3.2": _family(
        Toy(
            "llama",
            tied=True,
            rope_factors=True,
            template=template("llama-3.2"),
            specials=(
                "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>",
                "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>",
            ),
            bos="<|begin_of_text|>",
            eos="<|eot_id|>",
            eot="<|eot_id|>",
            eom="<|eom_id|>",
            add_bos=True,
        ),
        goes_on=("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>"),
    ),
    "gemma-2": _family(
        Toy(
            "gemma2",
            key_length=32,
            template=template("gemma-2"),
            sentencepiece=True,
            specials=("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"),
            bos="<bos>",
            eos="<eos>",
            eot="<end_of_turn>",
            add_bos=True,
        ),
        goes_on=("<pad>", "<bos>", "<start_of_turn>"),
    ),
    "gemma-3": _family(
        Toy(
            "gemma3",
            key_length=32,
            n_head_kv=1,
            n_layer=6,  # the sixth looks at everything
            template=template("gemma-3"),
            sentencepiece=True,
            specials=("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"),
            bos="<bos>",
            eos="<eos>",
            eot="<end_of_turn>",
            add_bos=True,
        ),
        goes_on=("<pad>", "<bos>", "<start_of_turn>"),
    ),
    "phi-3.5": _family(
        Toy(
            "phi3",
            n_head_kv=4,
            original_ctx=256,
            template=template("phi-3.5"),
            sentencepiece=True,
            specials=(
                "<s>", "</s>", "<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>",
                "<|user|>",
            ),
            bos="<s>",
            eos="<|endoftext|>",
        ),
        goes_on=("<s>", "<|assistant|>", "<|system|>", "<|user|>"),
    ),
    "stablelm-2": _family(
        Toy(
            "stablelm",
            n_head_kv=4,
            template=template("stablelm-2"),
            pre="stablelm2",
            eos="<|endoftext|>",
        ),
        goes_on=("<|im_start|>",),
    ),
    "stablelm-2-12b": _family(
        Toy("stablelm", parallel=True, template=template("stablelm-2-chat"), pre="stablelm2"),
        goes_on=("<|im_start|>",),
    ),
    "qwen-2.5": _family(
        Toy("qwen2", tied=True, template=template("qwen-2.5"), pre="qwen2"),
        goes_on=("<|im_start|>",),
    ),
    "qwen-3": _family(
        Toy("qwen3", key_length=32, tied=True, template=template("qwen-3"), pre="qwen2"),
        goes_on=("<|im_start|>",),
    ),
    "granite-3.3": _family(
        Toy(
            "granite",
            tied=True,
            template=template("granite-3.3"),
            pre="refact",
            specials=("<|end_of_text|>", "<|start_of_role|>", "<|end_of_role|>", "<|tool_call|>"),
            bos="<|end_of_text|>",
            eos="<|end_of_text|>",
        ),
        goes_on=("<|start_of_role|>", "<|end_of_role|>", "<|tool_call|>"),
    ),
    "smollm-2": _family(
        Toy(
            "llama",
            tied=True,
            template=template("smollm-2"),
            pre="smollm",
            bos="<|im_start|>",
        ),
        goes_on=("<|im_start|>",),
    ),
    "lfm-2": _family(
        Toy(
            "lfm2",
            template=template("lfm-2"),
            pre="lfm2",
            specials=("<|pad|>", "<|startoftext|>", "<|endoftext|>", "<|im_start|>", "<|im_end|>"),
            bos="<|startoftext|>",
            add_bos=True,
        ),
        goes_on=("<|pad|>", "<|startoftext|>", "<|im_start|>"),
    ),
}  # fmt: skip
