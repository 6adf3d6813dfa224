"""Every page opens dropped files; `tests/browser/test_exported_files.py` drops them."""

from tests.pages.conftest import Open


def test_every_page_opens_dropped_files(open_page: Open) -> None:
    components = open_page("overview").get("bidi_component")
    assert "clearwater_dropped_file" in {c.proto.component_name for c in components}
