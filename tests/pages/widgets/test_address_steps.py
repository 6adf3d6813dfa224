"""Every page joins the steps; `tests/browser/test_selection_steps.py` counts them in a browser."""

from tests.pages.conftest import Open


def test_every_page_joins_the_steps(open_page: Open) -> None:
    components = open_page("overview").get("bidi_component")
    assert "clearwater_address_steps" in {c.proto.component_name for c in components}
