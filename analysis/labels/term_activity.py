"""How the activation of a cluster's members is spread over candidate terms, and over both halves of
the naming documents.

Each active token has some of the candidates, and these are the bits of its mask. The activation of
a cluster is kept as the share on each mask. Members count alike: the activation of each sums to 1.

All clusters are read in one pass. Memory: a block of activations, and the distinct masks of every
cluster, usually some hundreds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

from analysis.cooccurrence.incidence import ByLatent
from analysis.labels.descriptions import Readable
from analysis.labels.split import Split
from analysis.labels.terms import TokenTerms
from analysis.runtime.arrays import Floats, Int32s, Ints, UInt64s
from analysis.runtime.memory import MEMORY_BYTES

MOST_CANDIDATES = 64
"""Bits of a mask."""
_ROW_BYTES = 24
"""Bytes of one activation while it is read and decoded."""
_MASK_BYTES = 28
"""Bytes of a mask, its cluster and its activation in both halves."""
_SLOTS = 1 << 12
"""Slots of the hash table that joins the equal masks of one member."""


@dataclass(frozen=True)
class TermActivity:
    """The activation of the members of one cluster."""

    masks: UInt64s
    """uint64 [M], distinct; bit i is set for tokens with candidate i."""
    shares: Floats
    """float64 [2, M], the share of each mask in each half of the naming documents. A row sums to 1,
    or to 0 if the members are not active in that half."""


def term_activity(
    members: Sequence[Ints | Int32s],
    candidates: Int32s,
    activations: ByLatent,
    terms: TokenTerms,
    readable: Readable,
    split: Split,
    *,
    memory_bytes: int = MEMORY_BYTES,
) -> list[TermActivity]:
    """The activity [C] of the clusters on their candidates.

    candidates int32 [C, MOST_CANDIDATES or fewer] are readable terms; -1 pads. `memory_bytes`
    bounds the activations in memory.
    """
    latent = np.concatenate([np.empty(0, dtype=np.int64), *members]).astype(np.int64)
    cluster = np.repeat(np.arange(len(members)), [len(ids) for ids in members])
    order = np.argsort(latent, kind="stable")
    per_latent = np.bincount(latent, minlength=len(activations.latent_ends))
    clusters_of = (np.cumsum(per_latent), cluster[order].astype(np.int32))
    most_rows = memory_bytes // (_ROW_BYTES + _MASK_BYTES * max(int(per_latent.max(initial=0)), 1))
    found = _joined([])
    for block in activations.blocks_by_latent(np.flatnonzero(per_latent), most_rows=most_rows):
        masks = _masks_of_block(
            (block.latents, block.ends, block.tokens, block.activations),
            (split.naming, split.second_half),
            (terms.kinds, readable.of_term),
            candidates,
            clusters_of,
            np.full(len(readable.texts), -1, dtype=np.int8),
            int(block.counts @ per_latent[block.latents]),
        )
        found = _joined([found, masks])
    ends = np.searchsorted(found[0], np.arange(len(members)), "right")[:-1]
    parts = (np.split(column, ends) for column in found[1:])
    return [_shares(*of_cluster) for of_cluster in zip(*parts, strict=True)][: len(members)]


_Masks = tuple[np.ndarray, np.ndarray, np.ndarray]
"""The cluster int32 [n], mask uint64 [n] and activation float64 [n, 2] in both halves."""


def _shares(masks: UInt64s, activation: Floats) -> TermActivity:
    total = activation.sum(axis=0)
    return TermActivity(masks, (activation / np.where(total > 0, total, 1)).T)


def _joined(parts: Sequence[_Masks]) -> _Masks:
    """Sorted by cluster and mask, each once."""
    cluster = np.concatenate([np.empty(0, np.int32), *(part[0] for part in parts)])
    mask = np.concatenate([np.empty(0, np.uint64), *(part[1] for part in parts)])
    activation = np.concatenate([np.empty((0, 2)), *(part[2] for part in parts)])
    order = np.lexsort((mask, cluster))
    cluster, mask, activation = cluster[order], mask[order], activation[order]
    is_new = (np.diff(mask, prepend=mask[:1]) != 0) | (np.diff(cluster, prepend=-1) != 0)
    first = np.flatnonzero(is_new)
    if len(first):
        activation = np.add.reduceat(activation, first, axis=0)
    return cluster[first], mask[first], activation


@numba.njit(cache=True)
def _masks_of_block(
    block: tuple[np.ndarray, ...],
    halves: tuple[np.ndarray, np.ndarray],
    vocabulary: tuple[tuple[np.ndarray, ...], np.ndarray],
    candidates: np.ndarray,
    clusters_of: tuple[np.ndarray, np.ndarray],
    bit: np.ndarray,
    most: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The masks of all members in a block; a mask can occur more than once.

    bit int8 [R] is -1 everywhere, before and after; `most` bounds the number of masks.
    """
    latents, ends, tokens, values = block
    naming = halves[0]
    cluster_ends, cluster_of = clusters_of
    found = np.empty(most, np.int32), np.empty(most, np.uint64), np.zeros((most, 2))
    table = np.full(_SLOTS, -1, np.int64), np.empty(_SLOTS, np.int64)
    count, start = 0, 0
    for i in range(len(latents)):
        total = 0.0
        for at in range(start, ends[i]):
            if naming[tokens[at]]:
                total += values[at]
        first = cluster_ends[latents[i] - 1] if latents[i] > 0 else 0
        for k in range(first, cluster_ends[latents[i]]):
            own = candidates[cluster_of[k]]
            for j in range(len(own)):
                if own[j] >= 0:
                    bit[own[j]] = j
            before = count
            member = tokens[start : ends[i]], values[start : ends[i]] / max(total, 1e-30)
            count = _add_masks(member, halves, vocabulary, bit, table, found, count)
            found[0][before:count] = cluster_of[k]
            for j in range(len(own)):
                if own[j] >= 0:
                    bit[own[j]] = -1
        start = ends[i]
    return found[0][:count], found[1][:count], found[2][:count]


