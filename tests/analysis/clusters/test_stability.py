"""Agreement equals scikit-learn's adjusted Rand index; overlaps equal Hennig's definition."""

import subprocess
import sys
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import adjusted_rand_score

from analysis.clusters.stability import (
    WEAK,
    agreement,
    mean_agreement,
    recovery,
    weak,
)


def singletons(labels: np.ndarray) -> np.ndarray:
    """The labels with every noise latent in a separate cluster."""
    labels = labels.copy()
    labels[labels < 0] = 1_000 + np.arange((labels < 0).sum())
    return labels


def partly_equal(seed: int, noise: bool = True) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    least = -1 if noise else 0
    first, second = rng.integers(least, 6, 300), rng.integers(least, 4, 300)
    second[:150] = first[:150]
    return first, second


@pytest.mark.parametrize("noise", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_agreement_is_the_adjusted_rand_index_with_noise_as_singletons(
    seed: int, noise: bool
) -> None:
    first, second = partly_equal(seed, noise)
    expected = adjusted_rand_score(singletons(first), singletons(second))
    assert agreement(first, second) == pytest.approx(expected, abs=1e-12)
    assert agreement(second, first) == pytest.approx(expected, abs=1e-12)


def test_equal_clusterings_agree_fully_but_pure_noise_does_not() -> None:
    first, _ = partly_equal(3)
    assert agreement(first, first) == pytest.approx(1.0)
    assert agreement(np.zeros(9, int), np.zeros(9, int)) == 1.0
    assert agreement(np.full(9, -1), np.full(9, -1)) == 0.0
    assert agreement(np.array([0, 0, 1]), np.full(3, -1)) == 0.0


def test_agreement_on_noise_earns_nothing() -> None:
    labels = np.repeat([0, 1, -1], 20)
    other = labels.copy()
    other[:5] = 1
    assert agreement(np.append(labels, np.full(500, -1)), np.append(other, np.full(500, -1))) < 0.99
    assert agreement(labels, other) < 0.99


def test_mean_agreement_is_over_every_pair_once() -> None:
    labels = [*partly_equal(0), *partly_equal(1)]
    expected = np.mean([agreement(a, b) for a, b in combinations(labels, 2)])
    assert mean_agreement(labels) == pytest.approx(expected, abs=1e-15)
    assert len({agreement(a, b) for a, b in combinations(labels, 2)}) == 6


def test_half_is_the_limit_of_weak() -> None:
    assert WEAK == 0.5


def test_pages_get_the_limit_without_numba_and_torch() -> None:
    code = "import sys, analysis.clusters.stability; print({'torch', 'numba'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_recovery_is_the_smaller_of_both_and_ignores_missing_values() -> None:
    table = pa.table({"stability": [0.9, 0.4, None, None], "bootstrap": [0.7, 0.8, 0.3, None]})
    assert recovery(table).to_pylist() == [0.7, 0.4, 0.3, None]


def test_what_is_not_believable_is_weak_and_without_nulls_what_has_a_small_recovery() -> None:
    rows = {
        "stability": [0.9, 0.9, 0.9, 0.5, 0.49, 0.9],
        "bootstrap": [0.9, 0.9, 0.9, 0.9, 0.9, 0.3],
        "believable": [True, False, None, None, None, None],
    }
    assert weak(pa.table(rows)).to_pylist() == [False, True, False, False, True, True]
