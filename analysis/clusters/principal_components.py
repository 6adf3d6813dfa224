"""Principal components of the joint output of a cluster of latents.

Engels et al. 2024: on the tokens where any member is active, the cluster by itself writes
x = sum over its members of activation x row of W_dec. The principal components of these x show a
shape that the members make together, such as a circle of weekdays.

A build computes the components, since it has the decoder (`component_tables.py`). A bundle stores
little of them: the share of the variance of each of the first components, and for each member the
products of its decoder row with them (`loadings`). The scores of a token are its stored activations
times the loadings, so a bundle shows them without the SAE.

Both use a sample of tokens. A token is in the sample of a cluster if its hash is below a limit, so
the same tokens are sampled in a build and in a bundle, in any order and any block.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from analysis.bundle import Activations, Bundle
from analysis.runtime.arrays import Bools, Float32s, Floats, Int32s, Ints, UInt32s
from analysis.runtime.hashing import GOLDEN_GAMMA, mixed

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SAMPLE = 4_096
"""Approximate number of tokens from which the components of a cluster are computed."""
KEPT = 8
"""Components that are stored of each cluster, if it has as many."""
LEAST_SHARE = 1e-6
"""Share of the variance below which a component is rounding error and is not stored."""


@dataclass(frozen=True)
class Components:
    """The principal components of one cluster."""

    shares: Floats
    """[k] of the variance, descending."""
    loadings: Floats
    """[m, k], the members' decoder rows on the components; the largest of each is positive."""


@dataclass(frozen=True)
class Reconstruction:
    """A sample of the tokens on which a cluster is active, in its principal components."""

    tokens: Ints
    """[n] rows of the token table, ascending."""
    scores: Floats
    """[n, components], centred on the sample."""
    shares: Floats
    """[components] of the variance, as the build computed them."""
    strongest: Ints
    """[n] the member with the largest activation; ties go to the smaller id."""
    active: int
    """Kept tokens on which any member is active."""
    rests_on: int
    """Tokens from which the build computed the components."""


@dataclass(frozen=True)
class SampledEntries:
    """The activations of a cluster's members on its sampled tokens, one entry per pair."""

    tokens: UInt32s
    """[e] rows of the token table."""
    members: Ints
    """[e] places among the ascending members."""
    activations: Floats
    """[e]"""


def principal_components(activations: "csr_matrix", decoder: Float32s) -> Components:
    """The first components of activations [n, m] x decoder [m, d], centred.

    They are computed in the span of the members, in min(m, d) dimensions: with W^T = Q R, the
    products A W and A R^T have the same principal components up to the rotation Q, and the loadings
    are R^T V.
    """
    from scipy.linalg import eigh  # noqa: PLC0415 - SciPy delays the first page by 0.2 s

    rows = decoder.astype(np.float64)
    if rows.shape[0] < rows.shape[1]:
        rows = np.asarray(np.linalg.qr(rows.T, mode="r")).T
    written = np.asarray(activations @ rows)
    written -= written.mean(axis=0)
    covariance = written.T @ written / max(len(written), 1)
    width, total = len(covariance), float(np.trace(covariance))
    if total <= 0.0:
        return Components(np.zeros(0), np.zeros((len(rows), 0)))
    last = width - 1
    values, vectors = eigh(
        covariance, subset_by_index=(max(width - KEPT, 0), last), check_finite=False
    )
    shares = values[::-1] / total
    loadings = (rows @ vectors)[:, ::-1][:, shares > LEAST_SHARE]
    largest = np.take_along_axis(loadings, np.abs(loadings).argmax(axis=0)[None], axis=0)
    return Components(shares[shares > LEAST_SHARE], loadings * np.where(largest < 0, -1.0, 1.0))


def sampled(tokens: Ints | UInt32s, active: int, size: int) -> Bools:
    """Which rows of the token table are in a sample of about `size` of `active` tokens.

    A row is in the sample if the hash of its number is below a limit.
    """
    if active <= size:
        return np.ones(len(tokens), dtype=bool)
    hashes = mixed(tokens.astype(np.uint64) + np.uint64(GOLDEN_GAMMA))
    return np.asarray(hashes < np.uint64(size / active * 2.0**64))


def reconstruct(bundle: Bundle, cluster: int, size: int = SAMPLE) -> Reconstruction:
    """A sample of about `size` tokens of a cluster in its components; reads only its members.

    Empty for a cluster that the bundle does not have.
    """
    active = _active_tokens(bundle, cluster)
    components = bundle.cluster_components.filter(
        pc.equal(bundle.cluster_components["cluster"], cluster)
    )
    rows = bundle.cluster_loadings.filter(pc.equal(bundle.cluster_loadings["cluster"], cluster))
    loadings = rows["loadings"].combine_chunks().flatten().to_numpy().astype(np.float64)
    loadings = loadings.reshape(rows.num_rows, components.num_rows)
    members = rows["latent"].to_numpy()
    entries = sampled_entries(bundle.activations, members, active, size)
    tokens, place = np.unique(entries.tokens, return_inverse=True)
    scores = np.zeros((len(tokens), components.num_rows))
    for k in range(components.num_rows):
        weights = entries.activations * loadings[entries.members, k]
        scores[:, k] = np.bincount(place, weights, minlength=len(tokens))
    largest = np.full(len(tokens), -np.inf)
    np.maximum.at(largest, place, entries.activations)
    # Backwards, so that the smallest of members with equal activations is written last.
    at = np.flatnonzero(entries.activations == largest[place])[::-1]
    strongest = np.zeros(len(tokens), dtype=np.int64)
    strongest[place[at]] = members[entries.members[at]]
    return Reconstruction(
        tokens=tokens.astype(np.int64),
        scores=scores - scores.mean(axis=0) if len(scores) else scores,
        shares=components["share"].to_numpy().astype(np.float64),
        strongest=strongest,
        active=active,
        rests_on=int(components["tokens"][0].as_py()) if components.num_rows else 0,
    )


def sampled_entries(
    activations: Activations, members: Int32s, active: int, size: int
) -> SampledEntries:
    """The activations of ascending members on about `size` of their `active` tokens."""
    tokens: list[UInt32s] = [np.zeros(0, np.uint32)]
    values: list[Floats] = [np.zeros(0)]
    for _, rows, activation in activations.each_of(members):
        in_sample = sampled(rows, active, size)
        tokens.append(rows[in_sample])
        values.append(activation[in_sample].astype(np.float64))
    places = np.repeat(np.arange(len(members)), [len(rows) for rows in tokens[1:]])
    return SampledEntries(np.concatenate(tokens), places, np.concatenate(values))


def _active_tokens(bundle: Bundle, cluster: int) -> int:
    row = bundle.clusters.filter(pc.equal(bundle.clusters["cluster"], cluster))
    return int(row["active_tokens"][0].as_py()) if row.num_rows else 0
