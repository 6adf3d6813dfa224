"""Which files of Streamlit's browser code a page asks for early."""

from pathlib import Path

import pytest
from streamlit import file_util

from pages.server import early_chunks as module
from pages.server.early_chunks import CHARTS, EVERY_PAGE, chunks_of, early_chunks

STATIC = Path(file_util.get_static_dir())
MANIFEST: dict[str, dict[str, object]] = {
    "index.html": {"file": "js/index.1.js", "isEntry": True, "imports": ["_react.js"]},
    "_react.js": {"file": "js/react.2.js"},
    "src/Html/Html.tsx": {
        "file": "js/Html.3.js",
        "isDynamicEntry": True,
        "imports": ["_react.js", "_purify.js", "index.html"],
    },
    "_purify.js": {"file": "js/purify.4.js", "imports": ["src/Html/Html.tsx"]},
    "src/Chart/Chart.tsx": {"file": "js/Chart.5.js", "isDynamicEntry": True, "imports": ["_v.js"]},
    "_v.js": {"file": "js/v.6.js", "imports": ["_purify.js"]},
}


@pytest.fixture(autouse=True)
def unread() -> None:
    early_chunks.cache_clear()


def test_an_element_needs_all_that_it_imports_beside_the_first_files() -> None:
    assert chunks_of(MANIFEST, ["Html"]) == ("js/Html.3.js", "js/purify.4.js")
    both = ("js/Chart.5.js", "js/Html.3.js", "js/v.6.js", "js/purify.4.js")
    assert chunks_of(MANIFEST, ["Chart", "Html"]) == both
    assert chunks_of(MANIFEST, ["Absent"]) == ()


def test_this_streamlit_has_the_files_and_does_not_ask_for_them_first() -> None:
    files = early_chunks(EVERY_PAGE + CHARTS)
    names = {Path(file).name.split(".")[0] for file in files}
    assert {*EVERY_PAGE, *CHARTS, "embed"} <= names
    first = (STATIC / "index.html").read_text("utf-8")
    for file in files:
        assert (STATIC / file).is_file() and file not in first
    assert not any("embed" in file for file in early_chunks(EVERY_PAGE))


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"index.html": 1}'])
def test_without_the_list_of_streamlit_nothing_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    if content is not None:
        (tmp_path / module.MANIFEST).write_text(content)
    monkeypatch.setattr(file_util, "get_static_dir", lambda: str(tmp_path))
    assert early_chunks(EVERY_PAGE) == ()
