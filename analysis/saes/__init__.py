"""Read a saved SAE of any known format into one `SparseAutoencoder`.

Imports torch, so only `build`, `inspect` and `convert` import it; a page never does.
"""

from dataclasses import replace
from pathlib import Path

import torch

from analysis.errors import InputError
from analysis.saes import sources
from analysis.saes.description import SaeSummary, describe
from analysis.saes.registry import FORMATS, format_of
from analysis.saes.saved import Options, open_saved
from analysis.saes.sparse_autoencoder import SparseAutoencoder

__all__ = ["FORMATS", "SaeSummary", "SparseAutoencoder", "describe", "load_sae"]

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


def load_sae(
    path: str | Path,
    *,
    dtype: torch.dtype = torch.float32,
    format: str | None = None,  # noqa: A002  # the command line's own word
    transpose: bool | None = None,
    centre_input: bool | None = None,
    allow_pickle: bool = False,
) -> SparseAutoencoder:
    """The SAE saved at `path`: a folder, a weights file, `org/repo:folder@revision`, `release:id`.

    `format` overrides what the content says it is (a name of `FORMATS`), `transpose` the
    orientation of its two matrices, and `centre_input` whether each token's mean is removed first.
    `allow_pickle` also opens PyTorch's .pt files, with `weights_only=True` and after inspection.

    Raises InputError, in one sentence, for anything missing, damaged, hostile or contradictory.
    """
    if dtype not in DTYPES:
        raise InputError(f"{path}: an SAE cannot be read as {dtype}; use float32.")
    source = sources.find(path)
    saved = open_saved(source.path, allow_pickle=allow_pickle).overridden(source.overrides)
    chosen = format_of(saved, format)
    sae = chosen.read(saved, Options(dtype, transpose))
    if "advertised_l0" in source.overrides:
        said = {"advertised_l0": source.overrides["advertised_l0"]}
        sae = replace(sae, metadata={**sae.metadata, **said})
    if centre_input is None or centre_input == sae.centre_input:
        return sae
    note = f"Centring of the input was switched {'on' if centre_input else 'off'} by hand."
    return sae.noting(note, centre_input=centre_input)
