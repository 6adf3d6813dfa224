"""The ranking of pairs, against independent counts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from analysis.bundle import Bundle, LatentTable, write_table
from analysis.cooccurrence.association import MEASURES
from analysis.runtime.errors import InputError
from charts.core.measures import value_texts
from charts.heatmap import cooccurrence_heatmap
from charts.pairs import MOST_LISTED, ranked_pairs, strongest_pairs
from tests.charts.dense import dense_matrix, phi
from tests.charts.drawn import domain_of, drawn_rows

CHOSEN = np.arange(0, 120, 3)


def pair_rows(bundle: Bundle, latents: np.ndarray, measure: str = "phi", **hide: bool) -> pa.Table:
    return strongest_pairs(bundle, latents, measure, most=None, **hide).rows


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


@pytest.mark.parametrize("measure", ["phi", "joint", "p_b_given_a"])
def test_the_strongest_are_the_first_of_all_even_among_equals(tiny: Bundle, measure: str) -> None:
    every = strongest_pairs(tiny, CHOSEN, measure, hide_rare=False, most=None)
    values = every.rows[measure].to_numpy()
    assert every.rows.num_rows == every.total < MOST_LISTED
    ties = np.flatnonzero(values[1:] == values[:-1]) + 1
    assert len(ties) or measure == "phi"
    for most in (1, 2, *ties[:3].tolist(), every.total - 1, every.total, every.total + 1):
        some = strongest_pairs(tiny, CHOSEN, measure, hide_rare=False, most=most)
        assert some.rows.equals(every.rows.slice(0, most))
        assert some[1:] == every[1:]


def test_pairs_that_both_latents_list_are_counted_once(tiny: Bundle, tmp_path: Path) -> None:
    stored = {(20, 21): 9, (21, 20): 9, (20, 22): 2, (22, 20): 2, (22, 24): 1, (23, 20): 8}
    stored |= {(20, 23): 8, (23, 24): 1}
    bundle = bundle_of(tiny, stored, {20: 40, 21: 30, 22: 40, 24: 50}, tmp_path)
    pairs = strongest_pairs(bundle, np.arange(20, 25))  # 23 is ultralow
    assert (pairs.total, pairs.hidden, pairs.rare) == (1, 2, 2)
    assert ends_of(pairs.rows) == [(21, 20)]
    none = strongest_pairs(bundle, np.array([30]))
    assert (none.rows.num_rows, none.total, none.hidden, none.rare) == (0, 0, 0, 0)


def test_each_latent_of_a_pair_is_named_on_its_own_line(tiny: Bundle) -> None:
    figure = ranked_pairs(tiny, CHOSEN, limit=5)
    rows = drawn_rows(figure, "pair")
    assert len(rows) == 5
    for row in rows:
        first, second = row["pair"].split("\n")  # labels have no line breaks in charts
        assert first.split(" ")[0] == str(row["latent"])
        assert second.split(" ")[:2] == ["+", str(row["partner"])]
        assert max(len(first), len(second)) <= 32
    axis = figure.specification()["layer"][0]["encoding"]["y"]["axis"]
    assert "'\\n'" in axis["labelExpr"]


def test_an_empty_selection_gives_an_empty_figure(tiny: Bundle) -> None:
    figure = ranked_pairs(tiny, np.array([], dtype=int))
    assert figure.rows.num_rows == 0
    assert figure.chart.to_dict()


def test_unknown_measures_are_refused(tiny: Bundle) -> None:
    for draw in (ranked_pairs, cooccurrence_heatmap):
        with pytest.raises(InputError, match="no measure 'chi'"):
            draw(tiny, CHOSEN, "chi")


Stored = dict[tuple[int, int], int]
"""Joint tokens by latent and partner."""


def bundle_of(tiny: Bundle, stored: Stored, active: dict[int, int], folder: Path) -> Bundle:
    """The tiny bundle with these partners; `active` has active tokens of live latents."""
    stored = dict(sorted(stored.items()))
    latent, partner = np.array(list(stored)).T
    table = {"latent": latent, "partner": partner, "joint_tokens": list(stored.values())}
    rest = {"joint_documents": [1] * len(stored), "activation_cosine": [0.5] * len(stored)}
    rest["activation_pearson"] = [0.5] * len(stored)
    write_table(folder, "partners", pa.table(table | rest))
    counts = tiny.latents["active_tokens"].to_numpy().copy()
    counts[list(active)] = list(active.values())
    place = tiny.latents.column_names.index("active_tokens")
    bundle = replace(tiny)
    vars(bundle)["latents"] = tiny.latents.set_column(place, "active_tokens", pa.array(counts))
    vars(bundle)["partners"] = LatentTable(folder / "partners.parquet")
    return bundle


def ends_of(rows: pa.Table) -> list[tuple[int, int]]:
    return list(zip(rows["latent"].to_pylist(), rows["partner"].to_pylist(), strict=True))


# Latents 20 to 29 are live.
def test_pairs_of_equal_strength_are_in_the_order_of_their_ids(
    tiny: Bundle, tmp_path: Path
) -> None:
    stored = {(20, 26): 9, (20, 27): 9, (21, 24): 9, (22, 28): 12, (22, 29): 9}
    bundle = bundle_of(tiny, stored, dict.fromkeys(range(20, 30), 40), tmp_path)
    for measure in ("phi", "joint"):
        rows = pair_rows(bundle, np.array([22, 21, 20]), measure)
        assert ends_of(rows) == [(22, 28), (20, 26), (20, 27), (21, 24), (22, 29)]


def test_the_rarer_latent_of_two_selected_ones_comes_first_and_of_equals_the_smaller_id(
    tiny: Bundle, tmp_path: Path
) -> None:
    stored = {(20, 21): 9, (21, 20): 9, (22, 20): 8, (24, 22): 7, (22, 25): 6}
    active = {20: 40, 21: 30, 22: 40, 24: 50, 25: 20}
    bundle = bundle_of(tiny, stored, active, tmp_path)
    rows = pair_rows(bundle, np.array([20, 21, 22, 24]), "joint")
    # Latent 25 is rarer than 22, but it is not selected.
    assert ends_of(rows) == [(21, 20), (20, 22), (22, 24), (22, 25)]
    assert rows["p_b_given_a"].to_pylist() == [9 / 30, 8 / 40, 7 / 40, 6 / 40]


def test_the_figure_has_thirty_pairs_by_default_and_states_how_many_there_are(
    tiny: Bundle, tmp_path: Path
) -> None:
    stored = {(20, 22 + i): 3 + i for i in range(26)} | {(21, 24 + i): 2 + i for i in range(9)}
    bundle = bundle_of(tiny, stored, dict.fromkeys(range(20, 50), 60), tmp_path)
    # One pair has 2 joint tokens; pairs with latents 23 and 51 are with ultralow ones.
    figure = ranked_pairs(bundle, np.array([20, 21, 21]), hide_flags=False)
    assert figure.rows.num_rows == 30
    assert figure.caption.parameters["pairs"] == "30 of 34 stored"
    assert figure.caption.parameters["latents"] == 2
    note = figure.note or ""
    assert "1 pair with fewer than 3 joint tokens is hidden: too few" in note
    assert "Pairs with dense and ultralow latents are included" in note
    assert "hidden: they would dominate" not in note
    within = ranked_pairs(bundle, np.arange(20, 26), "joint", within=True, hide_flags=False)
    assert ends_of(within.rows) == [(20, 25), (20, 24), (20, 23), (20, 22), (21, 25)]


@pytest.mark.parametrize("measure", ["jaccard", "lift"])
def test_the_axis_ends_behind_the_largest_value(tiny: Bundle, measure: str) -> None:
    figure = ranked_pairs(tiny, CHOSEN, measure)
    largest = figure.rows[measure][0].as_py()
    assert domain_of(figure, "x") == pytest.approx([0, 1.12 * largest])
    figure = ranked_pairs(tiny, CHOSEN, "lift")
    largest = figure.rows["lift"][0].as_py()
    assert domain_of(figure, "x") == pytest.approx([0, 1.12 * largest])
    texts = [row["text"] for row in drawn_rows(figure, "pair", "text")]
    assert texts == value_texts(figure.rows["lift"], "lift")


def test_a_ranking_keeps_its_thousand_strongest_pairs(tiny: Bundle, tmp_path: Path) -> None:
    ends = [(a, b) for a in range(20, 70) for b in range(a + 1, 70)][:1_001]
    stored = {pair: 3 + i // 500 for i, pair in enumerate(ends)}
    bundle = bundle_of(tiny, stored, dict.fromkeys(range(20, 70), 40), tmp_path)
    pairs = strongest_pairs(bundle, np.arange(20, 70), "joint", hide_flags=False)
    assert pairs.total == 1_001
    # 501 pairs have 4 joint tokens or more, and of the others the last one is left out.
    assert sorted(ends_of(pairs.rows)) == sorted(set(ends) - {ends[499]})
