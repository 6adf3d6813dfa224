"""The selection bar parses, explains, clears and shares the selection."""

from tests.pages.conftest import Open, click, texts


def test_a_selection_typed_in_the_field_reaches_the_address_bar(open_page: Open) -> None:
    app = open_page("map")
    app.text_input[0].set_value("density > 0.1").run()
    assert app.query_params["select"] == "density>0.1"
    assert "**4** of 200 latents" in texts(app)


def test_an_invalid_selection_is_explained_and_kept_for_correction(
    open_page: Open,
) -> None:
    app = open_page("map", select="flag=dead")
    app.text_input[0].set_value("density <").run()
    assert "ends where a value is expected" in app.error[0].value.replace("\\", "")
    assert app.text_input[0].value == "density <"
    assert "**6** of 200 latents" in texts(app)
    app.text_input[0].set_value("latent=3").run()
    assert not app.error and "**1** of 200 latents" in texts(app)


def test_clear_selects_everything(open_page: Open) -> None:
    app = open_page("map", select="flag=dead")
    click(app, "Clear")
    assert "select" not in app.query_params
    assert "**200** of 200 latents" in texts(app)
