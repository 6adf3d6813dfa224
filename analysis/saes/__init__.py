"""Read a saved SAE of any known format into one `SparseAutoencoder`.

Imports torch, so only `build`, `inspect` and `convert` import it; a page never does.
"""

from dataclasses import replace
from pathlib import Path

import torch

from analysis.runtime.errors import InputError
from analysis.saes import locate as sources
from analysis.saes.description import SaeSummary, describe
from analysis.saes.overrides import Overrides
from analysis.saes.registry import FORMATS, format_of
from analysis.saes.saved import Options, open_saved
from analysis.saes.sparse_autoencoder import SparseAutoencoder

__all__ = ["FORMATS", "Overrides", "SaeSummary", "SparseAutoencoder", "describe", "load_sae"]

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


def load_sae(
    path: str | Path,
    overrides: Overrides | None = None,
    *,
    dtype: torch.dtype = torch.float32,
    allow_pickle: bool = False,
) -> SparseAutoencoder:
    """The SAE saved at `path`: a folder, a weights file, `org/repo:folder@revision`, `release:id`.

    `overrides` replace what the file says. `allow_pickle` also opens PyTorch's .pt files, with
    `weights_only=True` and after inspection.

    Raises InputError, in one sentence, for anything missing, damaged, hostile or contradictory.
    """
    if dtype not in DTYPES:
        raise InputError(f"{path}: an SAE cannot be read as {dtype}; use float32.")
    given = overrides or Overrides()
    source = sources.find(path)
    saved = open_saved(source.path, allow_pickle=allow_pickle).overridden(source.overrides)
    sae = format_of(saved, given.format).read(saved, Options(dtype, given.transpose))
    if "advertised_l0" in source.overrides:
        said = {"advertised_l0": source.overrides["advertised_l0"]}
        sae = replace(sae, metadata={**sae.metadata, **said})
    return given.applied(sae)
