"""The members of every cluster, from the bundle's `memberships` table."""

import numpy as np
import pyarrow as pa

from analysis.runtime.arrays import Int32s


def members_of_clusters(memberships: pa.Table, clusters: int) -> list[Int32s]:
    """The ascending latents of the clusters 0, 1, ..., `clusters` - 1.

    `memberships` has at least latent and cluster and is sorted by latent.
    """
    cluster = memberships["cluster"].to_numpy()
    order = np.argsort(cluster, kind="stable")
    starts = np.searchsorted(cluster[order], np.arange(1, clusters))
    latents = memberships["latent"].to_numpy()[order]
    return np.split(latents, starts) if clusters else []
