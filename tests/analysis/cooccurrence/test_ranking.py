"""Ranked partners against plain numpy, and every place that shows them against each other."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from analysis.bundle import Bundle, LatentTable, open_bundle, write_table
from analysis.cooccurrence.association import MEASURES
from analysis.cooccurrence.ranking import ranked_partners, reason_for_no_partners
from analysis.selection import Partners, evaluate
from charts import network
from charts.latent import latent_partners
from charts.network import neighbourhood
from pages.widgets.pickers import MOST_PARTNERS, strongest_partners
from tests.conftest import DEMO_BUNDLE

Floats = npt.NDArray[np.float64]
EVERY_16TH = range(0, 8192, 16)


@pytest.fixture(scope="module")
def demo() -> Bundle:
    return open_bundle(DEMO_BUNDLE)


@pytest.fixture(scope="module")
def stored(demo: Bundle) -> dict[str, npt.NDArray[np.int64]]:
    """The pairs of every 16th latent, with the 2x2 counts."""
    pairs = demo.partners.all()
    latent = pairs["latent"].to_numpy().astype(np.int64)
    chosen = latent % 16 == 0
    active = demo.latents["active_tokens"].to_numpy().astype(np.int64)
    partner = pairs["partner"].to_numpy().astype(np.int64)[chosen]
    return {
        "latent": latent[chosen],
        "partner": partner,
        "n11": pairs["joint_tokens"].to_numpy().astype(np.int64)[chosen],
        "n1": active[latent[chosen]],
        "n2": active[partner],
    }


def value_of(measure: str, counts: dict[str, npt.NDArray[np.int64]], total: int) -> Floats:
    """Independent formulas of the measures; no pair here has a zero count."""
    n = float(total)
    n11, n1, n2 = (counts[name].astype(np.float64) for name in ("n11", "n1", "n2"))
    n10, n01 = n1 - n11, n2 - n11
    n00 = n - n1 - n2 + n11
    covariance = n11 * n00 - n10 * n01
    pmi = np.log(n11) + np.log(n) - np.log(n1) - np.log(n2)
    g_squared = np.zeros(len(n11))
    for observed, row, column in ((n11, n1, n2), (n10, n1, n - n2), (n01, n - n1, n2),
                                  (n00, n - n1, n - n2)):  # fmt: skip
        share = np.where(observed > 0, observed, 1.0) * n / (row * column)
        g_squared += 2 * observed * np.log(share)
    return {
        "phi": covariance / np.sqrt(n1 * (n - n1) * n2 * (n - n2)),
        "jaccard": n11 / (n1 + n2 - n11),
        "npmi": pmi / (np.log(n) - np.log(n11)),
        "p_b_given_a": n11 / n1,
        "p_a_given_b": n11 / n2,
        "joint": n11,
        "dice": 2 * n11 / (n1 + n2),
        "overlap": n11 / np.minimum(n1, n2),
        "phi_over_max": covariance / (np.minimum(n1, n2) * n - n1 * n2),
        "lift": n11 * n / (n1 * n2),
        "pmi": pmi,
        "expected": n1 * n2 / n,
        "g_squared": g_squared,
    }[measure]


@pytest.mark.parametrize("measure", MEASURES)
def test_rows_of_the_demo_equal_numpy(
    demo: Bundle, stored: dict[str, npt.NDArray[np.int64]], measure: str
) -> None:
    value = value_of(measure, stored, demo.manifest.tokens)
    rows = ranked_partners(demo, np.array(EVERY_16TH), measure)
    wanted = (stored["n11"] >= 10) & (value > 1e-12)
    assert rows.num_rows == wanted.sum()
    found = rows[measure].to_numpy()
    latent = rows["latent"].to_numpy()
    same = latent[1:] == latent[:-1]
    assert (np.diff(latent) >= 0).all()
    assert (np.diff(found)[same] <= 0).all(), "each latent's rows descend in the measure"
    ties = same & (np.diff(found) == 0)
    assert (np.diff(rows["partner"].to_numpy())[ties] > 0).all(), "ties go to the smaller id"
    key = latent.astype(np.int64) << 32 | rows["partner"].to_numpy()
    oracle_key = (stored["latent"] << 32 | stored["partner"])[wanted]
    here, there = np.argsort(key), np.argsort(oracle_key)
    assert np.array_equal(key[here], oracle_key[there])
    assert np.allclose(found[here], value[wanted][there], rtol=1e-9, atol=1e-9)
    assert np.array_equal(rows["joint_tokens"].to_numpy()[here], stored["n11"][wanted][there])


@pytest.mark.parametrize("measure", MEASURES)
def test_chart_network_picker_and_selection_list_the_same_partners(
    demo: Bundle, monkeypatch: pytest.MonkeyPatch, measure: str
) -> None:
    """Every 16th latent is compared by one of the measures, and latent 119 by each of them."""
    # The positions of the drawn network are not compared here and take most of its time.
    monkeypatch.setattr(network, "spread", lambda nodes, a, b: np.zeros((nodes, 2)))
    names = list(MEASURES)
    for latent in {119, *EVERY_16TH[names.index(measure) :: len(names)]}:
        ranked = ranked_partners(demo, latent, measure)["partner"].to_pylist()
        assert strongest_partners(demo, latent, measure) == ranked[:MOST_PARTNERS]
        selected = np.flatnonzero(evaluate(Partners(latent, measure, 20), demo))
        assert selected.tolist() == sorted([latent, *ranked[:20]])
        chart = latent_partners(demo, latent, measure)
        assert chart.rows["latent"].to_pylist() == ranked[:15]
        drawn = neighbourhood(demo, latent, measure)
        nodes = drawn.rows.filter(pc.equal(drawn.rows["part"], "node"))
        assert nodes["latent"].to_pylist() == [latent, *ranked[:40]]
        reason = reason_for_no_partners(demo, latent)
        gives_reason = (chart.note or "").startswith(reason), drawn.note == reason
        assert gives_reason == (not ranked, not ranked)


def test_one_latent_and_many_latents_give_the_same_rows(demo: Bundle) -> None:
    many = ranked_partners(demo, np.array([400, 119, 16]), "npmi", most=5)
    one_by_one = [ranked_partners(demo, latent, "npmi", most=5) for latent in (16, 119, 400)]
    assert many.equals(pa.concat_tables(one_by_one))
    assert [rows.num_rows for rows in one_by_one] == [5, 0, 3]


def test_the_minimum_joint_count_is_the_fewest_tokens_that_are_listed(demo: Bundle) -> None:
    every = ranked_partners(demo, 400, "phi", 1)["joint_tokens"].to_numpy()
    for fewest in (10, 11, int(every.max()), int(every.max()) + 1):
        joint = ranked_partners(demo, 400, "phi", fewest)["joint_tokens"].to_numpy()
        assert len(joint) == (every >= fewest).sum()
    settings = demo.manifest.parameters.model_copy(update={"minimum_joint": 25})
    strict = replace(demo, manifest=demo.manifest.model_copy(update={"parameters": settings}))
    assert ranked_partners(strict, 400, "phi").equals(ranked_partners(demo, 400, "phi", 25))


def test_ties_go_to_the_smaller_id_and_the_list_is_cut_after_them(demo: Bundle) -> None:
    rows = ranked_partners(demo, np.array(EVERY_16TH), "joint").to_pandas()
    tied = rows[rows.duplicated(["latent", "joint"])]
    latent = int(tied["latent"].iloc[0])
    own = rows[rows["latent"] == latent].reset_index(drop=True)
    last = int(own.index[own.duplicated("joint")][0])  # the second of two equal joint counts
    cut = ranked_partners(demo, latent, "joint", most=last)["partner"].to_pylist()
    assert cut == own["partner"].tolist()[:last]
    assert own["partner"][last - 1] < own["partner"][last]


@pytest.mark.parametrize("measure", ["phi", "npmi", "pmi", "phi_over_max"])
def test_a_partner_that_is_met_exactly_as_often_as_by_chance_is_not_listed(
    demo: Bundle, tmp_path: Path, measure: str
) -> None:
    # Three latents on 100 of 1,000 tokens: independent ones share 10 tokens.
    joint = pa.array([10, 11], pa.int64())
    rows = {"latent": [0, 0], "partner": [1, 2], "joint_tokens": joint, "joint_documents": [1, 1]}
    values = {"activation_cosine": [0.1, 0.1], "activation_pearson": [0.1, 0.1]}
    write_table(tmp_path, "partners", pa.table(rows | values))
    bundle = replace(demo, manifest=demo.manifest.model_copy(update={"tokens": 1_000}))
    vars(bundle)["latents"] = pa.table({"active_tokens": [100, 100, 100]})
    vars(bundle)["partners"] = LatentTable(tmp_path / "partners.parquet")
    assert ranked_partners(bundle, 0, measure)["partner"].to_pylist() == [2]
    assert ranked_partners(bundle, 0, "jaccard")["partner"].to_pylist() == [2, 1]


def test_an_unknown_latent_has_no_rows_and_an_unknown_measure_is_an_error(demo: Bundle) -> None:
    assert ranked_partners(demo, 9_000, "phi").num_rows == 0
    assert ranked_partners(demo, np.array([], dtype=np.int64), "phi").num_rows == 0
    with pytest.raises(KeyError):
        ranked_partners(demo, 400, "chi")


def test_each_reason_for_an_empty_list(demo: Bundle) -> None:
    flags = demo.latents["flag"].to_pylist()
    dead = flags.index("dead")
    assert reason_for_no_partners(demo, dead).startswith(f"Latent {dead} is dead")
    assert "119 is active on 9 tokens; a ranked pair shares at least 10" in (
        reason_for_no_partners(demo, 119)
    )
    tokens = demo.latents["active_tokens"][400].as_py()
    joint = demo.partners.of(400)["joint_tokens"].to_numpy()
    assert joint.max() < tokens, "else the next sentence could not be reached"
    assert f"at most {joint.max():,} tokens with any of its {len(joint):,} stored partners" in (
        reason_for_no_partners(demo, 400, int(joint.max()) + 1)
    )
    assert "more often than chance" in reason_for_no_partners(demo, 400, int(joint.max()))
    assert "is active on" in reason_for_no_partners(demo, 400, tokens + 1)
    assert "shares at most" in reason_for_no_partners(demo, 400, tokens)
