"""What the map in the browser gets from Python."""

import base64

import numpy as np

from analysis.bundle import Bundle
from analysis.selection import evaluate, parse
from charts.map_points import map_points
from tests.pages.conftest import Open, map_data


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
