"""The clusters inside a selection, with the words that describe them, and their figure."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from analysis.bundle import Bundle, Space, open_bundle
from analysis.runtime.arrays import Bools
from analysis.runtime.errors import InputError
from analysis.runtime.numbers import count
from analysis.runtime.progress import SILENT, Progress
from charts.core.call import recorded
from charts.core.figure import Figure
from charts.selection_bars import inner_cluster_bars

if TYPE_CHECKING:
    from analysis.clusters.inside import InnerClusters


class NamedClusters(NamedTuple):
    """The clusters inside a selection, and the words that describe each."""

    inner: "InnerClusters"
    words: list[list[str]]


def named_clusters(
    bundle: Bundle, mask: Bools, space: Space, progress: Progress = SILENT
) -> NamedClusters:
    """Cluster the latents of the mask [n_latents]; this takes seconds."""
    # Imported here because numba and UMAP would delay the first page.
    from analysis.clusters.inside import cluster_inside  # noqa: PLC0415
    from analysis.labels.enrichment import shared_label_words  # noqa: PLC0415

    inner = cluster_inside(bundle, mask, space, progress=progress)
    members = inner.clusters["members"].to_pylist()
    labels = bundle.latents["label"].to_pylist()
    return NamedClusters(inner, shared_label_words(labels, members, mask))


def clusters_in_job(
    path: str, identity: str, mask: Bools, space: Space, progress: Progress = SILENT
) -> NamedClusters:
    """The same in a job process, which opens the bundle of a folder and keeps it for the next."""
    return named_clusters(_opened(path, identity), mask, space, progress)


@lru_cache(maxsize=1)
def _opened(path: str, identity: str) -> Bundle:
    """An open bundle; a folder with other files has another identity."""
    bundle = open_bundle(Path(path))
    if bundle.identity != identity:
        raise InputError(f"{path}: has changed since the page was opened; load the page again.")
    return bundle


@recorded
def clusters_inside_selection(
    bundle: Bundle, mask: Bools, space: Space, known: NamedClusters | None = None
) -> Figure:
    """The clusters inside a mask [n_latents] as bars; computed unless they are `known`."""
    inner, words = known or named_clusters(bundle, mask, space)
    counted = f"{count(inner.latents)} of the selection"
    return inner_cluster_bars(bundle, inner.clusters, words, inner.draws, counted)
