"""The zoom buttons and the shown part of the map."""

import pytest

from analysis.bundle import Bundle
from analysis.selection import evaluate, parse
from charts.map_view import Viewport, whole_map
from pages.widgets.map_gestures import UNSUPPORTED
from pages.widgets.zoom_buttons import scaled
from tests.pages.conftest import Open, click


def test_zoom_to_the_selection_out_and_back(open_page: Open, planted_bundle: Bundle) -> None:
    app = open_page("map", map="decoder", select="cluster=1")
    app.session_state[UNSUPPORTED] = True
    app.run()
    buttons = {button.label: button for button in app.button}
    assert buttons["Out"].disabled and buttons["Whole map"].disabled
    buttons["To the selection"].click().run()
    window = [float(edge) for edge in app.query_params["viewport"].split(",")]
    members = evaluate(parse("cluster=1"), planted_bundle)
    for axis, (low, high) in zip(("x", "y"), (window[:2], window[2:]), strict=True):
        places = planted_bundle.latents[axis].to_numpy(zero_copy_only=False)[members]
        assert low <= places.min() and places.max() <= high
        assert high - low < 1.1 * (places.max() - places.min()) + 1e-3
    click(app, "Out")
    wider = [float(edge) for edge in app.query_params["viewport"].split(",")]
    assert wider[1] - wider[0] == pytest.approx(1.6 * (window[1] - window[0]), rel=0.01)
    click(app, "Whole map")
    assert "viewport" not in app.query_params
    click(app, "In")
    inner = [float(edge) for edge in app.query_params["viewport"].split(",")]
    whole = whole_map(planted_bundle, "decoder")
    assert inner[1] - inner[0] == pytest.approx((whole[1] - whole[0]) / 1.6, rel=0.01)


WHOLE = (0.0, 100.0, 0.0, 50.0)


@pytest.mark.parametrize(
    ("viewport", "factor", "expected"),
    [
        (WHOLE, 0.5, (25, 75, 12.5, 37.5)),
        ((40, 60, 20, 30), 2, (30, 70, 15, 35)),
        ((0, 20, 40, 50), 2, (0, 40, 30, 50)),
        ((40, 60, 0, 40), 2, (30, 70, 0, 50)),
        ((40, 60, 20, 30), 5, None),
        (WHOLE, 1.6, None),
    ],
)
def test_a_zoom_step_stays_inside_the_map(
    viewport: Viewport, factor: float, expected: Viewport | None
) -> None:
    assert scaled(viewport, factor, WHOLE) == expected
