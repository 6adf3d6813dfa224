"""Read a saved SAE in any supported format into a `SparseAutoencoder`.

This package imports torch. The commands `build`, `inspect` and `convert` import it; pages do not.
"""

from dataclasses import replace
from pathlib import Path

import torch

from analysis.runtime.errors import InputError
from analysis.saes.description import describe
from analysis.saes.finite import check_assembled
from analysis.saes.locate import locate_sae
from analysis.saes.overrides import Overrides
from analysis.saes.registry import FORMATS, format_of
from analysis.saes.saved import Options, open_saved
from analysis.saes.sparse_autoencoder import SparseAutoencoder

__all__ = ["FORMATS", "Overrides", "SparseAutoencoder", "describe", "load_sae"]

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


def load_sae(
    path: str | Path,
    overrides: Overrides | None = None,
    *,
    dtype: torch.dtype = torch.float32,
    allow_pickle: bool = False,
) -> SparseAutoencoder:
    """Load the SAE at `path`: a folder, weights file, `org/repo:folder@revision` or `release:id`.

    `overrides` replaces settings of the file. `allow_pickle` also opens PyTorch's .pt files, after
    inspection and with `weights_only=True`. Raises InputError if anything is missing, damaged,
    hostile or contradictory.
    """
    if dtype not in DTYPES:
        raise InputError(f"{path}: an SAE cannot be read as {dtype}; give torch.float32.")
    settings = overrides or Overrides()
    located = locate_sae(path)
    saved = open_saved(located.path, allow_pickle=allow_pickle).overridden(located.overrides)
    sae = format_of(saved, settings.format).read(saved, Options(dtype, settings.transpose))
    if "advertised_l0" in located.overrides:
        l0 = located.overrides["advertised_l0"]
        sae = replace(sae, metadata={**sae.metadata, "advertised_l0": l0})
    sae = settings.applied(sae)
    check_assembled(sae, saved.weights)
    return sae
