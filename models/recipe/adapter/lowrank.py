"""Low-rank matrices beside the frozen weights of a Llama, and the GGUF they are written to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import gguf
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModelForCausalLM, GgufConfig, LlamaForCausalLM

from assistant.generate.adapter import BASE, identity
from assistant.generate.gguf import GGUFFile

NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
"""What transformers and llama.cpp call the weights that are adapted."""


class LowRank(nn.Module):
    """A frozen linear layer and the product of two small matrices that is added to it."""

    def __init__(self, base: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Parameter(torch.empty(rank, base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)
        self.scale = alpha / rank

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) to (…, out)."""
        return self.base(x) + functional.linear(
            functional.linear(x, self.down), self.up * self.scale
        )


def adapted(
    base: Path, rank: int, alpha: float, dtype: torch.dtype = torch.bfloat16
) -> LlamaForCausalLM:
    """The model of a GGUF, frozen, with fresh low-rank matrices."""
    model: LlamaForCausalLM = AutoModelForCausalLM.from_pretrained(  # pyright: ignore[reportAssignmentType]
        base.parent,
        gguf_file=base.name,
        dtype=dtype,
        quantization_config=GgufConfig(dequantize=True),
    )
    model.requires_grad_(requires_grad=False)
    for layer in model.model.layers:
        for name in NAMES:
            room, _, last = name.partition(".")
            parent = getattr(layer, room)
            setattr(parent, last, LowRank(getattr(parent, last), rank, alpha))
    return model


def matrices(model: nn.Module) -> dict[str, Tensor]:
    """The trained matrices by their names in the model."""
    return {name: value for name, value in model.named_parameters() if value.requires_grad}


def start(model: LlamaForCausalLM, path: Path) -> None:
    """Go on with the matrices of an adapter that :func:`write` has written."""
    values = {tensor.name: tensor.data for tensor in gguf.GGUFReader(path).tensors}
    heads = _heads(model)
    with torch.no_grad():
        for index, layer in enumerate(model.model.layers):
            for ours, theirs in NAMES.items():
                module = _low_rank(layer, ours)
                name = f"blk.{index}.{theirs}.weight"
                up = values[f"{name}.lora_b"].astype(np.float32)
                if theirs in heads:
                    up = in_halves(up, heads[theirs])
                module.down.copy_(torch.from_numpy(values[f"{name}.lora_a"].astype(np.float32)))
                module.up.copy_(torch.from_numpy(np.ascontiguousarray(up)))


def write(path: Path, model: LlamaForCausalLM, base: Path, alpha: float) -> None:
    """Write the matrices as llama.cpp reads an adapter, for this base only."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    writer.add_string(BASE, identity(GGUFFile(base)))
    for name, values in _tensors(model):
        writer.add_tensor(name, values.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _tensors(model: LlamaForCausalLM) -> Iterator[tuple[str, NDArray[np.float32]]]:
    heads = _heads(model)
    for index, layer in enumerate(model.model.layers):
        for ours, theirs in NAMES.items():
            module = _low_rank(layer, ours)
            up = module.up.detach().float().numpy()
            if theirs in heads:
                up = interleaved(up, heads[theirs])
            yield f"blk.{index}.{theirs}.weight.lora_a", module.down.detach().float().numpy()
            yield f"blk.{index}.{theirs}.weight.lora_b", np.ascontiguousarray(up)


def _heads(model: LlamaForCausalLM) -> dict[str, int]:
    heads = model.config.num_attention_heads
    return {"attn_q": heads, "attn_k": model.config.num_key_value_heads or heads}


def _low_rank(layer: nn.Module, name: str) -> LowRank:
    return cast("LowRank", layer.get_submodule(name))


def interleaved(rows: NDArray[np.float32], n_heads: int) -> NDArray[np.float32]:
    """Rows of queries or keys, from transformers' rotary halves to llama.cpp's pairs."""
    halves = rows.reshape(n_heads, 2, -1, *rows.shape[1:])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def in_halves(rows: NDArray[np.float32], n_heads: int) -> NDArray[np.float32]:
    """The reverse of :func:`interleaved`."""
    pairs = rows.reshape(n_heads, -1, 2, *rows.shape[1:])
    return pairs.swapaxes(1, 2).reshape(rows.shape)
