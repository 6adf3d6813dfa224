"""The ranking of pairs, against independent counts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.bundle import Bundle
from analysis.cooccurrence.association import MEASURES
from analysis.runtime.errors import InputError
from charts.heatmap import cooccurrence_heatmap
from charts.pairs import pair_rows, ranked_pairs
from tests.charts.dense import dense_matrix, phi

CHOSEN = np.arange(0, 120, 3)


@pytest.fixture(scope="module")
def active(tiny: Bundle) -> np.ndarray:
    return dense_matrix(tiny)


@pytest.fixture(scope="module")
def kept(tiny: Bundle) -> np.ndarray:
    return tiny.tokens["kept"].to_numpy(zero_copy_only=False).astype(bool)


@pytest.mark.parametrize("within", [False, True])
def test_each_unordered_pair_is_listed_once_and_none_is_lost(tiny: Bundle, within: bool) -> None:
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
    listed = [frozenset(pair) for pair in zip(rows["latent"], rows["partner"], strict=True)]
    assert len(listed) == len(set(listed)) == len(wanted)
    assert set(listed) == wanted
    assert rows["latent"].isin(chosen).all()


def test_pairs_are_ranked_by_the_measure_and_equal_numpy(
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
    flagged = [
        flags[a] in ("dense", "ultralow") or flags[b] in ("dense", "ultralow")
        for a, b in zip(every["latent"], every["partner"], strict=True)
    ]
    # About half of the pairs have fewer joint tokens than this.
    least = int(every["joint_tokens"].median())
    settings = tiny.manifest.parameters.model_copy(update={"minimum_joint": least})
    strict = replace(tiny, manifest=tiny.manifest.model_copy(update={"parameters": settings}))
    figure = ranked_pairs(strict, CHOSEN)
    few = (every["joint_tokens"] < least) & ~np.array(flagged)
    assert 0 < sum(flagged) < len(flagged)
    for flag in ("dense", "ultralow"):
        assert any(flags[a] == flag for a in every["latent"])
        assert any(flags[b] == flag for b in every["partner"])
    assert 0 < sum(few) < len(few) - sum(flagged)
    assert (figure.note or "").startswith(f"{sum(flagged)} pairs")
    assert f"{sum(few)} pairs with fewer than {least} joint tokens" in (figure.note or "")
    shown = pair_rows(strict, CHOSEN)
    assert shown.num_rows == len(flagged) - sum(flagged) - sum(few)
    assert min(shown["joint_tokens"].to_pylist()) >= least


def test_an_empty_selection_gives_an_empty_figure(tiny: Bundle) -> None:
    figure = ranked_pairs(tiny, np.array([], dtype=int))
    assert figure.rows.num_rows == 0
    assert figure.chart.to_dict()


def test_unknown_measures_are_refused(tiny: Bundle) -> None:
    for draw in (ranked_pairs, cooccurrence_heatmap):
        with pytest.raises(InputError, match="no measure 'chi'"):
            draw(tiny, CHOSEN, "chi")
