"""A card shows a figure with its title, its note, what it counts and the export menu."""

import re

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block

from analysis.bundle import Bundle
from charts.density import density_histogram
from charts.latent import latent_partners
from pages.widgets import style
from pages.widgets.figure_card import MANY_MARKS, ROOM_STEP, ROOMS, place_of, room, show
from tests.pages.conftest import Open, charts, open_menus, texts


def test_what_differs_is_below_each_chart_and_the_rest_in_its_help(
    open_page: Open, planted_bundle: Bundle
) -> None:
    app = open_page("overview")
    captions = [c for c in app.caption if "Counted by" in c.value]
    assert len(captions) == len(charts(app)) == 4
    assert all(c.value.endswith("Counted by token\\.") for c in captions)
    for caption in captions:
        assert "N = " not in caption.value and "documents" not in caption.value
        full = str(caption.help).replace("\\", "")
        assert f"({planted_bundle.manifest.bundle_id}): N = 19,980 kept tokens of 60" in full


def test_the_help_of_a_caption_names_the_selection(open_page: Open) -> None:
    def helps(**params: str) -> str:
        return " ".join(str(c.help) for c in open_page("overview", **params).caption)

    assert "selection flag=dead" in helps(select="flag=dead").replace("\\", "")
    assert "selection" not in helps()


def test_every_figure_can_be_exported_in_each_format(open_page: Open) -> None:
    app = open_menus(open_page("overview"))
    labels = [str(vars(button)["proto"].label) for button in app.get("download_button")]
    assert labels.pop() == "Save this page as a report"
    assert labels == 4 * [
        "Picture, PNG",
        "Picture, SVG",
        "Web page, HTML",
        "Rows, Parquet",
        "Rows, CSV",
        "Types of the CSV, JSON",
        "Rows, CSV for spreadsheets",
    ]
    assert len(charts(app)) == 4


def test_a_dark_page_also_offers_pictures_on_white(open_page: Open) -> None:
    app = open_page("overview")
    app.context = {"theme": "dark"}
    labels = [str(vars(one)["proto"].label) for one in open_menus(app).get("download_button")]
    assert labels.pop() == "Save this page as a report"
    assert len(labels) == 9 * len(charts(app))
    assert labels[7:9] == ["Picture, PNG, on white", "Picture, SVG, on white"]


def test_a_figure_without_rows_says_so(open_page: Open, planted_bundle: Bundle) -> None:
    assert latent_partners(planted_bundle, 190, "phi").rows.num_rows == 0
    assert "There are no rows to draw." in texts(open_page("latent", latent=190))
    assert "There are no rows to draw." not in texts(open_page("overview"))


@pytest.mark.parametrize(("extra", "renderer"), [(0, "svg"), (1, "canvas")])
def test_a_chart_of_many_rows_is_drawn_on_a_canvas(
    extra: int, renderer: str, planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    monkeypatch.setattr(st, "vega_lite_chart", lambda *, spec, **_: drawn.append(spec))
    figure = density_histogram(planted_bundle)
    few = "pages.widgets.figure_card.MANY_MARKS"
    monkeypatch.setattr(few, figure.rows.num_rows - extra)
    show(figure)
    assert drawn[0]["usermeta"]["embedOptions"]["renderer"] == renderer
    assert drawn[0]["config"].get("aria", True) is (renderer == "svg")
    assert drawn[0]["config"].items() >= figure.for_browser()["config"].items()
    assert MANY_MARKS == 2000


def test_every_height_has_the_next_room_of_the_style_sheet() -> None:
    sheet = style._SHEET.read_text("utf-8")
    rules = re.findall(r'"-room-(\d+)-"\]\) \+ \* { min-height: (\d+)px', sheet)
    rooms = [int(height) for _, height in rules]
    assert [int(key) for key, _ in rules] == rooms
    assert rooms == list(range(ROOMS[0], ROOMS[1] + 1, ROOM_STEP))
    for height in (1, 100, 101, 240, 999, 1000):
        assert room(height) == min(one for one in rooms if one >= height)
    assert (room(0), room(5000)) == (0, ROOMS[1])


def test_a_dark_page_has_light_figures_for_paper(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[str, str]] = []
    card = "pages.widgets.figure_card"
    monkeypatch.setattr(st, "vega_lite_chart", lambda **_: None)
    monkeypatch.setattr(f"{card}.shown_scheme", lambda: "dark")
    monkeypatch.setattr(
        f"{card}.export_menu", lambda figure, light: given.append((figure.scheme, light.scheme))
    )
    monkeypatch.setattr(
        f"{card}.open_if_requested", lambda figure: given.append(("paper", figure.scheme))
    )
    show(density_histogram(planted_bundle))
    assert given == [("dark", "light"), ("paper", "light")]


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("cluster-12-components-1-2", "cluster-n-components-n-n"),
        ("latent-400-contexts-top", "latent-n-contexts-top"),
        ("cluster-matrix-phi_over_max", "cluster-matrix-measure"),
        ("density-histogram", "density-histogram"),
    ],
)
def test_a_place_names_no_numbers_and_no_measure(name: str, place: str) -> None:
    assert place_of(name) == place


def test_the_containers_of_figures_stay_while_others_are_shown_in_them(open_page: Open) -> None:
    pages: dict[str, tuple[dict[str, str | int], dict[str, str | int]]] = {
        "latent": ({"latent": 3}, {"latent": 4, "measure": "lift"}),
        "pair": ({"latent": 0, "partner": 1}, {"latent": 2, "partner": 3}),
        "clusters": ({"cluster": 0}, {"cluster": 1, "measure": "dice"}),
        "cooccurrence": ({"measure": "phi"}, {"measure": "joint"}),
    }
    for page, links in pages.items():
        before, after = (cards(open_page(page, **link)) for link in links)
        assert before == after
        assert len(before) == len(set(before)) > 1


def cards(app: AppTest) -> list[str]:
    """The keys of the containers of figures, in their order."""
    ids: list[str] = []

    def look_into(block: Block) -> None:
        ids.append(str(getattr(block.proto, "id", "")))
        for child in block.children.values():
            if isinstance(child, Block):
                look_into(child)

    look_into(app.main)
    return [one.partition("-card ")[2] for one in ids if "-card " in one]
