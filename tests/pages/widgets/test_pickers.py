"""Missing and unknown latents, pairs and clusters are replaced."""

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
