"""The density histogram, against independent counts."""

import numpy as np
import pytest

from analysis.bundle import Bundle
from charts.density import density_histogram

THIRD = np.arange(120) % 3 == 0


@pytest.mark.parametrize("mask", [None, THIRD])
def test_density_bins_hold_the_latents_between_their_edges(
    tiny: Bundle, mask: np.ndarray | None
) -> None:
    density = tiny.latents["density"].to_numpy()
    chosen = np.ones(len(density), bool) if mask is None else mask
    rows = density_histogram(tiny, mask).rows.to_pylist()
    for row in rows[1:]:
        inside = (density >= row["density_from"] * (1 - 1e-9)) & (
            density < row["density_to"] * (1 - 1e-9)
        )
        assert row["latents"] == inside.sum()
        assert row["selected"] == (inside & chosen).sum()
    assert rows[0]["bin"] == "dead"
    assert rows[0]["latents"] == (density == 0).sum() > 0
    assert sum(row["latents"] for row in rows) == len(density)
    assert sum(row["selected"] for row in rows) == chosen.sum()


def test_density_bins_are_contiguous_and_the_dead_bar_is_separate(tiny: Bundle) -> None:
    rows = density_histogram(tiny).rows.to_pandas()
    assert np.allclose(rows["density_from"][2:], rows["density_to"][1:-1])
    assert np.allclose(10.0 ** rows["log10_density"][1:], rows["density_from"][1:])
    assert rows["log10_density_end"][0] < rows["log10_density"][1]
    assert rows["density_to"].iloc[-1] == 1.0


def test_the_note_explains_dead_latents(tiny: Bundle) -> None:
    note = density_histogram(tiny).note or ""
    assert f"{tiny.manifest.tokens:,} tokens" in note
    assert "3/N = 1.9e-3" in note  # N is 1,550
