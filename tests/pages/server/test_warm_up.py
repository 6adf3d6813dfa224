"""The warm-up imports what pages import and opens the bundles."""

import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import altair as alt
import numpy as np
import pytest
import streamlit as st

from analysis.bundle import Bundle, open_bundle
from charts import density
from charts.density import density_histogram
from charts.health import flag_counts, max_activation_vs_density
from pages.server import warm_up
from pages.server.quick_start import SHORT_TURN
from pages.widgets.bundles import OPEN


@pytest.fixture(autouse=True)
def cold(monkeypatch: pytest.MonkeyPatch, planted_bundle: Bundle) -> None:
    monkeypatch.setenv("CLEARWATER_BUNDLES", str(planted_bundle.path.parent))
    monkeypatch.setattr(warm_up, "WARM", threading.Event())
    st.cache_data.clear()
    OPEN.clear()


@pytest.fixture
def late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module that only the last step of the warm-up imports."""
    (tmp_path / "imported_late.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(warm_up, "IMPORTED_LATE", ("imported_late",))
    monkeypatch.delitem(sys.modules, "imported_late", raising=False)
    return "imported_late"


def test_the_warm_up_loads_the_pages_and_opens_the_bundles(
    late: str, planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []

    def noted(path: Path) -> Bundle:
        opened.append(path)
        return open_bundle(path)

    toured: list[Path] = []
    monkeypatch.setattr("pages.widgets.bundles.open_bundle", noted)
    monkeypatch.setattr("pages.widgets.tours.checked_tours", lambda own: toured.append(own.path))
    warm_up.warm_up(threading.Event(), pause=0)
    assert planted_bundle.path in opened
    assert len(toured) == 1 and toured[0] in opened
    assert late in sys.modules
    assert {"charts.density", "charts.pair", "pages.widgets.tables"} <= set(sys.modules)
    assert warm_up.WARM.is_set()


def test_the_warm_up_waits_while_pages_are_opened_but_not_for_ever(
    late: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout or 0.0)
            clock[0] += timeout or 0.0
            return False

    clock = [0.0]
    opened = [1.0, 5.0]  # seconds at which pages are opened
    monkeypatch.setattr(warm_up, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(
        warm_up,
        "seconds_since",
        lambda: clock[0] - max((one for one in opened if one <= clock[0]), default=-np.inf),
    )
    warm_up.warm_up(Stop(), pause=4.0)
    # The first pause ends at 4 s, 3 s after a page; at 5 s there is another, so it ends at 9 s.
    assert waited == [4.0, 1.0, 4.0] and late in sys.modules
    monkeypatch.setattr(warm_up, "seconds_since", lambda: 0.0)
    clock[0], waited[:] = 0.0, []
    warm_up.warm_up(Stop(), pause=4.0)
    assert sum(waited) == 4.0 + warm_up.MOST_PATIENCE * 4.0


def test_threads_take_short_turns_until_the_first_page_is_drawn(
    late: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            turns.append(sys.getswitchinterval())
            return False

    def tours(_bundles: object) -> None:
        turns.append(sys.getswitchinterval())

    usual = sys.getswitchinterval()
    monkeypatch.setattr("pages.widgets.tours.tours_ahead", tours)
    warm_up.warm_up(Stop(), pause=0)
    assert turns == [pytest.approx(SHORT_TURN), usual] and usual > 2 * SHORT_TURN


def test_charts_with_a_selection_have_their_specifications(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = [density_histogram, flag_counts, max_activation_vs_density]
    warm_up.draw_ahead([planted_bundle])

    def made_again(*_: object, **__: object) -> None:
        raise AssertionError("A specification is made again.")

    monkeypatch.setattr(alt.Chart, "to_dict", made_again)
    monkeypatch.setattr(alt.LayerChart, "to_dict", made_again)
    mask = np.arange(planted_bundle.latents.num_rows) < 7
    for figure in figures:
        assert figure(planted_bundle, mask).for_browser()
    specification: Any = density._chart
    specification.cache_clear()
    with pytest.raises(AssertionError, match="made again"):
        density_histogram(planted_bundle, ~mask)


def test_a_server_that_stops_ends_the_warm_up(late: str) -> None:
    stop = threading.Event()
    stop.set()
    warm_up.warm_up(stop, pause=60)
    assert late not in sys.modules


def test_a_module_that_fails_is_logged_and_does_not_stop_the_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(warm_up, "IMPORTED_LATE", ("no_such_module",))
    warm_up.warm_up(threading.Event(), pause=0)
    assert "The warm-up failed" in caplog.text
    assert warm_up.WARM.is_set()
