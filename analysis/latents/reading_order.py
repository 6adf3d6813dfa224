"""The fewest clusters and latents that cover most of the activation: an order in which to read.

An *item* is read at once: a cluster, or a latent with its duplicates and with the latents that
imply it. The mass of a latent in a document is the sum of its activations there, times the norm of
its row of W_dec: what it adds to the reconstruction. With s the share of a document's mass that is
covered, the order maximises

    mean over documents of √s

greedily. The root makes the first parts of a document count more than its last, so that all
documents are covered and not only the long ones. The greedy choice reaches at least 1 − 1/e of the
best possible value (Nemhauser, Wolsey and Fisher 1978).

Only live latents are covered: dense ones add mass everywhere and mean little, dead ones have none.

Memory: the mass matrix, within the memory setting. If it does not fit, evenly spaced documents
stand for all.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse

from analysis.bundle import WORKING_BYTES, Activations, KeptTokens
from analysis.latents.duplicates import duplicate_groups
from analysis.runtime.arrays import Bools, Floats, Int32s, Ints
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.progress import SILENT, Progress

MOST_ITEMS = 1_000
"""Items in the order."""
LARGEST_CLUSTER = 100
"""Latents of the largest cluster that can be read at once: larger ones have no single meaning."""
COVERED_DOCUMENT = 0.5
"""A document counts as covered if at least this share of its mass is."""
ENTRY_BYTES = 16
"""Bytes of a nonzero entry of the mass matrix, with the copy that the first gains need."""
SHUFFLES = 20
"""Random orders whose mean coverage stands beside the order."""


@dataclass(frozen=True)
class Mass:
    """The mass of every latent in every document."""

    matrix: scipy.sparse.csr_array
    """float64 [F, D]; rows of latents that are not live are empty."""
    total: Floats
    """[D] the mass of all live latents in each document; positive, so the documents are those in
    which a live latent is active."""


@dataclass(frozen=True)
class ReadingOrder:
    """The items in the order in which they are read; arrays [n]."""

    item: Ints
    """Index into the items that were given."""
    latents: Ints
    """Latents that the item adds."""
    mass: Floats
    """Share of all mass that is covered up to and with the item."""
    documents: Floats
    """Share of the documents with at least COVERED_DOCUMENT of their mass covered."""


def mass_by_document(
    activations: Activations,
    kept: KeptTokens,
    norms: Floats,
    live: Bools,
    active_documents: Ints,
    *,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress = SILENT,
) -> Mass:
    """Sum the activations of the `live` [F] latents by document, times their decoder norms [F].

    `active_documents` [F] are the documents in which each latent is active. If the entries do not
    fit half of `memory_bytes`, every k-th document is taken, with the smallest k that fits.
    """
    F, D = len(live), len(kept.documents)
    entries = int(active_documents[live].sum())
    step = max(1, -(-2 * entries * ENTRY_BYTES // memory_bytes))
    latents, documents, sums = [], [], []
    wanted = np.flatnonzero(live)
    most_rows = memory_bytes // (2 * WORKING_BYTES)
    for block in activations.blocks_by_latent(wanted, most_rows=most_rows) if len(wanted) else ():
        latent = np.repeat(block.latents, block.counts)
        document = kept.documents_of(block.tokens)
        new = np.ones(len(latent), dtype=bool)
        new[1:] = (latent[1:] != latent[:-1]) | (document[1:] != document[:-1])
        first = np.flatnonzero(new)
        if len(first):
            chosen = document[first] % step == 0
            latents.append(latent[first][chosen])
            documents.append((document[first] // step)[chosen])
            by_document = np.add.reduceat(block.activations.astype(np.float64), first)
            sums.append(by_document[chosen] * norms[latents[-1]])
        progress(int(block.latents[-1]) + 1, F)
    matrix = scipy.sparse.csr_array(
        (_joined(sums), (_joined(latents), _joined(documents))), shape=(F, -(-D // step))
    )
    total = np.asarray(matrix.sum(axis=0)).ravel()
    return Mass(matrix[:, total > 0], total[total > 0])


def families(F: int, duplicates: Ints, implications: Ints) -> list[Ints]:
    """The latents [F] that are read together with each latent, as ascending ids.

    `duplicates` [n, 2] are pairs, and chains of them are one family. `implications` [m, 2] are
    pairs (a, b) where a implies b: a is read with b. Of a set of duplicates, the family is that of
    its smallest id, and the others have an empty one.
    """
    group = duplicate_groups(F, duplicates)
    first = np.unique(group, return_index=True)[1]
    child, parent = implications.reshape(-1, 2).T
    inside = np.concatenate([np.arange(F), child])
    head = first[group[np.concatenate([np.arange(F), parent])]]
    order = np.lexsort((inside, head))
    ends = np.cumsum(np.bincount(head, minlength=F))
    return [np.unique(part) for part in np.split(inside[order], ends[:-1])]


def reading_order(
    mass: Mass, items: Sequence[Ints | Int32s], most: int = MOST_ITEMS
) -> ReadingOrder:
    """Order the items, each an array of latents, by what they add; at most `most`.

    An item that adds nothing is left out. Ties go to the item that is given first.
    """
    covered = np.zeros(mass.matrix.shape[0], dtype=bool)
    share = np.zeros(len(mass.total))
    heap = [(-gain, i) for i, gain in enumerate(_first_gains(mass, items)) if gain > 0]
    heapq.heapify(heap)
    chosen: list[tuple[int, int, float, float]] = []
    stale = np.zeros(len(items), dtype=np.int64)  # number of items chosen when the gain was new
    while heap and len(chosen) < most:
        gain, i = heapq.heappop(heap)
        added: Ints = np.asarray(items[i], dtype=np.int64)
        added = added[~covered[added]]
        more = _shares(mass, added)
        if stale[i] != len(chosen):
            # Gains only fall, so an item whose new gain is still the largest is the best.
            stale[i] = len(chosen)
            gain = -float((np.sqrt(share + more) - np.sqrt(share)).mean())
            if heap and (gain, i) > heap[0]:
                heapq.heappush(heap, (gain, i))
                continue
        if gain >= 0:
            break
        covered[added] = True
        share = np.minimum(share + more, 1.0)
        chosen.append((i, len(added), *_coverage(mass, share)))
    rows = np.array(chosen, dtype=np.float64).reshape(-1, 4)
    return ReadingOrder(rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64), *rows[:, 2:].T)


def random_coverage(mass: Mass, items: Sequence[Ints | Int32s], most: int, seed: int) -> float:
    """Mean share of the mass that `most` items in a random order cover, over SHUFFLES orders."""
    random = np.random.default_rng(seed)
    of_latent = np.asarray(mass.matrix.sum(axis=1)).ravel()
    shares = []
    for _ in range(SHUFFLES):
        picked = random.permutation(len(items))[:most]
        latents = np.unique(_joined([np.asarray(items[i], dtype=np.int64) for i in picked]))
        shares.append(of_latent[latents].sum() / max(of_latent.sum(), 1e-300))
    return float(np.mean(shares))


def ranks_of_latents(mass: Mass, items: Iterable[Ints | Int32s], eligible: Bools) -> Int32s:
    """The place int32 [F] of each latent when the ordered `items` are read; -1 if not `eligible`.

    Inside an item the latent with the largest mass comes first. Latents of no item follow, by
    their mass. Ties go to the smaller id.
    """
    of_latent = np.asarray(mass.matrix.sum(axis=1)).ravel()
    rank = np.full(len(of_latent), -1, dtype=np.int32)
    place = 0
    for item in (*items, np.arange(len(of_latent))):
        new = np.asarray(item)[(rank[item] < 0) & eligible[item]]
        rank[new[np.lexsort((new, -of_latent[new]))]] = np.arange(place, place + len(new))
        place += len(new)
    return rank


def _first_gains(mass: Mass, items: Sequence[Ints | Int32s]) -> list[float]:
    """The gain of every item when nothing is covered."""
    if not len(mass.total):
        return [0.0] * len(items)
    alone = mass.matrix.copy()
    alone.data = np.sqrt(alone.data / mass.total[alone.indices])
    of_latent = np.asarray(alone.sum(axis=1)).ravel() / len(mass.total)
    return [
        float(of_latent[item[0]]) if len(item) == 1 else float(np.sqrt(_shares(mass, item)).mean())
        for item in items
    ]


def _shares(mass: Mass, latents: Ints | Int32s) -> Floats:
    """[D] share of each document's mass that the latents hold.

    Not a product of sparse matrices: with a few latents, making them takes ten times as long.
    """
    matrix = mass.matrix
    spans = [slice(matrix.indptr[one], matrix.indptr[one + 1]) for one in latents]
    documents, held = (
        _joined([column[span] for span in spans]) for column in (matrix.indices, matrix.data)
    )
    return np.asarray(np.bincount(documents, held, minlength=len(mass.total)) / mass.total)


def _coverage(mass: Mass, share: Floats) -> tuple[float, float]:
    """Share of all mass, and of the documents, that is covered if `share` [D] of each is."""
    of_mass = float(share @ mass.total / mass.total.sum())
    return of_mass, float((share >= COVERED_DOCUMENT - 1e-12).mean())


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
