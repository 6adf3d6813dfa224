"""The pairs of the relations table, in a form that is fast to look up by either latent."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.bundle.kept_for_bundle import kept_for_bundle
from analysis.runtime.arrays import Int32s, Ints
from analysis.selection.grammar import RELATIONS


@dataclass(frozen=True)
class RelatedPairs:
    """Pairs of latents with a relation; 9 bytes each."""

    a: Int32s
    b: Int32s
    kinds: np.ndarray
    """[pairs] index into RELATIONS."""

    def ends(self, latent: int | None = None, kind: str | None = None) -> Ints:
        """Both latents of every pair of a kind in which the latent takes part; None for any."""
        chosen = np.ones(len(self.a), dtype=bool)
        if latent is not None:
            chosen &= (self.a == latent) | (self.b == latent)
        if kind is not None:
            chosen &= self.kinds == RELATIONS.index(kind)
        return np.concatenate([self.a[chosen], self.b[chosen]]).astype(np.int64)


@kept_for_bundle
def related_pairs(bundle: Bundle) -> RelatedPairs:
    """Read the pairs of a bundle."""
    a, b, kinds = [], [], []
    for rows in bundle.relations.pieces():
        a.append(rows["a"].to_numpy())
        b.append(rows["b"].to_numpy())
        words = rows["relation"].cast(pa.string())
        kinds.append(pc.index_in(words, pa.array(RELATIONS)).to_numpy().astype(np.int8))
    none = np.empty(0, dtype=np.int32)
    return RelatedPairs(
        np.concatenate([none, *a]), np.concatenate([none, *b]), np.concatenate([none, *kinds])
    )
