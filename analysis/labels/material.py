"""The finished tables and activations from which labels are made."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.bundle import Activations
from analysis.latents.duplicates import duplicate_groups
from analysis.latents.flags import is_live
from analysis.runtime.arrays import Bools, Int32s, Ints


@dataclass(frozen=True)
class Material:
    """The input of labelling."""

    tables: Path
    """The folder of the finished tables: tokens, documents, relations, contexts, logits."""
    activations: Activations
    latents: pa.Table
    """One row per latent; active_tokens and flag are read, and all columns are passed on."""
    clusters: pa.Table
    """One row per cluster, sorted; cluster, space and level are read, all columns passed on."""
    memberships: pa.Table
    """The bundle's `memberships` table."""

    @cached_property
    def members(self) -> list[Int32s]:
        """The latents of each cluster that count, in the order of the cluster table.

        Dense ones are left out, and of several duplicates the one with the most active tokens
        counts.
        """
        latent, cluster_of = (self.memberships[name].to_numpy() for name in ("latent", "cluster"))
        counts = ~self.dense[latent]
        latent, cluster_of = latent[counts], cluster_of[counts]
        active = self.latents["active_tokens"].to_numpy()
        order = np.lexsort((latent, -active[latent], self.duplicates[latent], cluster_of))
        latent, cluster_of = latent[order], cluster_of[order]
        group = self.duplicates[latent]
        first = np.append(True, (group[1:] != group[:-1]) | (cluster_of[1:] != cluster_of[:-1]))[
            : len(latent)
        ]
        latent, cluster_of = latent[first], cluster_of[first]
        order = np.lexsort((latent, cluster_of))
        latent, cluster_of = latent[order], cluster_of[order]
        clusters = self.clusters["cluster"].to_numpy()
        starts = np.searchsorted(cluster_of, clusters, "left")
        stops = np.searchsorted(cluster_of, clusters, "right")
        return [latent[a:b] for a, b in zip(starts, stops, strict=True)]

    @cached_property
    def sizes(self) -> Ints:
        """int64 [C], the number of `members` of each cluster."""
        return np.array([len(row) for row in self.members], dtype=np.int64)

    @cached_property
    def levels(self) -> list[tuple[str, int]]:
        """The space and the level of each cluster."""
        spaces, levels = (self.clusters[name].to_pylist() for name in ("space", "level"))
        return list(zip(spaces, levels, strict=True))

    @cached_property
    def dense(self) -> Bools:
        """bool [F], the latents that are flagged as dense."""
        return np.array(self.latents["flag"].to_pylist()) == "dense"

    @cached_property
    def live(self) -> Bools:
        """bool [F], the latents that fire and are neither dense nor ultralow."""
        return is_live(self.latents)

    @cached_property
    def duplicates(self) -> Ints:
        """int64 [F], a number for each latent that duplicates share, also through a third one."""
        relations = pq.read_table(
            self.tables / "relations.parquet",
            columns=["a", "b", "relation"],
            page_checksum_verification=True,
        )
        pairs = relations.filter(pc.equal(pc.cast(relations["relation"], "string"), "duplicate"))
        ends = np.column_stack([pairs[name].to_numpy() for name in ("a", "b")])
        return duplicate_groups(self.latents.num_rows, ends.astype(np.int64))
