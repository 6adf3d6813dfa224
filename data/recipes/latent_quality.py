"""How good the latents of an SAE are, measured on a bundle of text that it was not trained on."""

from dataclasses import dataclass

import numpy as np

from analysis.bundle.open import Bundle
from analysis.labels.terms import token_terms
from analysis.runtime.arrays import Bools, Floats, Ints

STRONGEST = 20
FEW_WORDS = 2
GOOD_F1 = 0.5
BELIEVABLE = 0.5
"""Least stability and bootstrap agreement of a reproducible cluster, as in the dashboard."""


@dataclass(frozen=True)
class LatentQuality:
    """Numbers by which SAEs are compared; all latents with `STRONGEST` active tokens count."""

    tokens: int
    explained_variance: float | None
    l0: float
    measured: int
    """Latents with at least `STRONGEST` active tokens."""
    few_words: float
    """Share of them whose strongest active tokens are in at most `FEW_WORDS` different words."""
    named: float
    """Of the others, the share whose label has a held-out F1 of at least `GOOD_F1`."""
    label_f1: float
    """Their median held-out F1; a label without a score counts as 0."""
    label_precision: float
    label_lift: float
    """Median of the latents whose label has a score."""
    clusters: int
    believable: float
    """Share of the clusters of the finest level that are stable under seeds and resampling."""
    map_recall: float | None
    map_agreement: float | None


def latent_quality(bundle: Bundle) -> LatentQuality:
    """Measure the latents of a bundle."""
    words = distinct_words(bundle)
    measured = words > 0
    varied = words > FEW_WORDS
    latents = bundle.latents
    precision, recall = (
        _floats(latents[name].to_numpy(zero_copy_only=False))
        for name in ("label_precision", "label_recall")
    )
    lift = _floats(latents["label_lift"].to_numpy(zero_copy_only=False))
    f1 = label_f1(precision, recall)
    scored = measured & ~np.isnan(precision)
    clusters = bundle.clusters
    finest = clusters["level"].to_numpy() == 0
    weakest = np.minimum(clusters["stability"].to_numpy(), clusters["bootstrap"].to_numpy())
    check, quality = bundle.manifest.self_check, bundle.manifest.map
    return LatentQuality(
        tokens=bundle.manifest.tokens,
        explained_variance=check.explained_variance,
        l0=check.l0,
        measured=int(measured.sum()),
        few_words=_share(measured & ~varied, measured),
        named=_share(varied & (f1 >= GOOD_F1), varied),
        label_f1=_median(f1[varied]),
        label_precision=_median(precision[scored]),
        label_lift=_median(lift[scored]),
        clusters=int(finest.sum()),
        believable=_share(finest & (weakest >= BELIEVABLE), finest),
        map_recall=quality.knn_recall,
        map_agreement=quality.agreement,
    )


def distinct_words(bundle: Bundle) -> Ints:
    """Different words around the `STRONGEST` strongest active tokens of each latent [F].

    0 if a latent is active on fewer tokens. Words that differ only in case are the same.
    """
    word = token_terms(bundle.tokens).word
    counts = np.zeros(bundle.manifest.sae.d_sae, np.int64)
    for latent, rows, values in bundle.activations.each_of(np.arange(len(counts))):
        if len(rows) >= STRONGEST:
            strongest = rows[np.argsort(-values, kind="stable")[:STRONGEST]]
            counts[latent] = len(np.unique(word[strongest]))
    return counts


def label_f1(precision: Floats, recall: Floats) -> Floats:
    """Harmonic mean of precision and recall; 0 where either is missing or both are 0."""
    total = precision + recall
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, 2 * precision * recall / total, 0.0)


def _floats(values: np.ndarray) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _share(some: Bools, of: Bools) -> float:
    return float(some.sum() / of.sum()) if of.any() else float("nan")


def _median(values: Floats) -> float:
    return float(np.median(values)) if len(values) else float("nan")
