"""A link opens the document of a context."""

from analysis.bundle import Bundle
from tests.pages.conftest import Open, texts


def test_a_link_opens_the_document_at_its_position(open_page: Open, planted_bundle: Bundle) -> None:
    context = planted_bundle.contexts.of(8).to_pylist()[0]
    place = f"{context['document']},{context['position']}"
    app = open_page("latent", latent=8, passage=place)
    assert not app.exception and not app.error
    assert f"Its text around token {context['position']:,}" in texts(app)
    assert "Its text around" not in texts(open_page("latent", latent=8))
