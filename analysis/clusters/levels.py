"""Choose the cuts of the hierarchies that become the levels of the clustering.

Every hierarchy is cut at several smallest cluster sizes and by both extractions. A cut is worth its
stability, the agreement of the seeds, times its information: what the cluster of a latent tells on
average, sum of -p log p over the clusters with the share p of the n latents, divided by log n. A
latent in no cluster tells nothing, and neither does a cluster that holds nearly all latents: among
planted clusters and as much noise, a cut into a few parts, one of them all the noise, is stable and
covers everything. Subtracted is what the same cut is worth on average where there is nothing to
find (`null_draws`). The cut that is worth most is shown first. It is never chosen for its number of
clusters: a cut that shatters a large cluster has the most. The other levels are coarser or finer
cuts that are worth most.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.clusters.hierarchy import (
    EXTRACTIONS,
    Extraction,
    best_overlaps,
    cluster_labels,
    tree_clusters,
)
from analysis.clusters.repeats import LEFT_OUT, Repeats
from analysis.clusters.stability import NOISE, WEAK, mean_agreement
from analysis.runtime.arrays import Floats, Ints

RUNG = 1.6
"""Factor between one smallest cluster size that is tried and the next."""
APART = (2.5, 10.0)
"""The numbers of clusters of two neighbouring levels differ by a factor in this range."""
FEWEST = 3
"""Clusters that a level has at least, if any cut has as many."""
MOST_LEVELS = 3
NEARLY_AS_GOOD = 0.01
"""Of cuts whose worth differs by less, the one with the most reproducible clusters is taken."""


@dataclass(frozen=True)
class Cut:
    """One cut of the hierarchies of all seeds."""

    by_seed: tuple[Ints, ...]
    """For each seed the cluster of every latent, int64 [n]; -1 for noise."""
    agreement: float
    """Mean agreement over the pairs of seeds: the stability of the cut."""
    smallest: int
    """Smallest cluster size that the cut allows, in latents."""
    extraction: Extraction
    stability: Floats
    """float64 [clusters], best overlap in the hierarchies of other seeds, mean."""
    bootstrap: Floats
    """float64 [clusters], best overlap in the hierarchies of resampled latents, mean."""

    @property
    def clusters(self) -> int:
        """Number of clusters of the first seed, whose clusters are shown."""
        return int(self.by_seed[0].max(initial=NOISE)) + 1

    @property
    def covered(self) -> float:
        """Share of the latents that are in a cluster."""
        return float((self.by_seed[0] >= 0).mean()) if len(self.by_seed[0]) else 0.0

    @property
    def information(self) -> float:
        """Sum of -p log p over the clusters with the share p of the n latents, over log n."""
        shown = self.by_seed[0]
        share = np.bincount(shown[shown >= 0]) / max(len(shown), 1)
        share = share[share > 0]
        return float((share * np.log(1 / share)).sum() / np.log(max(len(shown), 2)))

    @property
    def worth(self) -> float:
        """Stability times information."""
        return self.agreement * self.information

    @property
    def key(self) -> tuple[int, str]:
        """What cuts of different hierarchies have in common."""
        return self.smallest, self.extraction


def all_cuts(repeated: Repeats, minimum_cluster: int) -> Iterator[Cut]:
    """Every cut of the trees that is tried, by ascending smallest cluster size."""
    n = len(repeated.latents)
    every = np.arange(n)
    others = [(tree_clusters(tree, minimum_cluster), every) for tree in repeated.trees[1:]]
    fewer = smallest_resampled(minimum_cluster)
    resampled = [(tree_clusters(tree, fewer), rows) for tree, rows in repeated.resampled]
    size = minimum_cluster
    while repeated.trees and (size == minimum_cluster or size <= n / FEWEST):
        labels = [cluster_labels(tree, size) for tree in repeated.trees]
        most = 0
        for extraction in EXTRACTIONS:
            by_seed = tuple(one[extraction] for one in labels)
            again = [
                [best_overlaps(by_seed[0], tree, rows) for tree, rows in some]
                for some in (others, resampled)
            ]
            stability, bootstrap = (np.mean(some, axis=0) for some in again)
            cut = Cut(by_seed, mean_agreement(by_seed), size, extraction, stability, bootstrap)
            most = max(most, cut.clusters)
            yield cut
        # A larger size finds no more clusters than this one.
        if most < FEWEST:
            return
        size = round(size * RUNG)


def smallest_resampled(minimum_cluster: int) -> int:
    """The smallest cluster that is compared where a part of the latents is left out.

    A cluster of the smallest size keeps (1 - LEFT_OUT) of its members on average, and may lose one
    more.
    """
    return max(2, int(minimum_cluster * (1 - LEFT_OUT)) - 1)


def choose_levels(
    cuts: Sequence[Cut],
    null_worth: Callable[[Cut], float],
    believable: Callable[[Cut], int] = lambda cut: cut.clusters,
) -> tuple[list[Cut], int]:
    """The levels from the finest to the coarsest, and the one that is shown first.

    `null_worth` is the worth of a cut where there is nothing to find, `believable` the number of
    its clusters that are reproducible. Other levels than the first are not weak and worth more than
    their null. Empty if no cut has a cluster.
    """
    usable = [cut for cut in cuts if cut.clusters >= FEWEST] or [c for c in cuts if c.clusters]
    if not usable:
        return [], 0

    def above(cut: Cut) -> float:
        return cut.worth - null_worth(cut)

    def best(some: Sequence[Cut]) -> Cut | None:
        if not some:
            return None
        most = max(map(above, some))
        near = [cut for cut in some if above(cut) >= most - NEARLY_AS_GOOD]
        return max(near, key=lambda cut: (believable(cut), cut.clusters, above(cut)))

    first = best(usable)
    assert first is not None
    sound = [cut for cut in usable if cut.agreement >= WEAK and above(cut) > 0]
    coarser: list[Cut] = []
    while len(coarser) < MOST_LEVELS - 1:
        below = (coarser or [first])[-1].clusters
        low, high = max(FEWEST, below / APART[1]), below / APART[0]
        next_coarser = best([cut for cut in sound if low <= cut.clusters <= high])
        if next_coarser is None:
            break
        coarser.append(next_coarser)
    low, high = first.clusters * APART[0], first.clusters * APART[1]
    finer = best([cut for cut in sound if low <= cut.clusters <= high])
    levels = [*([] if finer is None else [finer]), first, *coarser][:MOST_LEVELS]
    return levels, int(finer is not None)
