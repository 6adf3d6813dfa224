"""Contexts of a pair, against independent counts."""

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.cooccurrence.pair import WHERE, Pair, read_pair
from charts.pair_contexts import pair_context_strips

A, B = 5, 13


@pytest.fixture(scope="module")
def pair(tiny: Bundle) -> Pair:
    return read_pair(tiny, A, B, threshold=2.0, window=50)


@pytest.mark.parametrize("where", WHERE)
def test_context_rows_are_contiguous_windows_with_both_latents(
    tiny: Bundle, pair: Pair, where: str
) -> None:
    rows = pair_context_strips(tiny, pair, where).rows.to_pandas()  # type: ignore[arg-type]
    picked = rows[rows["is_picked"]]
    assert len(picked) == rows["context"].nunique() > 0
    assert ((picked["a"] > 2) == (where != "b")).all()
    assert ((picked["b"] > 2) == (where != "a")).all()
    assert (picked["start"] == 0).all()
    for _, line in rows.groupby("context"):
        assert (line["start"].to_numpy()[1:] == line["end"].to_numpy()[:-1]).all()
    for name, latent in (("a", A), ("b", B)):
        most = tiny.latents["max"][latent].as_py()
        np.testing.assert_allclose(rows[f"{name}_ratio"], rows[name] / most, rtol=1e-6)
