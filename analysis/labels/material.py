"""The finished tables and activations from which labels are made."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from analysis.bundle import Activations
from analysis.runtime.arrays import Bools, Int32s


@dataclass(frozen=True)
class Material:
    """The input of labelling."""

    tables: Path
    """The folder of the finished tables: tokens, contexts, logits."""
    activations: Activations
    latents: pa.Table
    """One row per latent; active_tokens and flag are read, and all columns are passed on."""
    clusters: pa.Table
    """One row per cluster, sorted; cluster and level are read, and all columns are passed on."""
    memberships: pa.Table
    """The bundle's `memberships` table."""

    @cached_property
    def specific_members(self) -> list[Int32s]:
        """The latents of each cluster without its dense ones, in the order of the cluster table."""
        latent, cluster_of = (self.memberships[name].to_numpy() for name in ("latent", "cluster"))
        order = np.lexsort((latent, cluster_of))
        clusters = self.clusters["cluster"].to_numpy()
        starts = np.searchsorted(cluster_of[order], clusters, "left")
        stops = np.searchsorted(cluster_of[order], clusters, "right")
        members = (latent[order[a:b]] for a, b in zip(starts, stops, strict=True))
        return [ids[~self.dense[ids]] for ids in members]

    @cached_property
    def dense(self) -> Bools:
        """bool [F], the latents that are flagged as dense."""
        return np.array(self.latents["flag"].to_pylist()) == "dense"
