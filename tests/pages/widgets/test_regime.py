"""The range of activation of the Latent page comes from the link."""

from tests.pages.conftest import Open, texts


def test_a_link_with_a_range_names_it(open_page: Open) -> None:
    app = open_page("latent", latent=8, regime="0,4000")
    assert "Contexts and partners of **activation 0 to 4,000**" in texts(app)
    assert "Contexts and partners of" not in texts(open_page("latent", latent=8))
