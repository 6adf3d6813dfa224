"""Which cluster each latent belongs to at one level, and the colour of each cluster."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from charts.core.cache import cached
from charts.core.text import name_of_cluster
from charts.core.theme import NO_CLUSTER, cluster_colours


@dataclass(frozen=True)
class Level:
    """One level of a bundle's clustering.

    `of_latent` [n_latents] int32 holds the cluster of each latent, -1 for none. `table` has the
    rows of the cluster table at this level, largest first.
    """

    level: int
    of_latent: np.ndarray
    table: pa.Table
    colours: dict[int, str]

    def names(self) -> dict[int, str]:
        """The name of each cluster: its label, or its id if the label is empty."""
        ids, labels = self.table["cluster"].to_pylist(), self.table["label"].to_pylist()
        return {i: name_of_cluster(i, label) for i, label in zip(ids, labels, strict=True)}

    def colour_of_latents(self) -> list[str]:
        """The colour of every latent; grey if it has no cluster."""
        return [self.colours.get(int(cluster), NO_CLUSTER) for cluster in self.of_latent]


@cached
def level_of(bundle: Bundle, level: int) -> Level:
    """The clustering at a level, 0 the finest; raises InputError if there is no such level."""
    clusters = bundle.clusters.filter(pc.equal(bundle.clusters["level"], level))
    known = sorted(set(bundle.clusters["level"].to_pylist()))
    if level not in known and known:
        raise InputError(f"Map: there is no cluster level {level}; choose one of {known}.")
    clusters = clusters.sort_by([("size", "descending"), ("cluster", "ascending")])
    members = bundle.memberships.filter(pc.equal(bundle.memberships["level"], level))
    of_latent = np.full(bundle.latents.num_rows, -1, dtype=np.int32)
    of_latent[members["latent"].to_numpy()] = members["cluster"].to_numpy()
    x, y = (clusters[name].to_numpy(zero_copy_only=False) for name in ("x", "y"))
    return Level(level, of_latent, clusters, cluster_colours(clusters["cluster"].to_numpy(), x, y))
