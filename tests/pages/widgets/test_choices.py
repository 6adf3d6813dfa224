"""Each select box sets one field of the view and offers what the bundle has."""

import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle
from analysis.cooccurrence.association import MEASURES
from pages.widgets import choices
from pages.widgets.state import ViewState
from tests.pages.conftest import Open


def test_a_choice_reaches_the_address_bar(open_page: Open) -> None:
    app = open_page("latent", latent=8)
    app.selectbox(key="pick measure").set_value("joint").run()
    assert app.query_params["measure"] == "joint"
    app.selectbox(key="pick measure").set_value("phi").run()
    assert "measure" not in app.query_params


def test_the_kind_of_contexts_is_chosen_beside_each_other(open_page: Open) -> None:
    app = open_page("latent", latent=8)
    app.button_group(key="pick contexts").set_value("random").run()
    assert app.query_params["contexts"] == "random"


def test_a_measure_is_offered_with_its_formula(open_page: Open) -> None:
    options = open_page("latent", latent=8).selectbox(key="pick measure").options
    assert options == [f"{one.label} = {one.formula}" for one in MEASURES.values()]


def test_a_value_that_the_bundle_does_not_have_becomes_the_first_option(open_page: Open) -> None:
    app = open_page("map", level=99)
    assert not app.exception
    assert app.selectbox(key="pick level").value == ("decoder", 0)


def test_the_pairs_of_a_latent_are_offered_once_one_was_looked_at(open_page: Open) -> None:
    without = open_page("cooccurrence")
    assert without.selectbox(key="pick subject").options == ["the selection"]
    with_one = open_page("cooccurrence", latent=8)
    assert with_one.selectbox(key="pick subject").options == [
        "the selection",
        "latent 8 and its partners",
    ]


def test_a_relation_is_offered_with_its_number_of_pairs(
    open_page: Open, planted_bundle: Bundle
) -> None:
    relation = pq.read_table(planted_bundle.path / "relations.parquet")["relation"].to_pylist()
    app = open_page("cooccurrence", tab="relations", flagged="shown")
    options = app.selectbox(key="pick relation").options
    assert options[0] == f"all ({len(relation)})"
    duplicates = next(one for one in options if one.startswith("duplicate"))
    assert duplicates.endswith(f"({relation.count('duplicate')})")


def test_the_network_can_be_coloured_by_the_clusters_of_either_space(
    open_page: Open, planted_bundle: Bundle
) -> None:
    picker = open_page("cooccurrence", tab="neighbourhood", latent=3).selectbox(key="pick network")
    first = planted_bundle.manifest.clusters_shown_first
    words = ["decoder similarity cluster", "co-occurrence cluster"]
    assert picker.options == (words if first == "decoder" else words[::-1])
    assert picker.value == first


def test_the_two_components_of_a_plane_differ(open_page: Open) -> None:
    app = open_page("clusters", cluster=0, component=2, against=2)
    assert not app.exception
    across, up = (app.selectbox(key=f"pick {name}") for name in ("component", "against"))
    assert across.value == 2 and up.value != 2
    assert "1" in up.options and up.options == [one for one in across.options if one != "2"]


def test_another_map_shows_its_own_part_of_the_map() -> None:
    near, beside = (0.0, 1.0, 0.0, 2.0), (3.0, 4.0, 3.0, 5.0)
    view = ViewState(map="decoder", maps="both", viewport=near, beside=beside)
    one: dict[str, object] = {"maps": "one", "beside": None}
    assert choices.after_map(view, "decoder") == one | {"map": "decoder", "viewport": near}
    other = choices.after_map(view, "cooccurrence")
    assert other == one | {"map": "cooccurrence", "viewport": beside}
    assert choices.after_map(view, choices._BOTH) == {"maps": "both", "beside": None}


def test_a_viewport_without_a_map_is_one_of_the_decoder(open_page: Open) -> None:
    app = open_page("map", viewport="0,1,0,1")
    assert app.selectbox(key="pick map").value == "decoder"
    assert "viewport" in app.query_params


def test_columns_that_need_a_latent_or_a_text_are_offered_with_one(
    open_page: Open,
) -> None:
    def offered(**view: object) -> str:
        return " ".join(open_page("map", **view).selectbox(key="pick colour").options)

    assert "latent 8" not in offered() and "your text" not in offered()
    assert "latent 8" in offered(latent=8)


def _levels(path: str) -> None:
    from dataclasses import replace  # noqa: PLC0415

    import streamlit as st  # noqa: PLC0415

    from analysis.bundle import open_bundle  # noqa: PLC0415
    from pages.widgets import choices  # noqa: PLC0415

    bundle = open_bundle(path)
    first = bundle.manifest.model_copy(update={"clusters_shown_first": "cooccurrence"})
    level = choices.chosen_level(replace(bundle, manifest=first))
    st.markdown(f"{level and level.space} {level and level.level}")


@pytest.mark.parametrize(
    ("view", "shown"),
    [
        ({}, "cooccurrence 0"),
        ({"space": "decoder"}, "decoder 0"),
        ({"space": "cooccurrence", "level": "9"}, "cooccurrence 0"),
        # In links of earlier versions, a level without a space is one of the decoder's.
        ({"level": "0"}, "decoder 0"),
        ({"level": "9"}, "decoder 0"),
    ],
)
def test_the_level_of_a_link_or_the_first_of_its_space_is_shown(
    planted_bundle: Bundle, view: dict[str, str], shown: str
) -> None:
    app = AppTest.from_function(_levels, kwargs={"path": str(planted_bundle.path)})
    for name, value in view.items():
        app.query_params[name] = value
    assert app.run().markdown[0].value == shown


def _plane(components: int) -> None:
    import streamlit as st  # noqa: PLC0415

    from pages.widgets import choices  # noqa: PLC0415

    (x, y), _ = choices.plane(components)
    st.markdown(f"{x} {y} {choices.flagged_are_hidden()}")


@pytest.mark.parametrize(("components", "offered"), [(1, "12"), (3, "123")])
def test_the_stored_components_span_a_plane(components: int, offered: str) -> None:
    app = AppTest.from_function(_plane, kwargs={"components": components}).run()
    assert app.selectbox(key="pick component").options == list(offered)
    assert app.markdown[0].value == "1 2 True"
    app.query_params["flagged"] = "shown"
    assert app.run().markdown[0].value == "1 2 False"


def _other_map() -> None:
    import streamlit as st  # noqa: PLC0415

    from pages.widgets import choices, session  # noqa: PLC0415

    for name, selected in (("drawn", {"box": {"x": [0, 1]}}), ("empty", {})):
        st.session_state[session.chart_key(name)] = {"selection": selected}
    st.session_state["pick map"] = "cooccurrence"
    choices._take_map()
    st.markdown(" ".join(f"{name} {session.generation(name)}" for name in ("drawn", "empty")))


def test_a_box_drawn_on_one_map_is_gone_on_the_other() -> None:
    app = AppTest.from_function(_other_map).run()
    assert app.markdown[0].value == "drawn 1 empty 0"
    assert app.query_params["map"] == "cooccurrence"
