from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.bundle import Bundle
from analysis.cooccurrence.association import MEASURES
from analysis.runtime.errors import InputError
from charts import heatmap
from charts.heatmap import cooccurrence_heatmap
from charts.latent import latent_partners
from charts.pairs import pair_rows, ranked_pairs

CHOSEN = np.arange(0, 120, 3)


def dense_matrix(bundle: Bundle) -> np.ndarray:
    """Activations [tokens, latents] bool from the file sorted by latent."""
    active = np.zeros((bundle.tokens.num_rows, bundle.latents.num_rows), bool)
    for latent in range(bundle.latents.num_rows):
        active[bundle.activations.of_latent(latent)[0], latent] = True
    return active


def phi(active: np.ndarray, kept: np.ndarray, a: int, b: int) -> float:
    return float(np.corrcoef(active[kept, a], active[kept, b])[0, 1])


@pytest.fixture(scope="module")
def active(tiny: Bundle) -> np.ndarray:
    return dense_matrix(tiny)


@pytest.fixture(scope="module")
def kept(tiny: Bundle) -> np.ndarray:
    return tiny.tokens["kept"].to_numpy(zero_copy_only=False).astype(bool)


@pytest.mark.parametrize("within", [False, True])
def test_each_unordered_pair_stands_once_and_none_is_lost(tiny: Bundle, within: bool) -> None:
    rows = pair_rows(
        tiny, CHOSEN, "jaccard", within=within, hide_flags=False, hide_rare=False
    ).to_pandas()
    stored = pd.DataFrame(tiny.partners.all().to_pandas())
    chosen = set(CHOSEN.tolist())
    wanted = {
        frozenset((a, b))
        for a, b in zip(stored["latent"], stored["partner"], strict=True)
        if a in chosen and (b in chosen or not within)
    }
    found = [frozenset(pair) for pair in zip(rows["latent"], rows["partner"], strict=True)]
    assert len(found) == len(set(found)) == len(wanted)
    assert set(found) == wanted
    assert rows["latent"].isin(chosen).all()


def test_pairs_are_ranked_by_the_measure_and_measured_rightly(
    tiny: Bundle, active: np.ndarray, kept: np.ndarray
) -> None:
    rows = ranked_pairs(tiny, CHOSEN, "phi", limit=25).rows.to_pandas()
    assert len(rows) == 25
    assert rows["phi"].is_monotonic_decreasing
    for row in rows.itertuples():
        assert row.phi == pytest.approx(phi(active, kept, row.latent, row.partner), abs=1e-9)
        assert row.joint_tokens == (active[:, row.latent] & active[:, row.partner]).sum()
    assert set(MEASURES) - {"joint"} <= set(rows.columns)


def test_dense_latents_and_rare_pairs_are_hidden_and_counted(tiny: Bundle) -> None:
    every = pair_rows(tiny, CHOSEN, hide_flags=False, hide_rare=False).to_pandas()
    flags = tiny.latents["flag"].to_pylist()
    loud = [
        flags[a] in ("dense", "ultralow") or flags[b] in ("dense", "ultralow")
        for a, b in zip(every["latent"], every["partner"], strict=True)
    ]
    # So many joint tokens that about half of the pairs have fewer.
    least = int(every["joint_tokens"].median())
    settings = tiny.manifest.parameters.model_copy(update={"minimum_joint": least})
    strict = replace(tiny, manifest=tiny.manifest.model_copy(update={"parameters": settings}))
    figure = ranked_pairs(strict, CHOSEN)
    few = (every["joint_tokens"] < least) & ~np.array(loud)
    assert 0 < sum(loud) < len(loud)
    for flag in ("dense", "ultralow"):
        assert any(flags[a] == flag for a in every["latent"])
        assert any(flags[b] == flag for b in every["partner"])
    assert 0 < sum(few) < len(few) - sum(loud)
    assert (figure.note or "").startswith(f"{sum(loud)} pairs")
    assert f"{sum(few)} pairs with fewer than {least} joint tokens" in (figure.note or "")
    shown = pair_rows(strict, CHOSEN)
    assert shown.num_rows == len(loud) - sum(loud) - sum(few)
    assert min(shown["joint_tokens"].to_pylist()) >= least


def test_an_empty_selection_gives_an_empty_figure(tiny: Bundle) -> None:
    figure = ranked_pairs(tiny, np.array([], dtype=int))
    assert figure.rows.num_rows == 0
    assert figure.chart.to_dict()


def test_unknown_measures_are_refused(tiny: Bundle) -> None:
    for draw in (ranked_pairs, cooccurrence_heatmap):
        with pytest.raises(InputError, match="no measure 'chi'"):
            draw(tiny, CHOSEN, "chi")


def test_partners_of_a_latent(tiny: Bundle, active: np.ndarray, kept: np.ndarray) -> None:
    rows = latent_partners(tiny, 20, "phi", limit=8).rows.to_pandas()
    stored = tiny.partners.of(20)["partner"].to_pylist()
    values = sorted((phi(active, kept, 20, b) for b in stored), reverse=True)
    assert np.allclose(rows["phi"], values[:8])
    assert np.allclose(rows["p_b_given_a"], rows["joint_tokens"] / active[:, 20].sum())


def test_heatmap_cells_are_all_pairs_but_the_diagonal(
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
