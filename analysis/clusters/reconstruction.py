"""What a cluster of latents writes together: the principal components of its reconstruction.

Engels et al. 2024: on the tokens on which any member is active, a cluster alone writes
x = sum over its members of activation x row of W_dec. The principal components of these x show a
shape that the members make together, such as a circle of weekdays.

The components are computed in a build, where the decoder is (`components.py`). What is stored of a
cluster is small: the share of the variance of each of the first components, and for each member
the products of its decoder row with them (`loadings`). The scores of a token are its stored
activations times these, so a bundle shows them without the SAE.

Both rest on a sample of tokens. A token is in the sample of a cluster when its hash is below the
cluster's share, so the same tokens are found again in a bundle, in any order and any block.
Memory in a build: the sampled activations of a batch of clusters within the memory setting, and
for one cluster `SAMPLE` tokens x min(members, d) x 8 bytes. The stored activations are read once
for each batch.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from analysis.bundle import Activations, Bundle
from analysis.runtime.hashing import GOLDEN_GAMMA, mixed

SAMPLE = 4_096
"""Tokens that the components of a cluster rest on, about."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reconstruction:
    """A sample of the tokens on which a cluster is active, in its principal components."""

    tokens: npt.NDArray[np.int64]
    """[n] rows of the token table, ascending."""
    scores: Floats
    """[n, components], centred on the sample."""
    shares: Floats
    """[components] of the variance, as the build found it."""
    strongest: npt.NDArray[np.int64]
    """[n] the member with the largest activation; the smaller id where two are equal."""
    active: int
    """Kept tokens on which any member is active."""
    rests_on: int
    """Tokens that the components were computed from."""


def sampled(tokens: npt.NDArray[np.integer], active: int, size: int) -> npt.NDArray[np.bool_]:
    """Which rows of the token table are in a sample of about `size` of `active` tokens.

    A row is in the sample if the hash of its number is below a limit.
    """
    if active <= size:
        return np.ones(len(tokens), dtype=bool)
    hashes = mixed(tokens.astype(np.uint64) + np.uint64(GOLDEN_GAMMA))
    return np.asarray(hashes < np.uint64(size / active * 2.0**64))


def reconstruct(bundle: Bundle, cluster: int, size: int = SAMPLE) -> Reconstruction:
    """A sample of about `size` tokens of a cluster in its components; reads its members alone."""
    active = _active_tokens(bundle, cluster)
    found = bundle.cluster_components.filter(
        pc.equal(bundle.cluster_components["cluster"], cluster)
    )
    rows = bundle.cluster_loadings.filter(pc.equal(bundle.cluster_loadings["cluster"], cluster))
    loadings = rows["loadings"].combine_chunks().flatten().to_numpy().astype(np.float64)
    loadings = loadings.reshape(rows.num_rows, found.num_rows)
    members = rows["latent"].to_numpy()
    tokens, owner, values = sampled_entries(bundle.activations, members, active, size)
    distinct, place = np.unique(tokens, return_inverse=True)
    scores = np.zeros((len(distinct), found.num_rows))
    for k in range(found.num_rows):
        scores[:, k] = np.bincount(place, values * loadings[owner, k], minlength=len(distinct))
    order = np.lexsort((owner, -values, place))
    first = np.searchsorted(place[order], np.arange(len(distinct)))
    return Reconstruction(
        tokens=distinct.astype(np.int64),
        scores=scores - scores.mean(axis=0) if len(scores) else scores,
        shares=found["share"].to_numpy().astype(np.float64),
        strongest=members[owner[order][first]].astype(np.int64),
        active=active,
        rests_on=int(found["tokens"][0].as_py()) if found.num_rows else 0,
    )


def _active_tokens(bundle: Bundle, cluster: int) -> int:
    row = bundle.clusters.filter(pc.equal(bundle.clusters["cluster"], cluster))
    return int(row["active_tokens"][0].as_py()) if row.num_rows else 0


def sampled_entries(
    activations: Activations, members: npt.NDArray[np.int32], active: int, size: int
) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.int64], Floats]:
    """Token, place among the ascending members, and activation, on the sampled tokens."""
    kept: list[tuple[npt.NDArray[np.integer], Floats]] = [(np.zeros(0, np.uint32), np.zeros(0))]
    for _, rows, own in activations.each_of(members):
        mine = sampled(rows, active, size)
        kept.append((rows[mine], own[mine].astype(np.float64)))
    owner = np.repeat(np.arange(-1, len(kept) - 1), [len(rows) for rows, _ in kept])
    tokens = np.concatenate([rows for rows, _ in kept])
    return tokens, owner, np.concatenate([values for _, values in kept])
