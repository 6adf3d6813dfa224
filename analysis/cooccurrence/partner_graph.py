"""The association graph: the strongest partners of every latent by phi, as a kNN graph."""

import numpy as np
import pyarrow as pa

from analysis.cooccurrence.association import measure_table
from analysis.decoder.graph import NeighbourGraph


def partner_graph(
    partners: pa.Table, latents: pa.Table, n_tokens: int, *, k: int = 15
) -> NeighbourGraph:
    """The k partners of highest positive phi of every latent, from the bundle's `partners` table.

    Row i of `latents` is latent i; only `active_tokens` is read. The graph's `cosines` are
    phi. Ties go to the smaller id. Missing neighbours are -1, with phi NaN. Unlike
    `ranked_partners`, rare pairs are included: a map needs neighbours for rare latents as well.
    """
    measured = measure_table(
        partners.select(["latent", "partner", "joint_tokens"]), latents, n_tokens, ["phi"]
    )
    latent, partner, phi = (measured[name].to_numpy() for name in ("latent", "partner", "phi"))
    positive = phi > 0
    latent, partner, phi = latent[positive], partner[positive], phi[positive]
    order = np.lexsort((partner, -phi, latent))
    latent, partner, phi = latent[order], partner[order], phi[order]
    rank = np.arange(len(latent)) - np.searchsorted(latent, latent)
    kept = rank < k
    neighbours = np.full((latents.num_rows, k), -1, dtype=np.int32)
    values = np.full((latents.num_rows, k), np.nan, dtype=np.float32)
    neighbours[latent[kept], rank[kept]] = partner[kept]
    values[latent[kept], rank[kept]] = phi[kept]
    return NeighbourGraph(neighbours, values, f"the {k} strongest partners by phi", 1.0)
