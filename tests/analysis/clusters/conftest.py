"""A planted hierarchy: twenty groups of fifteen latents in four families of five groups."""

import numpy as np
import pytest

from analysis.clusters.clustering import Clustering, assemble, cluster
from analysis.decoder.graph import decoder_graph

GROUPS, MEMBERS, D = 20, 15, 64


def planted() -> np.ndarray:
    """Decoder float32 [300, 64]; the cosine inside a group is about .5."""
    rng = np.random.default_rng(0)
    families = np.repeat(rng.normal(size=(4, D)), 5, axis=0)
    centres = np.repeat(0.8 * families + rng.normal(size=(GROUPS, D)), MEMBERS, axis=0)
    return (centres + 1.1 * rng.normal(size=centres.shape)).astype(np.float32)


def clustered(W: np.ndarray, eligible: np.ndarray | None = None, seed: int = 0) -> Clustering:
    """The clusters of a decoder [F, d]; None: every latent is eligible."""
    mask = np.ones(len(W), dtype=bool) if eligible is None else eligible
    clusters = cluster("decoder", decoder_graph(W, eligible=mask, k=30), mask, W, seed=seed)
    return assemble([clusters], len(W))


@pytest.fixture(scope="session")
def found() -> Clustering:
    return clustered(planted())
