"""What some latents have in common, against the rest: words, partners, clusters, density.

Works on any mask of latents, such as that of a selection. Terms and partners are those of an even
sample if there are many latents (`enrichment.py`); the other parts count all of them.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.cooccurrence.ranking import ranked_partners
from analysis.labels.corpus_terms import CorpusTerms
from analysis.labels.enrichment import (
    SampledLatents,
    enriched_label_words,
    enriched_terms,
    sampled_latents,
)
from analysis.labels.group_lift import GroupLift, group_lifts
from analysis.latents.flags import is_live
from analysis.runtime.arrays import Bools, Floats, Ints

PARTNERS = 20
"""Strongest partners of each latent that count."""
MEASURE = "phi"
KEPT = 50
"""Partners and clusters that are kept."""


@dataclass(frozen=True)
class SelectionProfile:
    """What the latents of a mask have in common."""

    sample: SampledLatents
    documents: int
    """Documents whose terms were read."""
    terms: pa.Table
    """As `enriched_terms` returns them."""
    label_words: pa.Table
    """As `enriched_label_words` returns them."""
    partners: pa.Table
    """partner, label, latents (sampled ones that have it among their strongest), share, share_rest,
    phi (mean over these latents); live partners outside of the mask, most latents first."""
    clusters: pa.Table
    """cluster, label, space, level, size, shared, overlap (Jaccard); largest overlap first."""
    density: float
    """Median over the active latents of the mask; NaN without one."""
    density_rest: float
    """Median over the other active latents."""
    flags: dict[str, int]
    """Latents of the mask with each flag."""
    lift: GroupLift
    """How well the other sampled latents predict one of them, on held-out documents."""
    lift_rest: GroupLift
    """The same for as many latents of the rest: a group with nothing in common."""


def selection_profile(bundle: Bundle, mask: Bools, corpus: CorpusTerms) -> SelectionProfile:
    """Describe the latents of the mask [F] against the rest."""
    latents = bundle.latents
    sample = sampled_latents(bundle.activations, mask)
    active = latents["active_tokens"].to_numpy() > 0
    density = latents["density"].to_numpy()
    flags = latents["flag"].cast("string").to_numpy(zero_copy_only=False)
    names, counts = np.unique(flags[mask], return_counts=True)
    lift, lift_rest = group_lifts(bundle, sample, corpus)
    return SelectionProfile(
        sample=sample,
        documents=corpus.documents,
        terms=enriched_terms(bundle.activations, sample, corpus),
        label_words=enriched_label_words(latents["label"].to_pylist(), mask, active),
        partners=_shared_partners(bundle, sample, mask | ~is_live(latents)),
        clusters=_overlapping_clusters(bundle, mask),
        density=_median(density[mask & active]),
        density_rest=_median(density[~mask & active]),
        flags=dict(zip(names.tolist(), counts.tolist(), strict=True)),
        lift=lift,
        lift_rest=lift_rest,
    )


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _shared_partners(bundle: Bundle, sample: SampledLatents, left_out: Bools) -> pa.Table:
    """The partners not `left_out` [F] that most of the selected latents have."""
    counts, strength = _partner_counts(bundle, sample.selected, left_out)
    counts_rest, _ = _partner_counts(bundle, sample.rest, left_out)
    shared = np.flatnonzero(counts)
    best = shared[np.lexsort((shared, -strength[shared], -counts[shared]))][:KEPT]
    return pa.table(
        {
            "partner": best.astype(np.int32),
            "label": bundle.latents["label"].take(pa.array(best)),
            "latents": counts[best],
            "share": counts[best] / max(len(sample.selected), 1),
            "share_rest": counts_rest[best] / max(len(sample.rest), 1),
            "phi": strength[best] / counts[best],
        }
    )


def _partner_counts(bundle: Bundle, latents: Ints, left_out: Bools) -> tuple[Ints, Floats]:
    """How many of the latents [n] have each latent among their strongest partners, and sum of phi.

    Both are [F], 0 for latents that are `left_out` [F].
    """
    rows = ranked_partners(bundle, latents, MEASURE, most=PARTNERS)
    partner, strength = rows["partner"].to_numpy(), rows[MEASURE].to_numpy()
    counted = ~left_out[partner]
    counts = np.bincount(partner[counted], minlength=len(left_out))
    sums = np.bincount(partner[counted], strength[counted], minlength=len(left_out))
    return counts, sums.astype(np.float64)


def _overlapping_clusters(bundle: Bundle, mask: Bools) -> pa.Table:
    """The clusters that overlap most with the mask [F]."""
    memberships, clusters = bundle.memberships, bundle.clusters
    inside = mask[memberships["latent"].to_numpy()]
    shared = np.bincount(memberships["cluster"].to_numpy()[inside], minlength=clusters.num_rows)
    size = clusters["size"].to_numpy()
    overlap = shared / np.maximum(size + int(mask.sum()) - shared, 1)
    order = np.lexsort((np.arange(len(size)), -overlap))[: min(KEPT, int((shared > 0).sum()))]
    rows = clusters.select(["cluster", "label", "space", "level", "size"]).take(pa.array(order))
    rows = rows.append_column("shared", pa.array(shared[order]))
    rows = rows.append_column("overlap", pa.array(overlap[order]))
    return rows.set_column(2, "space", pc.cast(rows["space"], pa.string()))
