"""The Latent page: its name, steps through the selection, ranges, documents and partners."""

import numpy as np

from analysis.bundle import Bundle
from tests.pages.conftest import Open, act_in_chart, click, texts


def test_a_partner_of_the_latent_page_opens_the_pair(open_page: Open) -> None:
    app = open_page("latent", latent=8)
    box = next(one for one in app.selectbox if one.label.startswith("Open pair with"))
    box.select_index(0).run()
    assert not app.exception
    assert app.title[0].value == "Pair" and app.query_params["latent"] == "8"


def test_the_latent_page_steps_through_the_selection(open_page: Open) -> None:
    app = open_page("latent", select="latent=3,8,170", latent=8)
    click(app, "Next")
    assert "[latent 170]" in app.subheader[0].value
    assert next(button for button in app.button if button.label == "Next").disabled


def test_a_dead_latent_is_marked_as_dead(open_page: Open) -> None:
    app = open_page("latent", latent=190)
    assert not app.exception
    assert app.warning[0].value.startswith("Dead")


def test_a_random_latent_is_another_live_one_of_the_selection(open_page: Open) -> None:
    app = open_page("latent", select="latent=3,8,190", latent=8)  # 190 is dead
    click(app, "Random latent")
    assert app.query_params["latent"] == "3"
    app = open_page("latent", select="latent=8,190", latent=8)
    assert next(button for button in app.button if button.label == "Random latent").disabled


def test_the_title_is_the_name_with_the_id_beside_it(
    open_page: Open, planted_bundle: Bundle
) -> None:
    label = planted_bundle.latents["label"][8].as_py()
    title = open_page("latent", latent=8).subheader[0].value.replace("\\", "")
    assert title == f"{label} :gray[:small[latent 8]]"


def test_a_drag_over_the_histogram_gives_contexts_and_partners_of_the_range(
    open_page: Open, planted_bundle: Bundle
) -> None:
    app = open_page("latent", latent=8)
    values = planted_bundle.activations.of_latent(8)[1]
    low, high = (float(f"{q:.7g}") for q in np.quantile(values, [0.5, 0.9]))
    app = act_in_chart(
        app, "latent-8-activations", brushed_activations={"activation_from": [high, low]}
    )
    assert not app.exception
    assert app.query_params["regime"] == f"{low:.7g},{high:.7g}"
    inside = int(((values >= np.float32(low)) & (values <= np.float32(high))).sum())
    assert f"{inside:,} of {len(values):,} active tokens" in texts(app)
    tokens, partners = (set(table.value.columns) for table in app.dataframe[:2])
    assert {"token", "share"} <= tokens
    assert {"share", "share_outside", "q_value"} <= partners
    click(app, "Show all")
    assert "regime" not in app.query_params
    assert "q_value" not in app.dataframe[1].value.columns


def test_a_line_opens_its_document_and_another_latent_closes_it(
    open_page: Open, planted_bundle: Bundle
) -> None:
    context = planted_bundle.contexts.of(8).to_pylist()[0]
    place = {"document": str(context["document"]), "position": context["position"]}
    app = open_page("latent", latent=8)
    app = act_in_chart(app, "latent-8-contexts-top", picked_passage=[place])
    assert not app.exception
    assert app.query_params["passage"] == f"{context['document']},{context['position']}"
    assert "Activation along the document" in texts(app)
    click(app, "Next")
    assert "passage" not in app.query_params
    assert "Activation along the document" not in texts(app)


def test_an_unknown_document_has_a_sentence(open_page: Open) -> None:
    app = open_page("latent", latent=8, passage="99999,0")
    assert "This bundle has no document 99999" in app.error[0].value
