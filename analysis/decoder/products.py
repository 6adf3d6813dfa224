"""Products of unit rows in float32, bfloat16 or int8, and how far rounding can move them.

Let unit rows x and y be rounded to x + e and y + f. A float32 or bfloat16 product is then off by at
most |e| + |f| plus a term of second order (Cauchy-Schwarz), plus the rounding of the product
itself. Some processors multiply bfloat16 twice as fast as float32, and int8 twice as fast again.
The same bound would be useless for int8. For int8 the errors are taken to be independent, and six
of their standard deviations to be enough (of normal errors, two in 10^9 are larger), so an int8
search is exact only with high probability and its recall should be measured.
"""

import math
import time
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from analysis.runtime.arrays import Float32s

ROUNDING = 2e-6
"""Larger than the error of any float32 product of two unit vectors."""

INT8_STANDARD_DEVIATIONS = 6
"""Largest error of an int8 product that is allowed for, in standard deviations."""

TRIALS = 8
"""Products that are timed. Other work slows some of them down, so the fastest counts."""

LONGEST_TRIALS = 0.3
"""Seconds after which no further product is timed: such a type is slow in any case."""

BLOCK = 2_048
"""Rows that are rounded or multiplied at once."""

RESULT = {torch.float32: torch.float32, torch.bfloat16: torch.bfloat16, torch.int8: torch.int32}
"""Type of a product of two rows of each type."""


@dataclass(frozen=True)
class RoundedRows:
    """Unit rows in another number type."""

    rows: torch.Tensor
    """[n, d]"""
    step: float
    """Value of 1 in that type: `rows * step` approximates the unit rows."""
    error: Float32s
    """float32 [n, 1], largest error of a product of each row, before the product is rounded."""


def rounded_rows(unit: torch.Tensor, dtype: torch.dtype) -> RoundedRows:
    """Unit rows float32 [n, d] rounded to `dtype`; in float32 the same memory."""
    if dtype == torch.float32:
        return RoundedRows(unit, 1.0, np.full((len(unit), 1), ROUNDING, dtype=np.float32))
    step = float(unit.abs().max()) / 127 if dtype == torch.int8 else 1.0
    rows = torch.empty(unit.shape, dtype=dtype)
    error = torch.empty(len(unit))
    for i in range(0, len(unit), BLOCK):
        block = unit[i : i + BLOCK]
        scaled = block if dtype != torch.int8 else (block / step).round()
        rows[i : i + len(block)] = scaled.to(dtype)
        lost = block - step * rows[i : i + len(block)].float()
        error[i : i + len(block)] = torch.linalg.vector_norm(lost, dim=1)
    if dtype == torch.int8:
        # An error vector of this length in a random direction of d dimensions has a component of
        # length / sqrt(d) along any unit vector, on average.
        error *= INT8_STANDARD_DEVIATIONS / math.sqrt(unit.shape[1])
        return RoundedRows(rows, step, (error**2 + error.max() ** 2).sqrt().numpy()[:, None])
    return RoundedRows(rows, step, (error + error.max() + ROUNDING).numpy()[:, None])


def products(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """Products [m, c] of the rows of left [m, d] and right [c, d], written to the start of `out`.

    `out` is flat, has the type that `RESULT` gives, and holds at least m x c numbers.
    """
    result = out[: len(left) * len(right)].view(len(left), len(right))
    if left.dtype == torch.int8:
        return int8_products(left, right, result)
    return torch.mm(left, right.T, out=result)


def int8_products(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """Products int32 [m, c] of the int8 rows of left [m, d] and right [c, d], written to `out`.

    torch multiplies int8 matrices only in a private function. Without it, the product is computed
    in float64, which is exact for d up to 10^11 but much slower: `is_int8_fast` is then False.
    """
    private_product = getattr(torch, "_int_mm", None)
    if private_product is not None:
        private_product(left, right.T, out=out)
        return out
    return out.copy_(left.double() @ right.double().T)


def fastest_exact_dtype(width: int) -> torch.dtype:
    """The type with a proven error bound that this processor multiplies fastest."""
    return min((torch.float32, torch.bfloat16), key=lambda dtype: _seconds(dtype, width))


def is_int8_fast(width: int) -> bool:
    """Whether this processor multiplies int8 faster than float32; some have no instruction for it.

    `width` is the number of columns of the matrices.
    """
    if not hasattr(torch, "_int_mm"):
        return False
    return _seconds(torch.int8, width) < _seconds(torch.float32, width)


def seconds_of_pair(dtype: torch.dtype, width: int) -> float:
    """Seconds for each pair in a product of two blocks of rows of that width."""
    return _seconds(dtype, width, BLOCK) / BLOCK**2


@cache
def _seconds(dtype: torch.dtype, width: int, rows: int = 512) -> float:
    """Seconds of a product of two blocks of rows of that width, the fastest of several."""
    block = torch.ones((rows, width), dtype=dtype)
    out = torch.empty(rows * rows, dtype=RESULT[dtype])
    # The first product of a type also compiles its kernel, for seconds on a busy machine.
    products(block, block, out)
    seconds: list[float] = []
    while len(seconds) < TRIALS and sum(seconds) < LONGEST_TRIALS:
        started = time.perf_counter()
        products(block, block, out)
        seconds.append(time.perf_counter() - started)
    return min(seconds)
