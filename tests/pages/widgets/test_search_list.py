"""What a chosen hit does; `tests/browser/test_search.py` tests the list in the browser."""

import json
import re
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.widgets import search_list
from pages.widgets.search_list import KEY
from tests.pages.conftest import Open


def _app() -> None:
    import streamlit as st  # noqa: PLC0415

    from pages.widgets import search_list, session  # noqa: PLC0415

    if "before" in st.session_state:
        session.note(select=st.session_state["before"])
    if "sent" in st.session_state:
        st.session_state[search_list.KEY] = st.session_state["sent"]
        search_list.take_choice()
    st.write(f"selected: {session.current().select}")


@pytest.mark.parametrize("kind", ["token", "document"])
def test_a_token_or_a_document_is_a_selection(kind: str) -> None:
    app = AppTest.from_function(_app)
    app.session_state["sent"] = {"chosen": {"kind": kind, "item": 4, "select": '"whale"'}}
    app.session_state["before"] = 'flag=live & "ship"'
    assert app.run().markdown[0].value == 'selected: flag=live & "whale"'


def test_a_value_takes_the_place_of_the_value_of_its_column() -> None:
    app = AppTest.from_function(_app)
    select = "profile(language,fr)"
    app.session_state["sent"] = {"chosen": {"kind": "value", "select": select}}
    app.session_state["before"] = "profile(genre,code) & profile(language,de)"
    assert app.run().markdown[0].value == f"selected: profile(genre,code) & {select}"


@pytest.mark.parametrize(
    "sent",
    [
        None,
        {},
        {"chosen": None},
        {"chosen": {"kind": "page", "select": "flag=dead"}},
        {"chosen": {"kind": "token", "item": -1, "select": "flag=dead"}},
        {"chosen": {"kind": "token", "select": "x" * 10**6}},
    ],
)
def test_what_no_list_sends_is_ignored(sent: Any) -> None:
    app = AppTest.from_function(_app)
    app.session_state["sent"] = sent
    assert app.run().markdown[0].value == "selected:"
    assert not app.error


def test_a_selection_that_cannot_be_read_is_explained() -> None:
    app = AppTest.from_function(_app)
    app.session_state["sent"] = {"chosen": {"kind": "token", "select": "flag=("}}
    assert app.run().error


def test_the_list_knows_its_bundle_and_the_selection(open_page: Open) -> None:
    app = open_page("latent", select="flag=dead")
    named = "clearwater_search_list"
    (proto,) = [e.proto for e in app.get("bidi_component") if e.proto.component_name == named]
    data = json.loads(proto.json)
    assert data["committed"] == "flag=dead"
    assert re.fullmatch(r"map-data/[0-9a-f]+/[0-9a-f]+/search", data["address"])
    assert KEY == "search list"


@pytest.mark.parametrize(
    ("kind", "opens", "on_a_map", "opened"),
    [
        ("latent", False, True, []),
        ("latent", False, False, [3]),
        ("latent", True, True, [3]),
        ("context", False, True, []),
        ("context", True, True, [3]),
    ],
)
def test_a_map_flies_to_a_latent_unless_it_is_to_be_opened(
    monkeypatch: pytest.MonkeyPatch, kind: str, opens: bool, on_a_map: bool, opened: list[int]
) -> None:
    gone: list[int] = []
    chosen = {"kind": kind, "item": 3, "opens": opens}
    monkeypatch.setattr(st, "session_state", {KEY: {"chosen": chosen}})
    monkeypatch.setattr(search_list, "fly_to", lambda latent: on_a_map and latent == 3)
    monkeypatch.setattr(search_list, "open_latent", gone.append)
    search_list.take_choice()
    assert gone == opened
