"""Check the tables of a bundle against each other, when the tables are read.

Each function raises InputError about the table that it was given, or returns it.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle.damage import damaged
from analysis.bundle.manifest import SPACES, Manifest
from analysis.bundle.positions import KeptTokens
from analysis.bundle.schema import CLUSTER_COLUMNS
from analysis.runtime.arrays import Ints

DENSITY_ERROR = 1e-6
"""Largest difference between a stored density and active_tokens / kept tokens."""


def check_latents(file: Path, latents: pa.Table, manifest: Manifest, active: int) -> None:
    """Densities follow from the counts, which add up to the `active` stored activations."""
    counts = latents["active_tokens"].to_numpy()
    check_active(file, int(counts.sum()), active)
    density = counts / max(manifest.tokens, 1)
    if (np.abs(latents["density"].to_numpy() - density) > DENSITY_ERROR).any():
        raise damaged(file, "has densities that do not follow from active_tokens")


def check_active(file: Path, counted: int, stored: int) -> None:
    """The counts of a table add up to the number of stored activations."""
    if counted != stored:
        raise damaged(file, f"counts {counted:,} activations, but {stored:,} are stored")


def check_memberships(
    file: Path,
    memberships: pa.Table,
    clusters: pa.Table,
    latents: pa.Table,
    manifest: Manifest,
) -> None:
    """Levels and sizes are those of the clusters, and latents has the levels shown first."""
    cluster, level = memberships["cluster"].to_numpy(), _levels(memberships)
    ids, size = clusters["cluster"].to_numpy(), clusters["size"].to_numpy()
    if not np.array_equal(level, _levels(clusters)[np.argsort(ids)][cluster]):
        raise damaged(file, "has members at another level than their cluster")
    if not np.array_equal(np.bincount(cluster, minlength=len(ids))[ids], size):
        raise damaged(file, "has other numbers of members than the table clusters")
    for space, column in CLUSTER_COLUMNS.items():
        first = manifest.first_level(space)
        shown = np.full(latents.num_rows, -1)
        if first is not None:
            inside = level == SPACES.index(space) * 2**8 + first.level
            shown[memberships["latent"].to_numpy()[inside]] = cluster[inside]
        if not np.array_equal(shown, pc.fill_null(latents[column], -1).to_numpy()):
            raise damaged(file, "has other clusters than the table latents")


def check_null_latents(file: Path, latents: pa.Table, clusters: pa.Table) -> None:
    """Every cluster of a drawn latent is one of null_clusters, in the same space."""
    rows = latents.filter(pc.is_valid(latents["cluster"]))
    place = pc.index_in(rows["cluster"], clusters["cluster"].combine_chunks())
    if place.null_count:
        raise damaged(file, "has clusters that null_clusters does not have")
    spaces = (table["space"].cast(pa.string()) for table in (rows, clusters.take(place)))
    if next(spaces).to_pylist() != next(spaces).to_pylist():
        raise damaged(file, "has clusters of another space")


def _levels(rows: pa.Table) -> Ints:
    """A number for the space and level of each row."""
    is_other = np.asarray(pc.equal(rows["space"].cast(pa.string()), SPACES[1]))
    return is_other * 2**8 + rows["level"].to_numpy().astype(np.int64)


def check_cluster_pairs(file: Path, pairs: pa.Table, clusters: pa.Table) -> None:
    """Both clusters of a pair are of its space and level, and the second has the larger id."""
    first, second = (pairs[name].to_numpy() for name in ("cluster", "other"))
    of_id = _levels(clusters)[np.argsort(clusters["cluster"].to_numpy())]
    level = _levels(pairs)
    if not (np.array_equal(of_id[first], level) and np.array_equal(of_id[second], level)):
        raise damaged(file, "has pairs of clusters that are not at their level")
    if not (first < second).all():
        raise damaged(file, "has pairs that are not in ascending order")


def check_loadings(file: Path, loadings: pa.Table, components: pa.Table) -> None:
    """Every member has one loading for each component of its cluster."""
    cluster = loadings["cluster"].to_numpy()
    known = components["cluster"].to_numpy()
    count = np.bincount(known, minlength=int(cluster.max(initial=-1)) + 1)
    lengths = pc.list_value_length(loadings["loadings"]).to_numpy()
    if not np.array_equal(lengths, count[cluster]):
        raise damaged(file, "has other numbers of loadings than cluster_components has components")


def check_relations(file: Path, relations: pa.Table, manifest: Manifest) -> None:
    """Every relation has its rule in the manifest."""
    rules = pa.array([rule.relation for rule in manifest.relations], pa.string())
    if pc.all(pc.is_in(relations["relation"].cast(pa.string()), rules)).as_py() is False:
        raise damaged(file, "has a relation without a rule in the manifest")


def check_contexts(file: Path, contexts: pa.Table, documents: pa.Table) -> None:
    """Every context is from a document of the bundle."""
    known = documents["document"].combine_chunks()
    if pc.all(pc.is_in(contexts["document"], known)).as_py() is False:
        raise damaged(file, "has contexts of documents that the bundle does not have")


def check_document_values(file: Path, values: pa.Table, documents: pa.Table) -> None:
    """Every value is of a document of the bundle."""
    known = documents["document"].combine_chunks()
    if pc.all(pc.is_in(values["document"], known)).as_py() is False:
        raise damaged(file, "has values of documents that the bundle does not have")


def check_kept(file: Path, kept: KeptTokens, documents: pa.Table, manifest: Manifest) -> None:
    """Kept tokens and documents are those of the manifest and of the table documents."""
    if kept.total != manifest.tokens:
        raise damaged(
            file, f"has {kept.total:,} kept tokens, but the manifest states {manifest.tokens:,}"
        )
    if not np.array_equal(kept.documents, documents["document"].to_numpy()):
        raise damaged(file, "has other documents than the table documents")
    if not np.array_equal(kept.lengths, documents["tokens"].to_numpy()):
        raise damaged(file, "has other numbers of kept tokens than the table documents")
