"""The latents that are active in a text of a reader, beside their activations in the corpus."""

from dataclasses import dataclass

import numpy as np

from analysis.bundle import Bundle
from analysis.harvest.own_text.encoded_text import EncodedText
from analysis.runtime.arrays import Float32s, Ints

MOST_LATENTS = 300
"""Latents whose rank is computed; every one needs its activations in the corpus."""
_LEAST_DENSITY = 1e-12
"""Instead of 0, which has no logarithm."""


@dataclass(frozen=True)
class LatentsOfText:
    """The latents of a text, those first that say most about it, see `latents_of_text`.

    All arrays are [latents].
    """

    latents: Ints
    activations: Float32s
    """The largest on the text."""
    places: Ints
    """The token with it, as an index; the first of equal ones."""
    active: Ints
    """Tokens of the text on which the latent is active."""
    ratios: Float32s
    """The activation divided by the latent's maximum in the corpus; NaN for a latent that is never
    active there."""
    ranks: Ints
    """1 + the activations in the corpus that are larger."""
    totals: Ints
    """Activations in the corpus: the N of the rank."""
    hidden: int
    """Dense latents of the text that are left out."""
    all_latents: int
    """Latents of the text, without hidden ones; more than listed if there are many."""


def latents_of_text(
    bundle: Bundle, encoded: EncodedText, *, shows_dense: bool = False
) -> LatentsOfText:
    """The latents that are active on an encoded text. Dense ones are counted, not listed.

    Their order is that of their ratio times -log(density). As in tf-idf, a latent that fires on
    most texts comes after a rare one that is as strong. Latents that are never active in the corpus
    come first, because the text is their first context.
    """
    latents, values, places, active = _largest(encoded)
    is_dense = bundle.latents["flag"].cast("string").to_numpy(zero_copy_only=False) == "dense"
    dense = is_dense[latents]
    kept = np.ones(len(latents), dtype=bool) if shows_dense else ~dense
    latents, values, places, active = (part[kept] for part in (latents, values, places, active))
    maxima = bundle.latents["max"].cast("double").to_numpy(zero_copy_only=False)[latents]
    ratios = np.full(len(latents), np.nan, dtype=np.float32)
    np.divide(values, maxima, out=ratios, where=maxima > 0, casting="unsafe")
    rarity = -np.log(np.maximum(bundle.latents["density"].to_numpy()[latents], _LEAST_DENSITY))
    weights = np.where(np.isnan(ratios), np.inf, ratios * rarity)
    order = np.lexsort((latents, -weights))[:MOST_LATENTS]
    latents, values = latents[order], values[order]
    ranks, totals = _ranks(bundle, latents, values)
    return LatentsOfText(
        latents=latents,
        activations=values,
        places=places[order],
        active=active[order],
        ratios=ratios[order],
        ranks=ranks,
        totals=totals,
        hidden=0 if shows_dense else int(dense.sum()),
        all_latents=int(kept.sum()),
    )


def _largest(encoded: EncodedText) -> tuple[Ints, Float32s, Ints, Ints]:
    """Each latent of the text, ascending, with its largest activation, its place, its tokens."""
    ids, values, tokens = encoded.latent_ids, encoded.values, encoded.token_places
    order = np.lexsort((tokens, -values, ids))
    latents, first, counts = np.unique(ids[order], return_index=True, return_counts=True)
    best = order[first]
    return latents, values[best], tokens[best], counts


def _ranks(bundle: Bundle, latents: Ints, values: Float32s) -> tuple[Ints, Ints]:
    """The rank of each activation [n] among those of its latent in the corpus, and how many."""
    ranks, totals = np.ones(len(latents), dtype=np.int64), np.zeros(len(latents), dtype=np.int64)
    place = {latent: i for i, latent in enumerate(latents.tolist())}
    for latent, _, activations in bundle.activations.each_of(np.sort(latents)):
        i = place[latent]
        ranks[i] = 1 + np.count_nonzero(activations > values[i])
        totals[i] = len(activations)
    return ranks, totals
