"""The panel of the Overview that reads a text of the reader."""

from urllib.parse import urlencode

import pytest

from analysis.bundle import Bundle
from analysis.harvest.own_text.encoded_text import MOST_CHARACTERS, EncodedText
from analysis.selection import Latents, ids_of, parse
from analysis.serve.server_settings import ServerSettings
from charts import own_text
from charts.own_text import NOT_IMPORTANCE, own_text_table, shares_of_text
from charts.text_colours import shares_text
from pages.widgets import own_text as panel
from tests.pages.conftest import Open, click, map_data, texts

ENCODED = EncodedText(
    tokens=("New", " York", "!"),
    kept=(False, True, True),
    active=(0, 2, 1),
    latents=(5, 8, 5),
    activations=(0.5, 1.0, 0.25),
    all_tokens=3,
)


def test_without_a_model_one_sentence_says_what_to_do(open_page: Open) -> None:
    app = open_page("overview")
    assert NOT_IMPORTANCE.split(":")[0] in texts(app)
    (area,) = app.text_area
    assert area.proto.max_chars == MOST_CHARACTERS
    area.set_value("New York")
    click(app, "Read the text")
    (error,) = app.error
    assert "imported activations, so there is no model" in error.value.replace("\\", "")
    assert not app.exception


def test_a_text_gives_latents_that_can_be_selected(
    open_page: Open, planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def read(bundle: Bundle, text: str) -> EncodedText:
        asked.append(text)
        return ENCODED

    monkeypatch.setattr(own_text, "encoded_text", read)
    monkeypatch.setattr(panel, "SELECTED", 1)
    app = open_page("overview")
    assert "Latents of your text" not in texts(app)
    app.text_area[0].set_value("New York!")
    click(app, "Read the text")
    assert set(asked) == {"New York!"}
    table = own_text_table(planted_bundle, "New York!")
    shown = next(frame.value for frame in app.dataframe if "active_in_text" in frame.value)
    assert shown["latent"].tolist() == table.rows["latent"].to_pylist()
    assert NOT_IMPORTANCE in texts(app)
    click(app, "Select the first 1")
    assert parse(app.query_params["select"]) == Latents(ids_of(shown["latent"].tolist()[:1]))

    app = open_page("overview")
    app.text_area[0].set_value("New York!")
    app = click(click(app, "Read the text"), "Colour the map by the text")
    assert app.query_params["colour"] == "own_text"
    shares = app.query_params["own_text"]
    assert shares == shares_text(shares_of_text(planted_bundle, "New York!"))
    assert map_data(app)["colour"]["url"].endswith(
        f"column/own_text?{urlencode({'own_text': shares})}"
    )
    assert not app.exception and not app.error


def test_a_server_for_others_reads_no_texts(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = ServerSettings.model_construct(mode="team")
    monkeypatch.setattr(panel, "server_settings", lambda: shared)
    assert not open_page("overview").text_area
