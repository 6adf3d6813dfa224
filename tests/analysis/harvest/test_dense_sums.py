"""Sums over dense activations, in numpy and where a device computes them."""

import numpy as np
import pytest
import torch

from analysis.harvest.dense_sums import input_sums, square_sum, variance_sums

X = torch.randn(50, 7, generator=torch.Generator().manual_seed(0)) * 100


@pytest.mark.parametrize("on_cpu", [True, False])
def test_sums_are_those_of_float64(on_cpu: bool) -> None:
    wide = X.numpy().astype(np.float64)
    assert square_sum(X, on_cpu=on_cpu) == pytest.approx((wide**2).sum(), rel=1e-14)
    sums = input_sums(X, on_cpu=on_cpu)
    assert sums.squares == pytest.approx((wide**2).sum(), rel=1e-14)
    np.testing.assert_allclose(sums.columns, wide.sum(axis=0), rtol=1e-12)
    explained = variance_sums(X, 10.0, on_cpu=on_cpu).explained_variance
    centred = ((wide - wide.mean(axis=0)) ** 2).sum()
    assert explained == pytest.approx(1 - 10 / centred, rel=1e-9)
