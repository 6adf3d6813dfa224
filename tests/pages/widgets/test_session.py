"""The view of a session follows the address bar."""

from tests.pages.conftest import Open, texts


def test_the_view_is_kept_from_page_to_page(open_page: Open) -> None:
    app = open_page("map", select="flag=dead", measure="jaccard")
    app.query_params.clear()
    app.switch_page("pages/cooccurrence.py").run()
    assert not app.exception
    assert "**6** of 200 latents" in texts(app)
    assert app.query_params["measure"] == "jaccard"
