"""Check that every weight of an SAE is finite: as stored, and as computed from what is stored.

Scales, norms and transposes are applied after reading, so finite weights of a file can still
overflow or be divided by zero. `check_assembled` therefore looks at the finished SAE, in one pass
over each matrix: the Euclidean norm of a matrix is finite only if all of its values are, and then
the norm of each encoder and decoder vector is finite too.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from analysis.runtime.errors import InputError
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from analysis.saes.tensors import TensorFile

WITHIN_LATENT = {"W_enc": 0, "W_dec": 1}
"""The dimension along which the vector of a latent runs."""
CHECKED_AT_ONCE = 1 << 20
"""Values per block when values that are not finite are counted."""


def check_assembled(sae: SparseAutoencoder, file: TensorFile) -> None:
    """Refuse an SAE with a value or vector that is not finite in its dtype.

    The norms of encoder and decoder vectors must be finite in float32. Raises InputError, naming
    the file and the tensor: that of the file if it is not finite, otherwise the computed one.
    """
    for name, tensor in _weights(sae):
        if not _norm_is_finite(tensor):
            check_stored(file, tensor.dtype)
            check_computed(file, name, tensor)


def _weights(sae: SparseAutoencoder) -> Iterator[tuple[str, Tensor]]:
    """Every weight by name; a tied decoder is the encoder's memory and is listed once."""
    for name, tensor in sae.tensors():
        if name != "W_dec" or tensor.data_ptr() != sae.W_enc.data_ptr():
            yield name, tensor
    if sae.gate is not None:
        yield "exp(r_mag)", sae.gate.r_mag.exp()


def _norm_dtype(tensor: Tensor) -> torch.dtype:
    return torch.promote_types(tensor.dtype, torch.float32)


def _norm_is_finite(tensor: Tensor) -> bool:
    """Whether the norm over all values is finite in float32."""
    return bool(torch.linalg.vector_norm(tensor, dtype=_norm_dtype(tensor)).float().isfinite())


def check_computed(file: TensorFile, name: str, tensor: Tensor) -> None:
    """Refuse a weight of an SAE if a value, or the norm of a latent's vector, is not finite."""
    bad = count_not_finite(tensor)
    if bad:
        raise InputError(
            f"{file.path}: {name} has {bad:,} value{'s' * (bad > 1)} that "
            f"{'are' if bad > 1 else 'is'} NaN or infinite after its scales were applied "
            f"({_largest(file)}), so the weights or the scales are damaged; save or download them "
            "again."
        )
    if name not in WITHIN_LATENT:
        return
    within = WITHIN_LATENT[name]
    norms = torch.linalg.vector_norm(tensor, dim=within, dtype=_norm_dtype(tensor)).float()
    if not norms.isfinite().all():
        latent = int((~norms.isfinite()).nonzero()[0])
        raise InputError(
            f"{file.path}: the norm of latent {latent} in {name} is too large for float32 "
            f"({_largest(file)}), so the weights are damaged; save or download them again."
        )


def _largest(file: TensorFile) -> str:
    """The tensor of the file that has the largest value, for messages."""
    sizes = {
        name: float(file.load(name).abs().max())
        for name, info in file.tensors.items()
        if info.dtype[0] in "BF" and info.dtype != "BOOL" and 0 not in info.shape
    }
    name = max(sizes, key=lambda each: sizes[each])
    return f"the largest stored value is {sizes[name]:.3g} in {name[:80]!r}"


def check_stored(file: TensorFile, dtype: torch.dtype) -> None:
    """Refuse a file with a tensor of numbers that is not finite as `dtype`."""
    for name, info in file.tensors.items():
        if info.dtype[0] in "BF" and info.dtype != "BOOL":
            check_finite(file.path, name, file.load(name), dtype)


def check_finite(path: Path, name: str, tensor: Tensor, dtype: torch.dtype) -> None:
    """Refuse NaN, infinity, and values that would become infinite as `dtype`."""
    bad = count_not_finite(tensor, dtype)
    if bad:
        raise InputError(
            f"{path}: tensor {name[:80]!r} holds {bad:,} value{'s' * (bad > 1)} that "
            f"{'are' if bad > 1 else 'is'} NaN or infinite in {str(dtype).removeprefix('torch.')}, "
            "so the weights are damaged; save or download them again."
        )


def count_not_finite(tensor: Tensor, dtype: torch.dtype | None = None) -> int:
    """Number of values that are not finite as `dtype`, in blocks of at most CHECKED_AT_ONCE."""
    rows = max(1, CHECKED_AT_ONCE * len(tensor) // max(1, tensor.numel())) if tensor.ndim else 1
    blocks = torch.split(tensor, rows) if tensor.ndim else (tensor,)
    return sum(int((~block.to(dtype or block.dtype).isfinite()).sum()) for block in blocks)
