"""Which cluster each latent has at one level of one space, and the colour of each cluster."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle, ClusterLevel, LevelName, Space
from analysis.runtime.errors import InputError
from analysis.selection import MAP_COLUMNS
from charts.core.cache import cached
from charts.core.hues import cluster_colours
from charts.core.text import name_of_cluster, shown_label

SPACE_WORDS: dict[Space, str] = {"decoder": "decoder", "cooccurrence": "co-occurrence"}
"""What the clusters of each space are called."""
NULLS: dict[Space, str] = {
    "decoder": "random vectors with the spectrum of the decoder",
    "cooccurrence": "activations of each latent shifted by its own random distance in documents",
}
"""What a null draw of each space consists of."""


@dataclass(frozen=True)
class Level:
    """One level of a bundle's clustering.

    `of_latent` [n_latents] int32 holds the cluster of each latent, -1 for none. `table` has the
    rows of the cluster table at this level, largest first.
    """

    name: LevelName
    of_latent: np.ndarray
    table: pa.Table
    colours: dict[int, str]

    def names(self) -> dict[int, str]:
        """The name of each cluster: its label, or its id if the label is empty."""
        ids, labels = self.table["cluster"].to_pylist(), self.table["label"].to_pylist()
        return {i: name_of_cluster(i, label) for i, label in zip(ids, labels, strict=True)}


@cached
def level_of(bundle: Bundle, name: LevelName | None = None) -> Level:
    """The clustering at a level; None for the one that is shown first.

    Raises InputError if there is no such level.
    """
    known = [level.name for level in bundle.manifest.clustering]
    if name is None:
        first = bundle.manifest.first_level()
        name = first.name if first else LevelName("decoder", 0)
    if name not in known and bundle.clusters.num_rows:
        words = ", ".join(map(level_words, known))
        raise InputError(f"Clusters: there is no {level_words(name)}; choose one of {words}.")
    clusters = at_level(bundle.clusters, name)
    clusters = clusters.sort_by([("size", "descending"), ("cluster", "ascending")])
    members = at_level(bundle.memberships, name)
    of_latent = np.full(bundle.latents.num_rows, -1, dtype=np.int32)
    of_latent[members["latent"].to_numpy()] = members["cluster"].to_numpy()
    ids = clusters["cluster"].to_numpy()
    maps = [medians(bundle, of_latent, ids, columns) for columns in MAP_COLUMNS.values()]
    return Level(name, of_latent, clusters, cluster_colours(ids, *maps))


@cached
def cluster_choices(bundle: Bundle, name: LevelName) -> dict[int, str]:
    """What a picker calls the clusters of a level, by their ids, largest first."""
    rows = at_level(bundle.clusters, name)
    rows = rows.sort_by([("size", "descending"), ("cluster", "ascending")])
    ids, labels = rows["cluster"].to_pylist(), rows["label"].to_pylist()
    return {
        i: f"{i} · {shown_label(label, 80) or 'no label'}"
        for i, label in zip(ids, labels, strict=True)
    }


def medians(
    bundle: Bundle, of_latent: np.ndarray, clusters: np.ndarray, columns: tuple[str, str]
) -> np.ndarray:
    """Median position [clusters, 2] of the members of each cluster on a map; NaN if none is on it.

    `columns` are those of the latent table that hold the coordinates.
    """
    place = np.column_stack([bundle.latents[c].to_numpy(zero_copy_only=False) for c in columns])
    on_map = np.flatnonzero((of_latent >= 0) & np.isfinite(place).all(axis=1))
    own, place = of_latent[on_map], place[on_map]
    ordered = np.sort(own)
    starts = np.searchsorted(ordered, clusters, side="left")
    sizes = np.searchsorted(ordered, clusters, side="right") - starts
    centres = np.full((len(clusters), 2), np.nan)
    some = sizes > 0
    lower, upper = (starts + (sizes - 1) // 2)[some], (starts + sizes // 2)[some]
    # Sorted by cluster, then by coordinate: a median for each cluster takes five times as long.
    for axis, values in enumerate(place.T):
        ranked = values[np.lexsort((values, own))]
        centres[some, axis] = (ranked[lower] + ranked[upper]) / 2
    return centres


def at_level(rows: pa.Table, name: LevelName) -> pa.Table:
    """The rows of a table with the columns space and level that are of one level."""
    of_space = pc.equal(rows["space"].cast(pa.string()), name.space)
    return rows.filter(pc.and_(of_space, pc.equal(rows["level"], name.level)))


def in_no_cluster(bundle: Bundle, level: ClusterLevel) -> int:
    """How many latents are in no cluster of a level.

    The noise of the manifest lacks those that were not clustered because of their density.
    """
    # Not from `level_of`: the Overview counts every level, and needs no colours of its clusters.
    members = at_level(bundle.memberships, level.name)["latent"]
    return bundle.latents.num_rows - len(pc.unique(members))


def level_words(name: LevelName) -> str:
    """The name of a level in a sentence, such as "co-occurrence level 0"."""
    return f"{SPACE_WORDS[name.space]} level {name.level}"
