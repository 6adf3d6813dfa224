"""Sums over dense activations, computed where these are, so that only numbers leave a GPU."""

from typing import NamedTuple

import numpy as np
import torch

from analysis.harvest.shards import VarianceSums
from analysis.runtime.arrays import Floats


class InputSums(NamedTuple):
    """Sums over the inputs [n, d_in] of an SAE, in float64."""

    squares: float
    columns: Floats
    """[d_in]."""


def square_sum(x: torch.Tensor, *, on_cpu: bool) -> float:
    """Sum of the squares of x [n, d], in float64.

    numpy adds in another order than torch. On the CPU it is kept, so that results keep their bytes.
    """
    if on_cpu:
        return float(np.square(_wide(x)).sum())
    return float(_double(x).square().sum().item())


def input_sums(x: torch.Tensor, *, on_cpu: bool) -> InputSums:
    """The sums over the inputs x [n, d_in]."""
    if on_cpu:
        wide = _wide(x)
        return InputSums(float(np.square(wide).sum()), wide.sum(axis=0))
    columns = _double(x).sum(dim=0)
    return InputSums(square_sum(x, on_cpu=False), columns.cpu().numpy().astype(np.float64))


def variance_sums(x: torch.Tensor, residual: float, *, on_cpu: bool) -> VarianceSums:
    """What the explained variance of inputs x [n, d_in] needs; `residual` is the squared error."""
    sums = input_sums(x, on_cpu=on_cpu)
    return VarianceSums.of(len(x), residual, sums.squares, sums.columns)


def _wide(x: torch.Tensor) -> Floats:
    return x.numpy().astype(np.float64)


def _double(x: torch.Tensor) -> torch.Tensor:
    return x.float() if x.device.type == "mps" else x.double()  # Apple GPUs have no float64
