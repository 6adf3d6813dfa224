"""The zoom buttons and the shown part of the map."""

from analysis.bundle import Bundle
from analysis.selection import evaluate, parse
from tests.pages.conftest import Open, click


def test_zoom_goes_to_the_selection_out_and_back(open_page: Open, planted_bundle: Bundle) -> None:
    app = open_page("map", select="cluster=1")
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
    assert wider[1] - wider[0] > window[1] - window[0]
    click(app, "Whole map")
    assert "viewport" not in app.query_params
