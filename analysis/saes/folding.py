"""Scales that several formats apply at run time, folded into the weights instead."""

from dataclasses import replace
from math import sqrt

import torch
from torch import Tensor

from analysis.saes.sparse_autoencoder import SparseAutoencoder

SMALLEST_NORM = 1e-8
"""Smallest norm to divide by, for latents whose decoder vector is zero."""


def folded_decoder_norms(sae: SparseAutoencoder, note: str) -> SparseAutoencoder:
    """Scale decoder vectors to norm 1 without changing the output: activations are contributions.

    W_enc and b_enc are multiplied by each latent's norm. A threshold stays: the formats that scale
    by the norm compare it with the pre-activation after scaling.
    """
    dtype = sae.W_dec.dtype
    norms = divisible_norms(sae.W_dec)
    return sae.noting(
        note,
        W_enc=(sae.W_enc * norms).to(dtype),
        b_enc=(sae.b_enc * norms).to(dtype),
        W_dec=(sae.W_dec / norms[:, None]).to(dtype),
    )


def divisible_norms(W_dec: Tensor) -> Tensor:
    """Norms of the decoder vectors [d_sae], at least SMALLEST_NORM, in float32 or float64.

    Half precision cannot hold SMALLEST_NORM, and would divide by zero. A norm that overflows is
    NaN, so that what is divided by it is refused (`finite.py`) and not zero.
    """
    dtype = torch.promote_types(W_dec.dtype, torch.float32)
    norms = torch.linalg.vector_norm(W_dec, dim=1, dtype=dtype).clamp(min=SMALLEST_NORM)
    return norms.masked_fill(norms.isinf(), torch.nan)


def folded_mean_norm(
    sae: SparseAutoencoder, norm_in: float, norm_out: float, source: str
) -> SparseAutoencoder:
    """Convert an SAE that was trained on x·√d_in/norm_in into one for unscaled activations x.

    Its output has the scale √d_out/norm_out. `norm_in` and `norm_out` are mean activation norms
    over a data set; `source` names the file that stores them, for the note.
    """
    scaled = folded_scale(sae, sqrt(sae.d_in) / norm_in, sqrt(sae.d_out) / norm_out)
    return scaled.noting(
        f"The mean activation norm {norm_in:.6g} of {source} was folded into the weights."
    )


def folded_scale(sae: SparseAutoencoder, scale_in: float, scale_out: float) -> SparseAutoencoder:
    """Convert an SAE that reads x·scale_in and outputs y·scale_out into one for x and y.

    If b_dec is subtracted from the input, both scales must be equal.
    """
    return replace(
        sae,
        W_enc=sae.W_enc * scale_in,
        W_dec=sae.W_dec / scale_out,
        b_dec=sae.b_dec / scale_out,
        W_skip=None if sae.W_skip is None else sae.W_skip * (scale_in / scale_out),
    )


def signed_halves(sae: SparseAutoencoder) -> SparseAutoencoder:
    """A topk SAE whose latents have signs, as one of twice as many latents that have none.

    Latent i is the positive part of the stored latent i, latent d_sae + i its negative part, with
    the opposite decoder vector. The k largest of (h, -h) are the k largest of |h|, so that the
    output is the same (AbsTopK, https://arxiv.org/abs/2510.00404).
    """
    return sae.noting(
        f"Latents have signs: latent i is the positive part of the stored latent i, and latent "
        f"{sae.d_sae} + i its negative part.",
        W_enc=torch.cat([sae.W_enc, -sae.W_enc], dim=1),
        b_enc=torch.cat([sae.b_enc, -sae.b_enc]),
        W_dec=torch.cat([sae.W_dec, -sae.W_dec]),
    )
