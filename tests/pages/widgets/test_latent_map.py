"""What the map in the browser gets from Python."""

import base64
from dataclasses import replace

import numpy as np
import pytest

from analysis.bundle import Bundle, LevelName
from analysis.selection import evaluate, parse
from charts.map_points import map_points
from pages.server.map_drawn import map_in
from pages.widgets import latent_map
from pages.widgets.page import Page
from pages.widgets.state import ViewState
from tests.pages.conftest import Open, map_data, maps_data


def mask_of(data: dict[str, str], count: int) -> np.ndarray:
    bits = np.frombuffer(base64.b64decode(data["mask"]), np.uint8)
    return np.unpackbits(bits, bitorder="little")[:count].astype(bool)


def test_the_selection_travels_as_bits_and_shapes(open_page: Open, planted_bundle: Bundle) -> None:
    x0, x1, y0, y1 = map_points(planted_bundle, "decoder").frame
    box = f"box({x0:.2f},{(x0 + x1) / 2:.2f},{y0:.2f},{y1:.2f})"
    text = f"{box} & !lasso(0,0,1,0,0,1)"
    data = map_data(open_page("map", map="decoder", select=text))
    expected = evaluate(parse(text), planted_bundle)
    assert 0 < expected.sum() < len(expected)
    assert (mask_of(data, len(expected)) == expected).all()
    assert data["selectionText"] == str(parse(text))
    assert [(shape["kind"], shape["subtracts"]) for shape in data["shapes"]] == [
        ("box", False),
        ("lasso", True),
    ]


def test_everything_selected_has_no_mask(open_page: Open, planted_bundle: Bundle) -> None:
    data = map_data(open_page("map", map="decoder"))
    assert data["mask"] is None and data["shapes"] == [] and data["focus"] is None
    assert data["count"] == planted_bundle.latents.num_rows
    assert data["base"] == f"map-data/{planted_bundle.manifest.bundle_id}/{planted_bundle.identity}"


def test_the_map_of_a_page_reports_under_a_name_of_its_own(open_page: Open) -> None:
    page = open_page("map")
    first = map_in(map_data(page)["drawnAt"].encode())
    assert first is not None
    first.forget()
    other = map_data(open_page("map"))["drawnAt"]
    assert other != map_data(page)["drawnAt"]


def test_the_version_of_the_mask_follows_the_selection(open_page: Open) -> None:
    versions = [
        map_data(open_page("map", select=text))["maskVersion"]
        for text in ("cluster=1", "cluster=2")
    ]
    assert len(set(versions)) == 2


def test_the_link_gives_view_mode_focus_and_colour(open_page: Open) -> None:
    link = {"map": "decoder", "viewport": "-1,1,-2,2", "mode": "lasso", "latent": 3}
    data = map_data(open_page("map", **link, colour="density", space="decoder", level=0))
    assert (data["viewport"], data["mode"], data["focus"]) == ([-1, 1, -2, 2], "lasso", 3)
    assert data["colour"]["url"].endswith("/column/density?")
    assert data["level"] == {"space": "decoder", "level": 0}
    by_cluster = map_data(open_page("map", **link, space="decoder", level=0))
    assert by_cluster["colour"]["url"].endswith("/column/cluster?space=decoder&level=0")


@pytest.mark.parametrize(
    ("colour", "address"),
    [
        ("cluster", "cluster?space=decoder&level=1"),
        ("association", "association?latent=8&measure=phi&regime=1.0%2C2.5"),
        ("profile", "profile?profile=language"),
        ("own_text", "own_text?own_text=3%3A0.5%2C8%3A2"),
        ("density", "density?"),
    ],
)
def test_the_address_of_a_column_has_only_what_it_depends_on(
    planted_bundle: Bundle, colour: str, address: str
) -> None:
    view = ViewState(latent=8, regime=(1.0, 2.5), profile="language", own_text="3:0.5,8:2")
    page = Page(planted_bundle, view, np.ones(200, dtype=bool))
    choice = latent_map.MapChoice(("decoder",), colour, LevelName("decoder", 1))
    assert latent_map._column(page, choice) == address
    without = replace(choice, level=None)
    wanted = "cluster?" if colour == "cluster" else address
    assert latent_map._column(page, without) == wanted


def test_two_maps_have_names_and_each_its_own_part(open_page: Open) -> None:
    link = {"map": "decoder", "maps": "both", "viewport": "-1,1,-2,2", "beside": "0,1,0,3"}
    first, second = maps_data(open_page("map", **link))
    assert (first["viewport"], first["viewportName"]) == ([-1, 1, -2, 2], "viewport")
    assert (second["viewport"], second["viewportName"]) == ([0, 1, 0, 3], "beside")
    assert first["name"] and second["name"] and first["name"] != second["name"]
    assert second["positions"].endswith("/positions/cooccurrence")
    (alone,) = maps_data(open_page("map", map="decoder"))
    assert alone["name"] == ""
