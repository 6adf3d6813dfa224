"""The range of activation of the Latent page comes from the link."""

from analysis.bundle import Bundle
from tests.pages.conftest import Open, texts


def test_a_link_with_a_range_names_it(open_page: Open, planted_bundle: Bundle) -> None:
    app = open_page("latent", latent=8, regime="0,4000")
    assert "Contexts and partners of **activation 0 to 4,000**" in texts(app)
    every = planted_bundle.latents["active_tokens"][8].as_py()
    assert f"{every:,} of {every:,} active tokens" in texts(app)
    assert "Contexts and partners of" not in texts(open_page("latent", latent=8))
