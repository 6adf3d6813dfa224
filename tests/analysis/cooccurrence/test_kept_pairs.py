"""Documents, cosines and correlations of kept pairs, against dense products."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from analysis.cooccurrence.incidence import Incidence
from analysis.cooccurrence.kept_pairs import joint_units, value_associations
from analysis.cooccurrence.strongest import Kept
from tests.analysis.cooccurrence.dense import incidence_of
from tests.threads import threads

TOKENS, LATENTS = 900, 300


def activations(seed: int = 0) -> npt.NDArray[np.float32]:
    """[tokens, latents]; latent 0 is nearly always active, latent 1 never, latent 2 constant."""
    rng = np.random.default_rng(seed)
    rates = np.minimum(0.05 * np.exp(rng.normal(0, 1, LATENTS)), 0.8)
    rates[0] = 0.98
    values = rng.gamma(3, 0.5, (TOKENS, LATENTS)) + 0.01
    values *= rng.random((TOKENS, LATENTS)) < rates
    values[:, 1] = 0
    values[:, 2] = 2.5
    return np.asarray(values, dtype=np.float32)


def incidence_with(values: npt.NDArray[np.float32]) -> Incidence:
    active = values > 0
    wide = values.astype(np.float64)
    n = np.maximum(active.sum(axis=0), 1)
    means = wide.sum(axis=0) / n
    return replace(
        incidence_of(active),
        values_by_latent=values.T[active.T],
        values_by_unit=values[active],
        means=means,
        deviations=(np.where(active, wide - means, 0) ** 2).sum(axis=0),
    )


def every_pair(values: npt.NDArray[np.float32], start: int = 0) -> Kept:
    """All partners of latents `start` and above: more than a byte can number."""
    active = (values > 0).astype(np.int64)
    gram = active.T @ active
    np.fill_diagonal(gram, 0)
    latents, partners = np.nonzero(gram[start:])
    sizes = np.bincount(latents, minlength=LATENTS - start)
    assert sizes.max() > np.iinfo(np.uint8).max
    return Kept(sizes, partners.astype(np.int32), gram[start:][latents, partners])


@pytest.mark.parametrize("start", [0, 7])
def test_cosine_and_correlation_of_every_pair(start: int) -> None:
    values = activations()
    kept = every_pair(values, start)
    got = value_associations(incidence_with(values), start, kept)
    wide = values.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=0)
    own = np.repeat(np.arange(start, LATENTS), kept.sizes)
    products = (wide.T @ wide)[own, kept.partners]
    assert got.cosine == pytest.approx(products / (lengths[own] * lengths[kept.partners]), abs=1e-9)
    with np.errstate(invalid="ignore", divide="ignore"):
        direct = np.nan_to_num(np.asarray(np.corrcoef(wide.T))[own, kept.partners])
    assert (direct[(own == 2) | (kept.partners == 2)] == 0).all(), "latent 2 is constant"
    assert got.pearson == pytest.approx(direct, abs=1e-9)


def test_any_number_of_threads_adds_the_same_sums() -> None:
    values = activations(1)
    kept, incidence = every_pair(values), incidence_with(values)
    with threads(1):
        alone = value_associations(incidence, 0, kept)
    with threads(4):
        together = value_associations(incidence, 0, kept)
    assert np.array_equal(alone.pearson, together.pearson)
    assert np.array_equal(alone.cosine, together.cosine)


@pytest.mark.parametrize("start", [0, 250])
def test_joint_units_of_every_pair(start: int) -> None:
    values = activations(2)
    kept = every_pair(values, start)
    assert np.array_equal(joint_units(incidence_of(values > 0), start, kept), kept.joint)
