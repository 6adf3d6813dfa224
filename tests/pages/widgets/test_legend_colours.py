"""The script that keeps the colour bars of legends is on every page."""

from tests.pages.conftest import Open


def test_every_page_mounts_the_script(open_page: Open) -> None:
    for name in ("overview", "pair", "clusters"):
        parts = open_page(name).get("bidi_component")
        names = [part.proto.component_name for part in parts]
        assert names.count("clearwater_legend_colours") == 1