@numba.njit(cache=True)
def _add_masks(
    member: tuple[np.ndarray, np.ndarray],
    halves: tuple[np.ndarray, np.ndarray],
    vocabulary: tuple[tuple[np.ndarray, ...], np.ndarray],
    bit: np.ndarray,
    table: tuple[np.ndarray, np.ndarray],
    found: tuple[np.ndarray, np.ndarray, np.ndarray],
    count: int,
) -> int:
    """Add the masks of one member to those found, and return their new number.

    table: the place of each slot's mask, -1 before and after, and room for the slots in use.
    """
    tokens, shares = member
    naming, second = halves
    kinds, of_term = vocabulary
    place, used = table
    slots = 0
    for at in range(len(tokens)):
        row = tokens[at]
        if not naming[row]:
            continue
        mask = np.uint64(0)
        for kind in kinds:
            if kind[row] >= 0 and bit[of_term[kind[row]]] >= 0:
                mask |= np.uint64(1) << np.uint64(bit[of_term[kind[row]]])
        slot = _slot(mask)
        while place[slot] >= 0 and found[1][place[slot]] != mask:
            slot = (slot + 1) % _SLOTS
        if place[slot] < 0:
            place[slot], used[slots], found[1][count] = count, slot, mask
            slots += 1
            count += 1
        found[2][place[slot], 1 if second[row] else 0] += shares[at]
        if 2 * slots > _SLOTS:
            place[used[:slots]] = -1
            slots = 0
    place[used[:slots]] = -1
    return count


@numba.njit(cache=True)
def _slot(mask: np.uint64) -> np.int64:
    """The first slot of a mask: the upper 12 bits of its product with 2⁶⁴/φ."""
    return np.int64((mask * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(52))
