"""Which cluster of a bundle the note of an earlier cluster is on.

Clusters have no identity across builds, so a note belongs to the members of its cluster. In another
bundle of the same SAE it is put on the cluster of the same space that shares most members, by the
Jaccard index of both sets, if that is at least `LEAST_OVERLAP`. Two disjoint sets cannot both have
an index above 1/2 with a third. Sets of different levels can; then a reader decides.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.bundle import Bundle, Space
from analysis.notes.subjects import Subject
from analysis.runtime.arrays import Floats, Ints

LEAST_OVERLAP = 0.5
"""Jaccard index from which a note is put on a cluster without a question."""
Reason = Literal["same", "overlap", "reader", "claimed", "changed", "removed"]
"""same: the cluster has the same members; overlap: it shares most of them; reader: a reader put the
note there; claimed: other notes fit the same cluster, so a reader must decide; changed: no cluster
is similar enough; removed: a reader put it on no cluster."""


@dataclass(frozen=True)
class Attachment:
    """Where the note of a cluster is in a bundle."""

    subject: Subject
    cluster: int | None
    """The cluster that shares most members; None if none shares any."""
    overlap: float
    """Jaccard index with the members of that cluster, from 0 to 1."""
    reason: Reason

    @property
    def is_on_cluster(self) -> bool:
        """Whether the note is shown as one of `cluster`."""
        return self.cluster is not None and self.reason in ("same", "overlap", "reader")


def attachments(
    bundle: Bundle, subjects: Iterable[Subject], put_on: Mapping[str, int | None]
) -> list[Attachment]:
    """Where the notes of clusters are, in the order of the subjects.

    `put_on` is what readers decided for this bundle, by the key of the subject.
    """
    clusters = members_of_clusters(bundle)
    every = [_attachment(clusters, subject, put_on) for subject in subjects]
    claims = Counter(one.cluster for one in every if one.is_on_cluster)
    return [
        replace(one, reason="claimed")
        if one.reason == "overlap" and claims[one.cluster] > 1
        else one
        for one in every
    ]


class ClusterMembers(NamedTuple):
    """The latents of the clusters of a bundle."""

    latents: Ints
    """Of every membership [n]."""
    clusters: Ints
    """Of every membership [n]."""
    sizes: Ints
    """Of every cluster [n_clusters]."""
    spaces: npt.NDArray[np.object_]
    """Of every cluster [n_clusters]."""


def members_of_clusters(bundle: Bundle) -> ClusterMembers:
    """The members of all clusters, as arrays."""
    rows, clusters = bundle.memberships, bundle.clusters
    return ClusterMembers(
        rows["latent"].to_numpy(),
        rows["cluster"].to_numpy(),
        clusters["size"].to_numpy().astype(np.int64),
        clusters["space"].cast("string").to_numpy(zero_copy_only=False),
    )


def overlaps(
    clusters: ClusterMembers, members: Iterable[int], space: Space | None = None
) -> Floats:
    """The Jaccard index of a set of latents with each cluster [n_clusters]; 0 in other spaces."""
    own = np.unique(np.fromiter(members, dtype=np.int64))
    inside = np.isin(clusters.latents, own)
    shared = np.bincount(clusters.clusters[inside], minlength=len(clusters.sizes))
    jaccard: Floats = shared / np.maximum(clusters.sizes + len(own) - shared, 1)
    if space is not None:
        jaccard[clusters.spaces != space] = 0
    return jaccard


def _attachment(
    clusters: ClusterMembers, subject: Subject, put_on: Mapping[str, int | None]
) -> Attachment:
    space = None if subject.origin is None else subject.origin.space
    jaccard = overlaps(clusters, subject.members, space)
    if subject.key in put_on:
        chosen = put_on[subject.key]
        if chosen is None:
            return Attachment(subject, None, 0.0, "removed")
        if 0 <= chosen < len(jaccard):
            own = overlaps(clusters, subject.members)
            return Attachment(subject, chosen, float(own[chosen]), "reader")
    best = int(jaccard.argmax()) if len(jaccard) else 0
    overlap = float(jaccard[best]) if len(jaccard) else 0.0
    if overlap == 0:
        return Attachment(subject, None, 0.0, "changed")
    if overlap == 1:
        return Attachment(subject, best, 1.0, "same")
    return Attachment(subject, best, overlap, "overlap" if overlap >= LEAST_OVERLAP else "changed")
