"""The figures of one latent, against independent counts."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from analysis.bundle import Bundle
from analysis.cooccurrence.power import smallest_lift_of_counts
from analysis.runtime import numbers
from analysis.runtime.errors import InputError
from charts import latent as latent_chart
from charts.contexts import context_strips
from charts.latent import (
    activation_histogram,
    latent_neighbours,
    latent_partners,
    logit_effects,
    tokens_of_range,
)
from tests.charts.dense import dense_matrix, phi
from tests.charts.drawn import domain_of, drawn_rows, marks


@pytest.fixture(scope="module")
def active(tiny: Bundle) -> np.ndarray:
    return dense_matrix(tiny)


@pytest.fixture(scope="module")
def kept(tiny: Bundle) -> np.ndarray:
    return tiny.tokens["kept"].to_numpy(zero_copy_only=False).astype(bool)


def test_partners_of_a_latent(tiny: Bundle, active: np.ndarray, kept: np.ndarray) -> None:
    rows = latent_partners(tiny, 20, "phi", limit=8).rows.to_pandas()
    stored = tiny.partners.of(20)["partner"].to_pylist()
    values = sorted((phi(active, kept, 20, b) for b in stored), reverse=True)
    assert np.allclose(rows["phi"], values[:8])
    assert np.allclose(rows["p_b_given_a"], rows["joint_tokens"] / active[:, 20].sum())


def test_a_bar_below_zero_is_inside_the_scale() -> None:
    rows = pa.table(
        {
            "latent": pa.array([3, 4], pa.int32()),
            "label": ["a", "b"],
            "density": [0.1, 0.1],
            "cosine": pa.array([0.5, -0.75], pa.float32()),
        }
    )
    layers = latent_chart._ranked_rows(rows, "cosine", "cosine").to_dict()["layer"]
    scales = [layer["encoding"].get("x", {}).get("scale") or {} for layer in layers]
    domains = [scale["domain"] for scale in scales if "domain" in scale]
    assert domains and all(one[0] == -0.75 and one[-1] >= 0.5 for one in domains)


def test_activation_histogram_equals_numpy(tiny: Bundle) -> None:
    _, values = tiny.activations.of_latent(20)
    rows = activation_histogram(tiny, 20).rows.to_pandas()
    assert rows["tokens"].sum() == len(values) == tiny.latents["active_tokens"][20].as_py()
    assert rows["activation_from"].iloc[0] == pytest.approx(values.min())
    assert rows["activation_to"].iloc[-1] == pytest.approx(values.max())
    assert len(rows) == 40
    for row in rows.iloc[:-1].itertuples():
        inside = (values >= row.activation_from) & (values < row.activation_to)
        assert row.tokens == inside.sum()


def test_neighbours_keep_their_order(tiny: Bundle) -> None:
    stored = tiny.neighbours.of(7).to_pandas().sort_values("rank")
    rows = latent_neighbours(tiny, 7).rows.to_pandas()
    assert rows["latent"].tolist() == stored["neighbour"].tolist()
    assert rows["cosine"].tolist() == stored["cosine"].tolist()
    assert rows["label"].tolist() == [tiny.latents["label"][i].as_py() for i in rows["latent"]]


def test_logit_effects_are_all_rows_from_most_positive_to_most_negative(tiny: Bundle) -> None:
    stored = tiny.logits.of(20).to_pandas()
    rows = logit_effects(tiny, 20).rows.to_pandas()
    assert rows["effect"].is_monotonic_decreasing
    assert sorted(rows["token"]) == sorted(stored["token"])


@pytest.mark.parametrize("latent", [-1, 120])
@pytest.mark.parametrize(
    "draw",
    [activation_histogram, latent_neighbours, latent_partners, logit_effects, context_strips],
)
def test_unknown_latents_are_refused(tiny: Bundle, draw, latent: int) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="there is no latent"):
        draw(tiny, latent)


@pytest.mark.parametrize(
    "draw",
    [activation_histogram, latent_neighbours, latent_partners, logit_effects, context_strips],
)
def test_a_dead_latent_can_be_drawn(tiny: Bundle, draw) -> None:  # type: ignore[no-untyped-def]
    assert draw(tiny, 0).chart.to_dict()


def test_a_latent_has_fifteen_partners_by_default(tiny: Bundle) -> None:
    every = latent_partners(tiny, 20, "joint", limit=100).rows
    assert every.num_rows > 15
    assert latent_partners(tiny, 20, "joint").rows.equals(every.slice(0, 15))


def test_equal_effects_are_in_the_order_of_their_rank_and_on_the_side_of_their_sign(
    tiny: Bundle,
) -> None:
    effects = [("positive", 1, "b", 0.5), ("positive", 0, "a", 0.5), ("negative", 0, "d", 0.0),
               ("negative", 1, "e", -1.5)]  # fmt: skip
    columns = dict(
        zip(("sign", "rank", "token", "effect"), zip(*effects, strict=True), strict=True)
    )
    stored = pa.table({name: list(values) for name, values in columns.items()})
    bundle = replace(tiny)
    vars(bundle)["logits"] = SimpleNamespace(of=lambda latent: stored)
    figure = logit_effects(bundle, 20)
    assert figure.rows["token"].to_pylist() == ["a", "b", "d", "e"]
    assert domain_of(figure, "x") == pytest.approx([-1.25 * 1.5, 1.25 * 1.5])
    filters = [
        step["filter"]
        for layer in figure.specification()["layer"]
        for step in layer.get("transform", [])
    ]
    assert filters == ["datum.effect >= 0", "datum.effect < 0"]


def test_the_median_and_the_ninth_decile_are_marked(tiny: Bundle) -> None:
    _, values = tiny.activations.of_latent(20)
    figure = activation_histogram(tiny, 20)
    marks = drawn_rows(figure, "at", "text")
    assert [mark["at"] for mark in marks] == pytest.approx(
        [np.median(values), np.quantile(values, 0.9)]
    )
    assert [mark["text"].split()[0] for mark in marks] == ["median", "p90"]
    density = tiny.latents["density"][20].as_py()
    assert figure.caption.parameters["density"] == numbers.density(density)


def test_a_rare_latent_is_told_from_one_that_does_not_fire_with_others(
    planted_bundle: Bundle,
) -> None:
    active = planted_bundle.latents["active_tokens"].to_numpy()
    typical = int(np.median(active[active > 0]))
    order = np.argsort(active, kind="stable")
    rare, dead = int(order[active[order] > 0][0]), int(order[0])
    frequent = int(order[-1])
    tokens = planted_bundle.manifest.tokens

    def poisson_power(latent: int, lift: float) -> float:
        mean = active[latent] * typical / tokens
        critical = np.flatnonzero(stats.poisson.sf(np.arange(tokens) - 1, mean) <= 0.05)[0]
        return float(stats.poisson.sf(critical - 1, lift * mean))

    note = latent_partners(planted_bundle, frequent).note or ""
    shown = re.search(r"median density, a lift of ([0-9.]+) or more would show", note)
    assert shown and poisson_power(frequent, float(shown[1])) == pytest.approx(0.8, abs=0.02)
    assert float(shown[1]) <= 2
    assert "It is too rare to tell" in (latent_partners(planted_bundle, rare).note or "")
    assert active[dead] == 0
    assert "lift" not in (latent_partners(planted_bundle, dead).note or "")


@pytest.mark.parametrize(("own", "dead"), [(4_000, 0), (4_000, 60), (3, 60)])
def test_the_lift_that_would_show_is_that_with_the_median_of_the_latents_that_fire(
    own: int, dead: int
) -> None:
    counts = [0] * dead + [own, 5_000, 6_000]
    latents, manifest = pa.table({"active_tokens": counts}), SimpleNamespace(tokens=100_000)
    bundle = SimpleNamespace(latents=latents, manifest=manifest)
    sentence = latent_chart._shown_lift(bundle, dead)  # type: ignore[arg-type]
    lift = numbers.short(smallest_lift_of_counts(own, 5_000, 100_000))
    assert f"a lift of {lift} or more" in sentence
    assert ("too rare" in sentence) == (own == 3)


def test_the_bars_that_touch_the_range_are_dark(tiny: Bundle) -> None:
    rows = activation_histogram(tiny, 20).rows.to_pylist()
    regime = (rows[10]["activation_from"] + 1e-6, rows[12]["activation_to"] - 1e-6)
    figure = activation_histogram(tiny, 20, regime)
    inside = [row["inside"] for row in drawn_rows(figure, "inside")]
    assert inside == [10 <= i <= 12 for i in range(len(rows))]
    edges = (rows[10]["activation_from"], rows[12]["activation_to"])
    touched = drawn_rows(activation_histogram(tiny, 20, edges), "inside")
    assert [row["inside"] for row in touched] == [9 <= i <= 13 for i in range(len(rows))]
    assert all(row["inside"] for row in drawn_rows(activation_histogram(tiny, 20), "inside"))
    assert figure.caption.parameters["range"] == (
        f"{numbers.short(regime[0])} to {numbers.short(regime[1])}"
    )
    assert figure.selections == ("brushed_activations",)


def test_the_tokens_of_a_range_are_counted_with_both_ends(tiny: Bundle) -> None:
    values = np.sort(tiny.activations.of_latent(20)[1])
    regime = (float(values[2]), float(values[len(values) // 2]))
    counted = sum(regime[0] <= value <= regime[1] for value in values.tolist())
    assert tokens_of_range(tiny, 20, regime) == counted > 1
    with pytest.raises(InputError, match="there is no latent 5000"):
        tokens_of_range(tiny, 5000, regime)


def test_the_contexts_follow_the_range(tiny: Bundle) -> None:
    values = np.sort(tiny.activations.of_latent(20)[1])
    regime = (float(values[2]), float(values[len(values) // 2]))
    for kind in ("top", "interval", "random"):
        rows = context_strips(tiny, 20, kind, regime).rows.to_pandas()
        picked = rows[rows["is_picked"]]["activation"]
        assert len(picked) > 1 and picked.between(*regime).all()


def test_positive_effects_are_blue_and_the_chosen_range_is_dark(tiny: Bundle) -> None:
    assert marks(activation_histogram(tiny, 20)) == [
        "rect: stroke paper, x activation_from, x2 activation_to, y tokens, y2 0, "
        "color accent if datum.inside else accent light",
        "rule: color quiet ink, x at",
        "text: color quiet ink, x at, y 6, text text",
    ]
    assert marks(logit_effects(tiny, 20)) == [
        "bar: x effect, y row, color positive if datum.effect >= 0 else negative",
        "rule: color rule, x at",
        "text: x 0, y row, text token, only datum.effect >= 0",
        "text: x 0, y row, text token, only datum.effect < 0",
    ]
    assert marks(latent_partners(tiny, 20)) == [
        "bar: color accent, x phi, y name",
        "text: color quiet ink, x phi, y name, text text",
    ]
    assert marks(latent_neighbours(tiny, 20)) == [
        "bar: color accent, x cosine, y name",
        "text: color quiet ink, x cosine, y name, text text",
    ]
