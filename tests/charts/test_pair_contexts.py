"""Contexts of a pair, against independent counts."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.cooccurrence.pair import WHERE, Pair, pair_contexts, read_pair
from charts.core.theme import A_COLOUR, B_COLOUR
from charts.pair_contexts import pair_context_strips
from tests.charts.drawn import marks

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


def test_each_token_is_the_one_at_its_document_and_position(tiny: Bundle, pair: Pair) -> None:
    table = tiny.tokens.to_pydict()
    token = {
        (document, position): text
        for document, position, text in zip(
            table["document"], table["position"], table["token"], strict=True
        )
    }
    rows = pair_context_strips(tiny, pair, "a").rows.to_pylist()
    assert len(rows) > 50
    assert all(token[row["document"], row["position"]] == row["token"] for row in rows)


def test_a_random_draw_uses_the_seed_of_the_bundle_and_even_ones_are_the_default(
    tiny: Bundle, pair: Pair
) -> None:
    settings = tiny.manifest.parameters.model_copy(update={"seed": 5})
    seeded = replace(tiny, manifest=tiny.manifest.model_copy(update={"parameters": settings}))
    for where in WHERE:
        total = int(pair.active(where).sum())
        even = pair_context_strips(tiny, pair, where)
        count = min(6, total)
        assert even.caption.parameters["picked"] == f"even, {count} of {total}"
        assert even.rows.equals(pair_context_strips(seeded, pair, where).rows)
    drawn = pair_context_strips(seeded, pair, "a", "random").rows.to_pandas()
    wanted = pair_contexts(tiny, pair, "a", "random", seed=5)
    assert drawn["position"][drawn["is_picked"]].tolist() == wanted["position"].to_pylist()
    other = pair_contexts(tiny, pair, "a", "random", seed=0)
    assert wanted["position"].to_pylist() != other["position"].to_pylist()


def test_the_upper_half_of_a_line_has_the_colour_of_a_and_the_lower_half_that_of_b(
    tiny: Bundle, pair: Pair
) -> None:
    layers = pair_context_strips(tiny, pair, "both").specification()["layer"]
    for layer, colour, ratio, edges in (
        (layers[0], A_COLOUR, "a_ratio", ("0.08", "0.5")),
        (layers[1], B_COLOUR, "b_ratio", ("0.5", "0.92")),
    ):
        assert layer["mark"]["color"] == colour
        opacity = layer["encoding"]["fillOpacity"]
        assert (opacity["field"], opacity["scale"]["range"]) == (ratio, [0, 0.8])
        text = str(layer["transform"])
        assert all(f"datum.context + {edge}'" in text for edge in edges)


def test_a_token_has_the_shades_of_both_latents_and_the_picked_one_a_frame(
    tiny: Bundle, pair: Pair
) -> None:
    assert marks(pair_context_strips(tiny, pair, "a")) == [
        "rect: color a colour, x start, x2 end, y line, y2 below, "
        "fillOpacity a_ratio from 0 to 0.8, line = datum.context + 0.08, "
        "below = datum.context + 0.5",
        "rect: color accent, x start, x2 end, y line, y2 below, "
        "fillOpacity b_ratio from 0 to 0.8, line = datum.context + 0.5, "
        "below = datum.context + 0.92",
        "rect: stroke ink, filled False, x start, x2 end, y line, y2 below, "
        "only datum.is_picked, line = datum.context + 0.08, below = datum.context + 0.92",
        "text: x word, y line, text drawn, line = datum.context + 0.5",
    ]
