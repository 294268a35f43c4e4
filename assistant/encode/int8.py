"""Linear layers in int8: weights quantised per channel, activations dynamically."""

from __future__ import annotations

import warnings
from typing import Any, cast

import torch
from torch import Tensor, nn

from assistant.errors import EncoderError

_ops = cast("Any", torch.ops).quantized


class Int8Linear(nn.Module):
    """A linear layer whose weights are int8 with one scale per output, and whose bias is float.

    Convolutions stay float: they are a tenth of the weights, and their errors affect everything
    after them.

    Args:
        linear: the layer in float32; its weights are no longer needed afterwards.

    Raises:
        EncoderError: if this build of torch does not support int8.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        with torch.inference_mode():
            weight = linear.weight.detach()
            scales = weight.abs().amax(dim=1).clamp(min=1e-8) / 127
            zeros = torch.zeros(len(scales), dtype=torch.int64)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # that another package will replace this one
                    whole = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
                self._packed = _ops.linear_prepack(whole, linear.bias)
            except (RuntimeError, AttributeError) as error:
                first_line = str(error).partition("\n")[0].rstrip(".")
                raise EncoderError(
                    f"This build of torch does not support int8 ({first_line}). Set "
                    "encode.execution to 'float'."
                ) from None
        # without VNNI x86 adds two products in 16 bits, which 8 bits of activation overflow
        self._reduced = torch.backends.quantized.engine in ("x86", "fbgemm")

    def forward(self, given: Tensor) -> Tensor:
        """From (..., n_in) to (..., n_out)."""
        return _ops.linear_dynamic(given, self._packed, self._reduced)
