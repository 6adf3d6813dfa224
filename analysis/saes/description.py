"""What an SAE is, in a few numbers and sentences: for `inspect` and the bundle's manifest."""

import torch
from pydantic import BaseModel, ConfigDict

from analysis.saes.sparse_autoencoder import SparseAutoencoder

NORM_QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)


class SaeSummary(BaseModel):
    """The description of one SAE; widths in values, norms in units of the model's activations."""

    model_config = ConfigDict(frozen=True)

    format: str
    architecture: str
    d_in: int
    d_sae: int
    d_out: int
    k: int | None
    """Latents kept per token; None where a threshold or ReLU decides."""
    advertised_l0: float | None
    """Active latents per token that the file promises, to hold the measured L0 against."""
    hook_point: str | None
    hook_point_out: str | None
    model_name: str | None
    normalisation: str
    """What is done to each token at run time."""
    centre_input: bool
    applies_b_dec_to_input: bool
    has_skip: bool
    decoder_norms: dict[str, float]
    """Minimum, 5 %, median, 95 % and maximum of the decoder vectors' Euclidean norms."""
    content_hash: str
    notes: list[str]
    """What was folded or assumed on reading."""


def describe(sae: SparseAutoencoder) -> SaeSummary:
    """The summary of an SAE. Reads every weight once, for the content hash."""
    norms = sae.decoder_norms().double()
    # torch.quantile refuses more than 2^24 values, so sort once and take the places.
    ordered = norms.sort().values
    places = [round(q * (len(ordered) - 1)) for q in NORM_QUANTILES]
    names = ("min", "p05", "median", "p95", "max")
    quantiles = ordered[torch.tensor(places)].tolist()
    return SaeSummary(
        format=sae.format,
        architecture=sae.architecture,
        d_in=sae.d_in,
        d_sae=sae.d_sae,
        d_out=sae.d_out,
        k=sae.k,
        advertised_l0=sae.advertised_l0,
        hook_point=sae.hook_point,
        hook_point_out=sae.hook_point_out,
        model_name=sae.model_name,
        normalisation=sae.normalisation,
        centre_input=sae.centre_input,
        applies_b_dec_to_input=sae.applies_b_dec_to_input,
        has_skip=sae.W_skip is not None,
        decoder_norms=dict(zip(names, quantiles, strict=True)),
        content_hash=sae.content_hash,
        notes=list(sae.notes),
    )
