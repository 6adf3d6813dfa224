"""Multiply the 16-bit matrices of a model in float32 where the processor has no such products.

On a processor without instructions for them, torch multiplies 16-bit numbers one by one, which
takes eight times as long as float32. Either way the products are added in float32 and their sum is
rounded to 16 bits. Only the order of addition differs, which changes the last digit of one number
in some 7,000. The weights stay as they are in memory.
"""

import torch
from torch import nn
from torch.nn import functional

LEAST_ROWS = 16
"""For fewer rows, as when text is generated, converting the weights takes longer than it saves."""


def multiply_in_float32(model: nn.Module) -> None:
    """Let the linear layers of a model on this processor multiply in float32, if that is faster."""
    for module in model.modules():
        # accelerate, which moves weights between devices, sets a forward pass of its own.
        moved = "forward" in vars(module)
        if type(module) is nn.Linear and not moved and is_slow(module.weight):
            module.forward = _Product(module)  # type: ignore[assignment]


def is_slow(weight: torch.Tensor) -> bool:
    """Whether this processor multiplies a matrix of this type number by number."""
    if weight.device.type != "cpu":
        return False
    if weight.dtype == torch.bfloat16:
        return not torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return weight.dtype == torch.float16 and not torch.ops.mkldnn._is_mkldnn_fp16_supported()


class _Product:
    """The forward pass of a linear layer."""

    def __init__(self, layer: nn.Linear) -> None:
        self._layer = layer

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self._layer.weight, self._layer.bias
        if x.shape[:-1].numel() < LEAST_ROWS:
            return functional.linear(x, weight, bias)
        wide = None if bias is None else bias.float()
        return functional.linear(x.float(), weight.float(), wide).to(x.dtype)
