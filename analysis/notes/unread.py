"""The latents that nobody has looked at, in the order in which to look at them."""

import numpy as np
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.bundle.kept_for_bundle import kept_for_bundle
from analysis.notes.noted_latents import NotedLatents
from analysis.runtime.arrays import Bools, Ints

NOT_READ = ("dead",)
"""Flags of latents that have nothing to look at."""


def unread(bundle: Bundle, noted: NotedLatents, mask: Bools) -> Ints:
    """Latents of a mask [n_latents] without note and vote, in reading order, then densest first.

    Dead latents are left out. In the reading order, the first latents cover most of the activation.
    """
    ordered = _reading_order(bundle)
    left = mask & ~noted.looked_at(len(mask))
    return ordered[left[ordered]]


@kept_for_bundle
def _reading_order(bundle: Bundle) -> Ints:
    """The latents that are not dead."""
    rows = bundle.latents.select(["latent", "reading_rank", "density"])
    flags = bundle.latents["flag"].cast("string").to_numpy(zero_copy_only=False)
    rows = rows.filter(~np.isin(flags, NOT_READ))
    keys = [("reading_rank", "ascending"), ("density", "descending"), ("latent", "ascending")]
    ordered: Ints = rows["latent"].take(pc.sort_indices(rows, keys)).to_numpy()
    return ordered


def next_unread(ids: Ints, current: int | None, chance: float | None = None) -> int | None:
    """The one to look at after `current`: the next one, or with `chance` in [0, 1) any other.

    After the last one comes the first. None if there is no other.
    """
    others = ids[ids != current] if current is not None else ids
    if not len(others):
        return None
    if chance is not None:
        return int(others[int(chance * len(others))])
    place = np.flatnonzero(ids == current) if current is not None else np.empty(0, np.int64)
    after = ids[place[0] + 1 :] if len(place) else others
    return int(after[0] if len(after) else others[0])
