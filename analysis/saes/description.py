"""The description of one SAE: what `inspect` prints, a bundle stores and the pages show.

The words for the quantiles of the norms are in `console.py` and `pages/widgets/provenance.py`.
"""

import re
import textwrap

import torch

from analysis.bundle import SaeSource
from analysis.saes.sparse_autoencoder import SparseAutoencoder

_ID = re.compile(r"[A-Za-z0-9._-]{1,80}/[A-Za-z0-9._-]{1,80}")
NORM_QUANTILES = {"min": 0.0, "p05": 0.05, "median": 0.5, "p95": 0.95, "max": 1.0}


def describe(
    sae: SparseAutoencoder,
    name: str,
    *,
    hook_point: str | None = None,
    hook_module: str | None = None,
) -> SaeSource:
    """Describe an SAE. Reads every weight, for the hashes.

    `hook_point` replaces the hook point that the file states; `hook_module` is its Hugging Face
    module.
    """
    return SaeSource(
        name=name,
        format=sae.format,
        architecture=sae.architecture,
        d_in=sae.d_in,
        d_sae=sae.d_sae,
        d_out=sae.d_out,
        hook_point=hook_point or sae.hook_point,
        hook_module=hook_module,
        k=sae.k,
        normalisation=sae.normalisation,
        applies_b_dec_to_input=sae.applies_b_dec_to_input,
        notes=list(sae.notes),
        content_hash=sae.content_hash,
        centre_input=sae.centre_input,
        has_skip=sae.W_skip is not None,
        hook_point_out=sae.hook_point_out,
        advertised_l0=sae.advertised_l0,
        decoder_norms=decoder_norm_quantiles(sae),
        decoder_hash=sae.decoder_hash,
        neuronpedia_id=_neuronpedia_id(sae),
        trained_on=_trained_on(sae),
    )


def _neuronpedia_id(sae: SparseAutoencoder) -> str | None:
    """The id that the file states, such as gpt2-small/8-res-jb; None if it is not of this form."""
    stated = sae.metadata.get("neuronpedia_id")
    return stated if isinstance(stated, str) and _ID.fullmatch(stated) else None


def _trained_on(sae: SparseAutoencoder) -> str | None:
    """The training text that the file names, on one line and cut to 200 characters."""
    for key in ("dataset", "dataset_path"):
        stated = sae.metadata.get(key)
        if isinstance(stated, str) and stated.strip():
            return textwrap.shorten(stated, 200, placeholder=" …")
    return None


def decoder_norm_quantiles(sae: SparseAutoencoder) -> dict[str, float]:
    """Quantiles of the decoder vectors' Euclidean norms, each the norm of an existing vector."""
    # torch.quantile accepts at most 2^24 values, so the norms are sorted once instead.
    ordered = sae.decoder_norms().double().sort().values
    ranks = [round(q * (len(ordered) - 1)) for q in NORM_QUANTILES.values()]
    return dict(zip(NORM_QUANTILES, ordered[torch.tensor(ranks)].tolist(), strict=True))
