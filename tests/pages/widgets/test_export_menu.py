"""The export menu: its files, and the link of the page that they carry."""

from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from charts.core.figure import Figure
from pages.widgets.export_menu import HELP, SHOWN, WORDS, menu_key, view_of_page
from tests.pages.conftest import Open


def test_a_run_knows_what_it_has_shown(open_page: Open) -> None:
    app = open_page("overview", select="flag=live")
    names = [one.name for one in app.session_state[SHOWN]]
    assert names == [
        "density-histogram",
        "flag-counts",
        "active-latents-per-token",
        "max-activation-vs-density",
    ]
    again = app.run().session_state[SHOWN]
    assert [one.name for one in again] == names, "a run begins with nothing"
    assert all(isinstance(one, Figure) and "select=flag%3Dlive" in one.view for one in again)


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("http://a.b:1/latent?latent=3", "latent"),
        ("https://a.b/clearwater/map", "map"),
        ("http://a.b/", ""),
        (None, ""),
    ],
)
def test_the_view_names_the_page(
    url: str | None, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(st, "context", SimpleNamespace(url=url))
    monkeypatch.setattr(st, "query_params", SimpleNamespace(to_dict=lambda: {"latent": "3"}))
    monkeypatch.setattr(st, "session_state", {})
    assert view_of_page() == f"{page}?latent=3"


def test_files_that_need_words_have_help() -> None:
    assert set(HELP) == {"csv", "csv-metadata", "spreadsheet"} and set(HELP) < set(WORDS)


def test_files_are_listed_once_their_menu_is_opened(open_page: Open) -> None:
    app = open_page("overview")
    report = "save the report"
    assert [key.endswith(report) for key in _downloads(app)] == [True]
    app.session_state[menu_key("flag-counts")] = True
    *files, last = _downloads(app.run())
    assert len(files) == len(WORDS) and last.endswith(report)
    assert all(
        key.endswith(f"export flag-counts {kind}") for key, kind in zip(files, WORDS, strict=True)
    )


def _downloads(app: AppTest) -> list[str]:
    return [str(vars(button)["proto"].id) for button in app.get("download_button")]
