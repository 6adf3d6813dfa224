"""Read a saved SAE of any known format into one `SparseAutoencoder`.

This package imports torch: the commands `build`, `inspect` and `convert` import it, pages do not.
"""

from dataclasses import replace
from pathlib import Path

import torch

from analysis.runtime.errors import InputError
from analysis.saes.description import describe
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
    """The SAE saved at `path`: a folder, a weights file, `org/repo:folder@revision`, `release:id`.

    `overrides` replace settings of the file. `allow_pickle` also opens PyTorch's .pt files, after
    inspection and with `weights_only=True`. Raises InputError if anything is missing, damaged,
    hostile or contradictory.
    """
    if dtype not in DTYPES:
        raise InputError(f"{path}: an SAE cannot be read as {dtype}; give torch.float32.")
    given = overrides or Overrides()
    located = locate_sae(path)
    saved = open_saved(located.path, allow_pickle=allow_pickle).overridden(located.overrides)
    sae = format_of(saved, given.format).read(saved, Options(dtype, given.transpose))
    if "advertised_l0" in located.overrides:
        l0 = located.overrides["advertised_l0"]
        sae = replace(sae, metadata={**sae.metadata, "advertised_l0": l0})
    return given.applied(sae)
