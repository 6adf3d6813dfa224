"""The association graph against correlations of a dense matrix."""

import numpy as np
import pyarrow as pa
import pytest

from analysis.cooccurrence.partner_graph import partner_graph
from tests.analysis.cooccurrence.dense import gram_of

UNITS, LATENTS = 400, 12


@pytest.fixture(scope="module")
def phi() -> np.ndarray:
    """[F, F] correlations of the bits; latent 3 equals 2, latent 5 excludes 2, 11 is dead."""
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.asarray(np.corrcoef(_bits().T.astype(float))))


def _bits() -> np.ndarray:
    bits = np.random.default_rng(0).random((UNITS, LATENTS)) < 0.2
    bits[:, 3] = bits[:, 2]
    bits[:, 5] &= ~bits[:, 2]
    bits[:, 11] = False
    # Latents 8 and 9 are independent: 40 of 400 units, 20 of 200, 4 and 2 of them shared.
    bits[:, 8] = np.arange(UNITS) % 10 == 0
    bits[:, 9] = np.arange(UNITS) % 2 == np.arange(UNITS) // 200
    return np.asarray(bits)


def _tables() -> tuple[pa.Table, pa.Table]:
    gram = gram_of(_bits())
    latent, partner = np.nonzero(gram - np.diag(np.diag(gram)))
    pairs = {"latent": latent, "partner": partner, "joint_tokens": gram[latent, partner]}
    return pa.table(pairs), pa.table({"active_tokens": np.diag(gram)})


@pytest.mark.parametrize("k", [1, 3, 15])
def test_neighbours_are_the_k_partners_of_highest_positive_phi(phi: np.ndarray, k: int) -> None:
    pairs, latents = _tables()
    graph = partner_graph(pairs, latents, UNITS, k=k)
    assert graph.neighbours.shape == graph.cosines.shape == (LATENTS, k)
    for a in range(LATENTS):
        others = [b for b in range(LATENTS) if b != a and phi[a, b] > 1e-12]
        wanted = sorted(others, key=lambda b: (-round(phi[a, b], 12), b))[:k]
        missing = k - len(wanted)
        assert graph.neighbours[a].tolist() == wanted + [-1] * missing
        assert graph.cosines[a, : len(wanted)] == pytest.approx(phi[a, wanted], abs=1e-6)
        assert np.isnan(graph.cosines[a, len(wanted) :]).all()


def test_a_pair_that_meets_as_often_as_chance_is_no_edge() -> None:
    gram = gram_of(_bits())
    assert gram[8, 9] * UNITS == gram[8, 8] * gram[9, 9], "phi is exactly 0"
    pairs, latents = _tables()
    assert 9 not in partner_graph(pairs, latents, UNITS).neighbours[8]
