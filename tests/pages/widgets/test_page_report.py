"""The report of a page: what is offered, and what it holds."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st

from analysis.bundle import Bundle
from analysis.notes.note_content import note_content
from analysis.notes.subjects import latent_subject
from analysis.serve.access.rights import Grant, User
from charts.core.figure import CaptionedTable
from charts.core.report import Part, ReportHead
from pages.widgets import current_user, noted, page_report
from tests.pages.conftest import Open

Offered = list[tuple[ReportHead, list[Part]]]


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Offered:
    """The head and the parts of each report that a page has offered."""
    reports: Offered = []

    def keep(call: object, head: ReportHead, parts: list[Part]) -> bytes:
        reports.append((head, parts))
        return b""

    monkeypatch.setattr(page_report, "partial", keep)
    return reports


def test_every_page_offers_its_figures_tables_and_notes(
    open_page: Open,
    planted_bundle: Bundle,
    offered: Offered,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / 'notes.sqlite'}")
    content = note_content(name="odd one", tags=["days"], text="It fires on days.")
    noted.note_store().write(noted.place_of(planted_bundle), latent_subject(8), content, 0, "ada")
    app = open_page("latent", latent=8, select="density<0.5")
    assert not app.exception and not app.error
    head, parts = offered[-1]
    assert head.title == f"Latent · {planted_bundle.name}"
    assert head.selection == "density<0.5"
    assert any(planted_bundle.manifest.bundle_id in sentence for sentence in head.basis)
    (note,) = head.notes
    assert (note.about, note.text) == ("latent 8", "odd one\nIt fires on days.")
    assert note.facts.startswith("open · days · ada · 20")
    names = [part.name for part in parts if isinstance(part, CaptionedTable)]
    assert "latent-8-contexts-top" in names and len(names) == len(set(names)) >= 5
    open_page("map")
    head, parts = offered[-1]
    assert head.title.startswith("Map") and head.notes == ()
    (drawn,) = [part() for part in parts if not isinstance(part, CaptionedTable)]
    assert drawn.title.startswith("Map of the") and drawn.rows.num_rows > 100
    assert drawn.view.startswith("?") or "map" in drawn.view


def test_empty_notes_and_pages_of_who_may_not_export_are_in_no_report(
    open_page: Open, offered: Offered, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_page("pair", latent=8, partner=3)
    assert offered[-1][0].notes == ()
    before = len(offered)
    reader = User("ada", "reader", (Grant("*", frozenset({"see"})),))
    monkeypatch.setattr(current_user, "current_user", lambda: reader)
    app = open_page("overview")
    assert not app.exception and app.get("vega_lite_chart")
    assert len(offered) == before and not app.get("download_button")


def test_the_file_of_a_report_has_the_ids_of_its_page(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {"latent": "8", "partner": "3"}
    monkeypatch.setattr(st, "query_params", SimpleNamespace(to_dict=lambda: params))
    monkeypatch.setattr(st, "session_state", {})
    end = f"_{planted_bundle.manifest.bundle_id[:8]}.html"
    for title, name in (("Pair", "pair-8-3"), ("Latent", "latent-8"), ("Map", "map")):
        assert page_report._file_name(title, planted_bundle) == f"report-{name}{end}"
