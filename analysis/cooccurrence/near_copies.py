"""Latents that fire on nearly the same tokens as another one: how redundant an SAE is."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.bundle.kept_for_bundle import kept_for_bundle
from analysis.cooccurrence.association import measure_table
from analysis.runtime.arrays import Ints

NEARLY_TOGETHER = 0.8
"""phi from which two latents fire nearly together."""


@kept_for_bundle
def near_copies(bundle: Bundle) -> Ints:
    """The latents [n] with a partner of a phi of at least NEARLY_TOGETHER, ascending.

    A pair shares at least the bundle's minimum of joint tokens: two rare latents that fire once, on
    the same token, have phi 1. The bundle stores the strongest partners of each latent by phi, so
    no latent is missed.
    """
    active = bundle.latents["active_tokens"].to_numpy()
    least = bundle.manifest.parameters.minimum_joint
    pieces = bundle.partners.pieces(["latent", "partner", "joint_tokens"])
    possible = [_possible(piece, active, least) for piece in pieces]
    if not possible:
        return np.empty(0, dtype=np.int64)
    pairs = pa.concat_tables(possible)
    phi = measure_table(pairs, bundle.latents, bundle.manifest.tokens, ["phi"])["phi"].to_numpy()
    near = pairs.filter(pa.array(phi >= NEARLY_TOGETHER))
    return np.union1d(near["latent"].to_numpy(), near["partner"].to_numpy()).astype(np.int64)


def _possible(pairs: pa.Table, active: Ints, least: int) -> pa.Table:
    """The pairs with `least` joint tokens whose phi may reach NEARLY_TOGETHER.

    phi is at most the joint tokens over the geometric mean of both counts.
    """
    pairs = pairs.filter(pc.greater_equal(pairs["joint_tokens"], least))
    a, b = (active[pairs[name].to_numpy()] for name in ("latent", "partner"))
    mean = np.sqrt(a.astype(np.float64) * b)
    reaches = pairs["joint_tokens"].to_numpy() >= NEARLY_TOGETHER * mean - 1e-9
    return pairs.filter(pa.array(reaches))


@dataclass(frozen=True)
class CopiesPerToken:
    """How many of the near-copies fire on the kept tokens on which any of them fires."""

    tokens: int
    mean: float
    most: int


@kept_for_bundle
def copies_per_token(bundle: Bundle) -> CopiesPerToken:
    """The near-copies that are active at once; `tokens` is 0 if there are none."""
    rows, _ = bundle.activations.tokens_of(near_copies(bundle))
    kept = bundle.tokens["kept"].to_numpy()
    _, counts = np.unique(rows[kept[rows].astype(bool)], return_counts=True)
    if not len(counts):
        return CopiesPerToken(0, 0.0, 0)
    return CopiesPerToken(len(counts), float(counts.mean()), int(counts.max()))
