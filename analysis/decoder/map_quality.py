"""How well a map preserves neighbours: trustworthiness, kNN recall, and agreement of seeds.

- **Trustworthiness** (Venna and Kaski 2001, as in scikit-learn, ten neighbours): 1 minus a penalty
  for each latent that is among the ten nearest on the map but not among the ten nearest decoder
  vectors; the penalty grows with its decoder rank.
- **kNN recall**: the share of a latent's ten nearest decoder vectors that are among its ten nearest
  on the map.
- **Agreement**: the share of a latent's ten nearest on the map that are among its ten nearest on
  the map of another seed, mean over the pairs of seeds.

`quality_sentence` describes them in words.
"""

from functools import partial

import numba
import numpy as np
import torch
from scipy.spatial import KDTree

from analysis.decoder.products import ROUNDING
from analysis.decoder.vectors import unit_rows
from analysis.runtime.arrays import Float32s, Int32s, Ints
from analysis.runtime.threads import over_spans

QUALITY_NEIGHBOURS = 10
"""Neighbours that every measure compares."""
TRUST_SAMPLE = (1_024, 2_048)
"""Fewest and most latents over which trustworthiness is averaged, if there are more."""
TRUST_COSINES = 1 << 26
"""Cosines that trustworthiness may cost, within those bounds."""
BLOCK_COSINES = 8_000_000
"""Cosines that are in memory at once."""


def map_neighbours(points: np.ndarray, rows: Ints, k: int) -> Ints:
    """The k nearest other points int64 [len(rows), k] of some rows of points [n, 2]."""
    _, near = KDTree(points).query(points[rows], k=k + 1, workers=numba.get_num_threads())
    # If points coincide, the row itself may not come first, so it is removed at any place.
    is_itself = near == rows[:, None]
    is_itself[~is_itself.any(axis=1), -1] = True
    return np.asarray(near[~is_itself].reshape(len(rows), k))


def shared_fraction(first: Ints, second: Ints) -> Float32s:
    """Share float32 [n] of each row of first [n, k] that is in the same row of second [n, j]."""
    return np.asarray(
        (first[:, :, None] == second[:, None, :]).any(axis=2).mean(axis=1), dtype=np.float32
    )


def knn_recall(near: Ints, neighbours: Int32s) -> Float32s:
    """Share float32 [n] of each row's nearest decoder vectors that are in near [n, k] on the map.

    The first k of neighbours [n, >= k] count; -1 is none. NaN for a row that has none.
    """
    wanted = neighbours[:, : near.shape[1]]
    if wanted.shape[1] == 0:
        return np.full(len(neighbours), np.nan, dtype=np.float32)
    known = (wanted >= 0).sum(axis=1)
    hits = (wanted[:, :, None] == near[:, None, :]).any(axis=2).sum(axis=1)
    return np.where(known > 0, hits / np.maximum(known, 1), np.nan).astype(np.float32)


def trustworthiness(
    W_dec: np.ndarray, latents: Int32s | Ints, points: np.ndarray, seed: int
) -> float | None:
    """Trustworthiness by cosine of the map points [n, 2] of the latents [n] of W_dec [F, d].

    Averaged over a sample that `seed` fixes. None for 20 latents or fewer, where it is undefined.
    """
    n, k = len(latents), QUALITY_NEIGHBOURS
    if n <= 2 * k:
        return None
    rows = np.arange(n)
    sample_size = int(np.clip(TRUST_COSINES // n, *TRUST_SAMPLE))
    if n > sample_size:
        rows = np.sort(np.random.default_rng(seed).choice(n, sample_size, replace=False))
    near = map_neighbours(points, rows, k)
    own = torch.from_numpy(unit_rows(W_dec, latents[rows]))
    others = torch.from_numpy(unit_rows(W_dec, latents[near.ravel()])).reshape(*near.shape, -1)
    # A product of another shape rounds the same cosine differently. A vector counts as nearer only
    # if the difference exceeds the rounding.
    least = torch.einsum("nd,nkd->nk", own, others) + ROUNDING
    nearer = np.zeros(near.shape, dtype=np.int64)
    block = max(1, BLOCK_COSINES // len(rows))
    for start in range(0, n, block):
        cosines = own @ torch.from_numpy(unit_rows(W_dec, latents[start : start + block])).T
        inside = np.flatnonzero((rows >= start) & (rows < start + block))
        cosines[inside, rows[inside] - start] = -2.0
        over_spans(len(rows), partial(_count_nearer, cosines.numpy(), least.numpy(), nearer))
    penalty = int(np.maximum(1 + nearer - k, 0).sum())
    return round(1.0 - 2.0 / (len(rows) * k * (2 * n - 3 * k - 1)) * penalty, 6)


@numba.njit(nogil=True, cache=True)
def _count_nearer(
    cosines: np.ndarray, least: np.ndarray, nearer: np.ndarray, start: int, stop: int
) -> None:
    """Add to nearer [n, k] how many of cosines [n, m] are above each of least [n, k]."""
    for i in range(start, stop):
        lowest = least[i].min()
        for cosine in cosines[i]:
            if cosine > lowest:
                for j in range(least.shape[1]):
                    nearer[i, j] += cosine > least[i, j]
