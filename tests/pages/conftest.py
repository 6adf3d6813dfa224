"""The dashboard without a browser, on the planted bundle."""

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle

ROOT = Path(__file__).resolve().parents[2]
Open = Callable[..., AppTest]


@pytest.fixture
def open_page(planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens a page of the dashboard by its file name, with the given query parameters."""
    monkeypatch.setenv("CLEARWATER_BUNDLES", str(planted_bundle.path.parent))
    monkeypatch.chdir(ROOT)
    st.cache_data.clear()

    def run(page: str = "overview", **params: object) -> AppTest:
        app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=60)
        for name, value in params.items():
            app.query_params[name] = str(value)
        app.run()
        return app if page == "overview" else app.switch_page(f"pages/{page}.py").run()

    return run


def texts(app: AppTest) -> str:
    """All Markdown, captions and titles of a page in one text, escapes taken out."""
    elements = [*app.title, *app.subheader, *app.markdown, *app.caption]
    return "\n".join(str(element.value) for element in elements).replace("\\", "")
