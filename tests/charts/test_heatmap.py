"""The heatmap of co-occurrence, against independent counts."""

import numpy as np
import pytest

from analysis.bundle import Bundle
from charts import heatmap
from charts.heatmap import cooccurrence_heatmap
from tests.charts.dense import dense_matrix, phi

CHOSEN = np.arange(0, 120, 3)


@pytest.fixture(scope="module")
def active(tiny: Bundle) -> np.ndarray:
    return dense_matrix(tiny)


@pytest.fixture(scope="module")
def kept(tiny: Bundle) -> np.ndarray:
    return tiny.tokens["kept"].to_numpy(zero_copy_only=False).astype(bool)


def test_heatmap_cells_are_all_pairs_except_the_diagonal(
    tiny: Bundle, active: np.ndarray, kept: np.ndarray
) -> None:
    figure = cooccurrence_heatmap(tiny, CHOSEN[2:22], "phi")
    rows = figure.rows.to_pandas()
    assert len(rows) == 20 * 19
    assert (rows["latent"] != rows["partner"]).all()
    for row in rows.sample(60, random_state=0).itertuples():
        both = (active[:, row.latent] & active[:, row.partner]).sum()
        assert row.joint_tokens == both
        assert row.phi == pytest.approx(phi(active, kept, row.latent, row.partner), abs=1e-9)
    place = rows.groupby("latent")["row"].first()
    assert sorted(place) == list(range(20))
    assert place.equals(
        rows.groupby("partner")["column"].first().rename_axis("latent").rename("row")
    )


def test_heatmap_keeps_clusters_together(tiny: Bundle) -> None:
    rows = cooccurrence_heatmap(tiny, CHOSEN, "jaccard").rows.to_pandas()
    order = rows.groupby("row")["latent"].first().to_numpy()
    clusters = tiny.latents.to_pandas()["cluster"].fillna(-1).to_numpy()[order]
    changes = (np.diff(clusters) != 0).sum()
    assert changes == len(np.unique(clusters)) - 1
    assert clusters[-1] == -1


def test_heatmap_orders_blocks_of_a_known_matrix() -> None:
    block = np.kron(np.eye(3), np.ones((4, 4)))
    shuffle = np.random.default_rng(0).permutation(12)
    order = heatmap.similarity_order(block[np.ix_(shuffle, shuffle)], np.zeros(12, int))
    kinds = (shuffle // 4)[order]
    assert (np.diff(kinds) != 0).sum() == 2


def test_heatmap_draws_the_most_active_when_there_are_too_many(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heatmap, "MOST_LATENTS", 10)
    figure = cooccurrence_heatmap(tiny, CHOSEN)
    active = tiny.latents["active_tokens"].to_numpy()
    drawn = set(figure.rows["latent"].to_pylist())
    assert len(drawn) == 10
    assert min(active[list(drawn)]) >= max(active[[i for i in CHOSEN if i not in drawn]])
    assert "only the 10 with the most active tokens" in (figure.note or "")


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_small_heatmaps(tiny: Bundle, count: int) -> None:
    figure = cooccurrence_heatmap(tiny, CHOSEN[2 : 2 + count])
    assert figure.rows.num_rows == count * max(count - 1, 0)
    assert figure.chart.to_dict()
