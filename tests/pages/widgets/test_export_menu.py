"""The export menu: its files, and the link of the page that they carry."""

from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle
from analysis.notes.note import Note
from analysis.notes.note_content import note_content
from analysis.notes.subjects import latent_subject
from analysis.serve.access.rights import Grant, User
from charts.core.export import ROWS_KINDS
from charts.core.figure import Figure
from pages.widgets import current_user, export_menu
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


def _menus(path: str) -> None:
    import numpy as np  # noqa: PLC0415
    import streamlit as st  # noqa: PLC0415

    from analysis.bundle import LevelName, open_bundle  # noqa: PLC0415
    from charts.density import density_histogram  # noqa: PLC0415
    from charts.tables import clusters_table  # noqa: PLC0415
    from pages.widgets.export_menu import export_menu, menu_key, with_view  # noqa: PLC0415

    bundle = st.cache_resource(open_bundle)(path)
    everything = np.ones(bundle.latents.num_rows, dtype=bool)
    figure = with_view(density_histogram(bundle))
    for shown in (figure, with_view(clusters_table(bundle, LevelName("decoder", 0), everything))):
        st.session_state[menu_key(shown.name)] = True
        export_menu(shown, figure)


def test_a_table_has_no_pictures_and_who_may_not_export_has_no_files(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"path": str(planted_bundle.path)}
    app = AppTest.from_function(_menus, kwargs=given, default_timeout=60).run()
    kinds = [key.rpartition(" ")[2] for key in _downloads(app)]
    assert kinds == [*WORDS, *ROWS_KINDS, "white", "white"]
    assert [button.label for button in app.button] == ["Paper"]
    reader = User("ada", "reader", (Grant("*", frozenset({"see"})),))
    monkeypatch.setattr(current_user, "current_user", lambda: reader)
    app.run()
    assert not app.exception and not _downloads(app) and not app.button


def test_a_run_begins_without_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "session_state", {})
    export_menu.begin_run("Latent")
    export_menu.notes_now().append(Note(latent_subject(3), note_content("n"), 1))
    assert export_menu.title_now() == "Latent"
    export_menu.begin_run("Map")
    assert (export_menu.title_now(), export_menu.notes_now()) == ("Map", [])
