"""Only bundles of this server are opened."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import ROOT, Open, charts


def test_a_link_to_an_unknown_bundle_is_refused_with_one_sentence(open_page: Open) -> None:
    app = open_page("overview", bundle="../../etc/passwd")
    assert not app.exception
    assert "is not on this server" in app.error[0].value
    assert not charts(app)


def test_without_any_bundle_the_command_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.widgets.bundles.folders", lambda: [tmp_path])
    st.cache_data.clear()
    app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=60).run()
    assert "There is no bundle" in app.error[0].value
    assert app.code[0].value.startswith("clearwater build")
