"""Unit rows and norms equal numpy's on the whole matrix, in any block."""

import numpy as np
import pytest

from analysis.decoder import vectors
from analysis.decoder.vectors import row_norms, unit_rows


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    monkeypatch.setattr(vectors, "BLOCK", 7)
    drawn = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32) * 9
    drawn[4] = 0
    return drawn


def test_rows_have_length_one_and_zero_rows_stay_zero(weights: np.ndarray) -> None:
    lengths = np.linalg.norm(weights, axis=1, keepdims=True)
    expected = np.divide(weights, lengths, out=np.zeros_like(weights), where=lengths > 0)
    np.testing.assert_allclose(unit_rows(weights), expected, rtol=1e-6)
    assert unit_rows(weights.astype(np.float16)).dtype == np.float32


def test_selected_rows_are_the_same_rows(weights: np.ndarray) -> None:
    rows = np.array([29, 4, 4, 11, 0, 3, 7, 8, 20])
    np.testing.assert_array_equal(unit_rows(weights, rows), unit_rows(weights)[rows])


def test_norms_equal_numpys(weights: np.ndarray) -> None:
    np.testing.assert_allclose(row_norms(weights), np.linalg.norm(weights, axis=1), rtol=1e-6)
    assert row_norms(weights[:0]).shape == (0,)
