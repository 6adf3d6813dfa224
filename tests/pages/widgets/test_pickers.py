"""Missing and unknown latents, pairs and clusters are replaced."""

from tests.pages.conftest import Open


def test_a_link_to_half_a_pair_is_mended(open_page: Open) -> None:
    for params in ({}, {"latent": 8}, {"latent": 8, "partner": 8}, {"latent": 8, "partner": 5000}):
        app = open_page("pair", **params)
        assert not app.exception and not app.error
        a, b = int(app.query_params["latent"]), int(app.query_params["partner"])
        assert a != b and 0 <= b < 200
        assert a == params.get("latent", a)
