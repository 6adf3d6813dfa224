"""The tours of the shipped demo: every finding holds, and every link opens its view."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle, open_bundle
from analysis.selection.tours.tour import Tour, checked_tours, read_tours
from tests.conftest import DEMO_BUNDLE, ROOT

LEAST_TOURS = 5


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    return open_bundle(DEMO_BUNDLE)


def test_every_finding_holds(shipped: Bundle) -> None:
    tours = checked_tours(shipped)
    assert len(tours) >= LEAST_TOURS
    assert [one.tour.title for one in tours if not one.evidence.q <= 0.05] == []
    assert len({one.tour.finding.kind for one in tours}) >= LEAST_TOURS


@pytest.mark.parametrize(
    "tour", read_tours(open_bundle(DEMO_BUNDLE)).tours, ids=lambda tour: tour.title
)
def test_every_link_opens_its_view(tour: Tour, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARWATER_BUNDLES", str(Path(DEMO_BUNDLE).parent))
    monkeypatch.chdir(ROOT)
    st.cache_data.clear()
    app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=120)
    for name, value in tour.query.items():
        app.query_params[name] = value
    app.run()
    app.switch_page(f"pages/{tour.page}.py").run()
    assert not app.exception and not app.error
    assert not [warning.value for warning in app.warning if "link" in warning.value.casefold()]
    assert {name: app.query_params[name] for name in tour.query} == tour.query
