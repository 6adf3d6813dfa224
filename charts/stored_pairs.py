"""The stored pairs of a bundle, kept so that those of any selection are quickly listed and counted.

Most stored pairs of a large SAE are too rare to be ranked. A selection needs only their number, so
only their ends are kept, in the smallest type: 7 bytes a pair at 65,536 latents. A million latents
have too many rare pairs for that; then only the others are kept, and rare ones are not counted.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.latents.flags import is_flagged
from analysis.runtime.arrays import Bools, Int32s, Ints
from charts.core.cache import LIMIT, cached, nbytes_of

MOST_ROWS = 8_000_000
"""Of the partners table; of a larger one rare pairs are not kept."""
SHARE = 2
"""Pairs that take more than 1 / SHARE of the cache are not kept: they would drop the figures."""


class Ends(NamedTuple):
    """Pairs of latents [n], each once, in the order of their ids."""

    a: npt.NDArray[np.unsignedinteger[Any]]
    """The smaller id."""
    b: npt.NDArray[np.unsignedinteger[Any]]
    by_a: Bools
    """Whether b is stored among the partners of a."""
    by_b: Bools
    flagged: Bools
    """Whether one of the two is dense or ultralow."""

    def of(self, chosen: Bools, *, within: bool) -> Bools:
        """Which pairs [n] are stored for a latent in `chosen` [n_latents]; both, if `within`."""
        a, b = chosen[self.a], chosen[self.b]
        return a & b if within else (a & self.by_a) | (b & self.by_b)


class StoredPairs(NamedTuple):
    """The stored pairs of a bundle, each once."""

    often: Ends
    """Those with at least `minimum_joint` joint tokens."""
    rows: pa.Table
    """The columns of the partners table for `often`; `latent` is the smaller id."""
    rare: Ends | None
    """All others; None if they are too many."""


@cached
def stored_pairs(bundle: Bundle) -> StoredPairs | None:
    """The pairs of the partners table, in which one or both latents of a pair list the other.

    None if they are too many to be kept.
    """
    counts_rare = bundle.partners.rows <= MOST_ROWS
    often: list[pa.Table] = []
    rare: list[pa.Table] = []
    size = 0
    for rows in bundle.partners.pieces():
        is_often = pc.greater_equal(rows["joint_tokens"], bundle.manifest.parameters.minimum_joint)
        often.append(rows.filter(is_often))
        size += often[-1].nbytes
        if size > LIMIT:
            return None
        if counts_rare:
            rare.append(rows.filter(pc.invert(is_often)).select(["latent", "partner"]))
    flagged = is_flagged(bundle.latents)
    if not often:
        often = rare = [bundle.partners.all()]
    ends, kept = _each_once(pa.concat_tables(often).combine_chunks(), flagged)
    of_rare = _ends(*_pair_of(pa.concat_tables(rare)), flagged) if counts_rare else None
    pairs = StoredPairs(ends, kept, of_rare)
    return pairs if nbytes_of(pairs) <= LIMIT // SHARE else None


def _pair_of(rows: pa.Table) -> tuple[Int32s, Int32s]:
    return rows["latent"].to_numpy(), rows["partner"].to_numpy()


def _each_once(rows: pa.Table, flagged: Bools) -> tuple[Ends, pa.Table]:
    """The pairs of rows of the partners table, and a row of each with the smaller id first."""
    latent, partner = _pair_of(rows)
    ends = _ends(latent, partner, flagged)
    kept = rows.take(first_of_each(pair_ids(latent, partner, len(flagged))))
    for place, ids in enumerate((ends.a, ends.b)):
        kept = kept.set_column(place, kept.field(place), pa.array(ids, pa.int32()))
    return ends, kept


def _ends(latent: Int32s, partner: Int32s, flagged: Bools) -> Ends:
    """The pairs of rows [m] of the partners table."""
    size = len(flagged)
    both = np.sort(2 * pair_ids(latent, partner, size) + (latent > partner))
    ids = both >> 1
    differs = ids[1:] != ids[:-1]
    first, last = np.ones(len(ids), dtype=bool), np.ones(len(ids), dtype=bool)
    first[1:] = last[:-1] = differs
    small = np.min_scalar_type(max(size - 1, 0))
    a, b = (end.astype(small) for end in np.divmod(ids[first], size))
    by_a, by_b = both[first] % 2 == 0, both[last] % 2 == 1
    return Ends(a, b, by_a, by_b, flagged[a] | flagged[b])


def pair_ids(latent: Int32s, partner: Int32s, latents: int) -> Ints:
    """A number [n] for each pair, whichever of its latents comes first; they sort by their ids."""
    low, high = np.minimum(latent, partner).astype(np.int64), np.maximum(latent, partner)
    ids: Ints = low * latents + high
    return ids


def first_of_each(ids: Ints) -> Ints:
    """The place of the first of each different id [n], in the order of the ids, which are >= 0.

    For millions of ids, `numpy.unique` takes five times as long: it sorts places by their ids. Here
    id and place are one number as long as they fit into 63 bits.
    """
    bits = len(ids).bit_length()
    if int(ids.max(initial=0)).bit_length() + bits > 63:
        return np.unique(ids, return_index=True)[1]
    both = np.sort((ids << bits) | np.arange(len(ids)))
    ordered = both >> bits
    is_first = np.ones(len(ids), dtype=bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return both[is_first] & ((1 << bits) - 1)
