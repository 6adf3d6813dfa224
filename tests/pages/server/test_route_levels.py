"""Who may ask for which address; `test_rights_matrix.py` compares it with a running server."""

import pytest

from pages.server.route_levels import ABSENT, ALWAYS, EXACT, FOLDERS, level_of


@pytest.mark.parametrize(
    ("path", "level"),
    [
        ("/", "public"),
        ("/map", "public"),
        ("/static/js/index.js", "public"),
        ("/_stcore/stream", "public"),
        ("/_stcore/metrics", "operator"),
        ("/map-data/1/2/card/3", "member"),
        ("/media/1.png", "member"),
        ("/media", None),
        ("/map/", None),
        ("/mapdata", None),
        ("/_stcore/agent/mcp", None),
        ("/_stcore/stream/x", None),
        ("//media/1.png", None),
        ("/static", None),
        ("", None),
        ("?/healthz", None),
    ],
)
def test_what_is_not_listed_does_not_exist(path: str, level: str | None) -> None:
    assert level_of(path) == level


def test_the_lists_do_not_contradict_each_other() -> None:
    assert not any(path.startswith(folder) for path in EXACT for folder in FOLDERS)
    assert EXACT.keys() > ALWAYS and not ABSENT & EXACT.keys()
