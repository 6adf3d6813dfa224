"""The Latent page: search, steps through the selection, and partners."""

from analysis.bundle import Bundle
from tests.pages.conftest import Open, click


def test_a_partner_of_the_latent_page_opens_the_pair(open_page: Open) -> None:
    app = open_page("latent", latent=8)
    box = next(one for one in app.selectbox if one.label.startswith("Open pair with"))
    box.select_index(0).run()
    assert not app.exception
    assert app.title[0].value == "Pair" and app.query_params["latent"] == "8"


def test_the_latent_page_steps_through_the_selection(open_page: Open) -> None:
    app = open_page("latent", select="latent=3,8,170", latent=8)
    click(app, "Next")
    assert app.subheader[0].value.startswith("Latent 170")
    assert next(button for button in app.button if button.label == "Next").disabled


def test_a_dead_latent_is_marked_as_dead(open_page: Open) -> None:
    app = open_page("latent", latent=190)
    assert not app.exception
    assert app.warning[0].value.startswith("Dead")


def test_a_latent_is_found_by_its_words(open_page: Open, planted_bundle: Bundle) -> None:
    app = open_page("latent")
    field = next(f for f in app.text_input if f.label.startswith("Find"))
    field.set_value("whale").run()
    hits = next(box for box in app.selectbox if box.label.endswith("hits"))
    assert len(hits.options) >= 1
    hits.select_index(0).run()
    latent = int(app.query_params["latent"])
    row = planted_bundle.latents.slice(latent, 1).to_pylist()[0]
    assert "whale" in (row["label"] + " ".join(row["top_tokens"])).lower()
