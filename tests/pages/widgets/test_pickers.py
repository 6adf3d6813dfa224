"""Missing and unknown latents, pairs and clusters are replaced."""

import numpy as np

from analysis.bundle import Bundle
from analysis.selection import Search, evaluate
from pages.widgets.pickers import _hits, _next_selected
from tests.pages.conftest import Open


def test_a_link_with_one_latent_of_a_pair_is_completed(open_page: Open) -> None:
    for params in ({}, {"latent": 8}, {"latent": 8, "partner": 8}, {"latent": 8, "partner": 5000}):
        app = open_page("pair", **params)
        assert not app.exception and not app.error
        a, b = int(app.query_params["latent"]), int(app.query_params["partner"])
        assert a != b and 0 <= b < 200
        assert a == params.get("latent", a)


def test_an_unknown_latent_is_explained(open_page: Open) -> None:
    app = open_page("latent", latent=200)
    assert app.query_params["latent"] == "199"
    assert app.warning[0].value.startswith("There is no latent 200: this SAE has latents 0 to 199.")
    assert not any("no latent" in w.value for w in open_page("latent", latent=199).warning)


def test_a_pair_of_equal_latents_is_explained(open_page: Open) -> None:
    app = open_page("pair", latent=8, partner=8)
    assert "Latent 8 cannot be paired with itself." in app.warning[0].value


def test_the_first_live_latent_of_the_selection_is_shown(open_page: Open) -> None:
    app = open_page("latent", select="latent=190,170,17")
    assert app.query_params["latent"] == "17"


def test_the_next_and_the_previous_selected_latent_by_id() -> None:
    mask = np.zeros(10, dtype=bool)
    mask[[2, 5, 9]] = True
    after = {latent: _next_selected(mask, latent, 1) for latent in range(10)}
    before = {latent: _next_selected(mask, latent, -1) for latent in range(10)}
    assert after == {0: 2, 1: 2, 2: 5, 3: 5, 4: 5, 5: 9, 6: 9, 7: 9, 8: 9, 9: None}
    assert before == {0: None, 1: None, 2: None, 3: 2, 4: 2, 5: 2, 6: 5, 7: 5, 8: 5, 9: 5}


def test_hits_are_listed_densest_first(planted_bundle: Bundle) -> None:
    density = planted_bundle.latents["density"].to_pylist()
    found = _hits(planted_bundle, "whale")
    assert len(found) > 3
    assert found == sorted(found, key=lambda i: -density[i])
    assert sorted(found) == np.flatnonzero(evaluate(Search("WHALE"), planted_bundle)).tolist()
    assert _hits(planted_bundle, "") == []
