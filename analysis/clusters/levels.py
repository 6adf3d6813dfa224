"""Choose the cuts of the hierarchies that become the levels of the clustering.

Every hierarchy is cut at several smallest cluster sizes and by both extractions. A cut is judged by
how far the seeds agree on it, and the levels are the cuts on which they agree best. Pure noise also
has clusters, but they differ between seeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.clusters.hierarchy import EXTRACTIONS, Extraction, cluster_labels
from analysis.clusters.stability import NOISE, WEAK, mean_agreement
from analysis.runtime.arrays import Floats, Ints

RUNG = 1.6
"""Factor between one smallest cluster size that is tried and the next."""
FINEST_SIZES = 2.0
"""The finest level is chosen among smallest sizes up to this many times `minimum_cluster`."""
COARSER = (2.5, 10.0)
"""A level has fewer clusters than the level below it by a factor in this range."""
FEWEST = 3
"""Clusters that a coarser level has at least."""
MOST_LEVELS = 3


@dataclass(frozen=True)
class Cut:
    """One cut of the hierarchies of all seeds."""

    by_seed: tuple[Ints, ...]
    """For each seed the cluster of every latent, int64 [n]; -1 for noise."""
    stability: float
    """Mean agreement over the pairs of seeds."""
    smallest: int = 0
    """Smallest cluster size that the cut allows, in latents."""
    extraction: Extraction = "leaf"

    @property
    def clusters(self) -> int:
        """Number of clusters of the first seed, whose clusters are shown."""
        return int(self.by_seed[0].max(initial=NOISE)) + 1

    @property
    def covered(self) -> float:
        """Share of the latents that are in a cluster."""
        return float((self.by_seed[0] >= 0).mean()) if len(self.by_seed[0]) else 0.0

    @property
    def worth(self) -> float:
        """Stability times the share of latents in a cluster."""
        return self.stability * self.covered


def all_cuts(linkages: Sequence[Floats], minimum_cluster: int) -> list[Cut]:
    """Every cut of the trees [n - 1, 4] that is tried, by ascending smallest cluster size."""
    n = len(linkages[0]) + 1
    cuts: list[Cut] = []
    size = minimum_cluster
    while size == minimum_cluster or size <= n / FEWEST:
        labels = [cluster_labels(linkage, size) for linkage in linkages]
        of_size = []
        for extraction in EXTRACTIONS:
            by_seed = tuple(one[extraction] for one in labels)
            of_size.append(Cut(by_seed, mean_agreement(by_seed), size, extraction))
        cuts += of_size
        # A larger size finds no more clusters than this one.
        if max(cut.clusters for cut in of_size) < FEWEST:
            break
        size = round(size * RUNG)
    return cuts


def choose_levels(cuts: Sequence[Cut], minimum_cluster: int) -> list[Cut]:
    """The fine cut on which the seeds agree best, then coarser ones that are not weak.

    Empty if the fine cut has no cluster.
    """
    fine = [cut for cut in cuts if cut.smallest <= FINEST_SIZES * minimum_cluster]
    # Excess of mass sometimes returns two or three clusters of everything: that is not fine.
    most = max(cut.clusters for cut in fine)
    fine = [cut for cut in fine if 2 * cut.clusters >= most]
    levels = [max(fine, key=lambda cut: (cut.stability, cut.clusters))]
    while len(levels) < MOST_LEVELS:
        below = levels[-1].clusters
        coarser = [
            cut
            for cut in cuts
            if max(FEWEST, below / COARSER[1]) <= cut.clusters <= below / COARSER[0]
            and cut.stability >= WEAK
        ]
        if not coarser:
            break
        levels.append(max(coarser, key=lambda cut: (cut.worth, cut.clusters)))
    return levels if levels[0].clusters else []
