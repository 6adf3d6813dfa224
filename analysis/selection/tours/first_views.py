"""The latent and the pair with which a page opens as long as the reader has not chosen one.

A latent is scored by F1 of its label, from precision and recall on held-out words. Live latents
count whose label has a word and no part of one, since such a page explains itself.
"""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.bundle.kept_for_bundle import kept_for_bundle
from analysis.cooccurrence.ranking import ranked_partners
from analysis.latents.flags import is_live
from analysis.runtime.arrays import Floats
from analysis.runtime.errors import InputError
from analysis.selection.tours.tour import Tour, read_tours

LEAST_WORDS = 20
"""Held-out words on which a latent fires, so that its score is based on more than a few."""
LEAST_F1 = 0.4
"""Of the label of the second latent of a pair."""
SCREENED = 1000
"""Latents with the best scores whose labels are read."""
CANDIDATES = 50
"""Latents whose partners are read."""
PARTNERS = 10
"""Strongest partners that are read of each."""
_WORD = re.compile(r"[^\W\d_]{2}")


@kept_for_bundle
def first_latent(bundle: Bundle) -> int | None:
    """The latent of the first tour to the Latent page, else the one with the best label, if any."""
    named = [tour.query.get("latent", "") for tour in _tours(bundle) if tour.page == "latent"]
    known = [int(text) for text in named if text.isdecimal()]
    known = [latent for latent in known if latent < bundle.latents.num_rows]
    return next(iter([*known, *_best(bundle, _scores(bundle))]), None)


@kept_for_bundle
def first_pair(bundle: Bundle) -> tuple[int, int] | None:
    """The pair with the largest phi of a latent with one of the best labels and another label."""
    scores = _scores(bundle)
    best = _best(bundle, scores)[:CANDIDATES]
    pairs = ranked_partners(bundle, np.array(sorted(best), dtype=np.int64), "phi", most=PARTNERS)
    strongest = pairs.sort_by([("phi", "descending"), ("latent", "ascending")])
    for a, b in zip(strongest["latent"].to_pylist(), strongest["partner"].to_pylist(), strict=True):
        one, other = (bundle.latents["label"][latent].as_py() for latent in (a, b))
        if scores[b] >= LEAST_F1 and reads_well(other) and one.casefold() != other.casefold():
            return a, b
    return None


def reads_well(label: str) -> bool:
    """Whether a label has a word, and no part of one, such as "…ing"."""
    return bool(_WORD.search(label)) and "…" not in label


def _tours(bundle: Bundle) -> list[Tour]:
    try:
        return read_tours(bundle).tours
    except InputError:  # the Overview shows it
        return []


def _best(bundle: Bundle, scores: Floats) -> list[int]:
    """Latents whose label has a score and reads well, the best first."""
    order = np.argsort(-scores, kind="stable")[:SCREENED]
    order = order[scores[order] > 0]
    labels = bundle.latents["label"].take(pa.array(order)).to_pylist()
    return [int(i) for i, label in zip(order, labels, strict=True) if reads_well(label)]


def _scores(bundle: Bundle) -> Floats:
    """F1 of the label of each latent [n_latents]; 0 without a score, and of flagged latents."""
    precision, recall, words = (
        pc.fill_null(bundle.latents[name], 0).to_numpy().astype(np.float64)
        for name in ("label_precision", "label_recall", "label_contexts")
    )
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros(len(total)), where=total > 0)
    return np.where(is_live(bundle.latents) & (words >= LEAST_WORDS), f1, 0.0)
