"""What a fragment remembers of its place equals Streamlit's own copies."""

from copy import deepcopy
from typing import Any

import pytest
from streamlit.cursor import RunningCursor
from streamlit.delta_generator import DeltaGenerator
from streamlit.proto.Element_pb2 import Element
from streamlit.runtime import fragment
from streamlit.testing.v1 import AppTest

from pages.server.fragment_copies import copied, copy_less


def containers() -> tuple[DeltaGenerator, ...]:
    """Three containers, each inside the one before."""
    outer = RunningCursor(0)
    first = DeltaGenerator(0, outer, None, None)
    second = DeltaGenerator(0, outer.open_block(), first, "vertical")
    inner = second._provided_cursor
    assert inner is not None
    inner.lock_element()
    third = DeltaGenerator(0, inner.open_block(), second, "horizontal")
    third._creating_fragment_id = "of a fragment"
    return first, second, third


def described(container: DeltaGenerator | None) -> Any:
    """What is known of a container and its parents."""
    if container is None:
        return None
    cursor = container._cursor
    assert cursor is not None
    return (
        type(cursor),
        cursor.delta_path,
        cursor.is_locked,
        dict(cursor.transient_elements.items()),
        container._root_container,
        container._block_type,
        container._form_data,
        container._creating_fragment_id,
        described(container._parent),
    )


def test_the_copies_say_what_streamlits_copies_say() -> None:
    given = containers()
    ours, theirs = copied(given), deepcopy(given)
    assert [described(one) for one in ours] == [described(one) for one in theirs]
    assert [described(one) for one in ours] == [described(one) for one in given]
    cursors = {0: RunningCursor(0, (1, 2)), 1: RunningCursor(1).lock_element()}
    cursors[0].transient_elements[3] = Element()
    own, other = copied(cursors), deepcopy(cursors)
    assert {key: vars(one) | {"_transient_elements": None} for key, one in own.items()} == {
        key: vars(one) | {"_transient_elements": None} for key, one in other.items()
    }
    assert dict(own[0].transient_elements.items()) == {3: Element()}
    assert copied({"other": [1]}) == {"other": [1]}


def test_a_page_that_goes_on_does_not_change_the_copies() -> None:
    given = containers()
    ours = copied(given)
    before = [described(one) for one in ours]
    for container in given:
        assert container._cursor is not None
        container._cursor.open_block()
        container._cursor.get_transient_cursor()
        container._cursor.transient_elements[0] = Element()
    assert [described(one) for one in ours] == before
    assert [described(one) for one in given] != before
    assert ours[2]._parent is ours[1] and ours[1]._parent is ours[0]
    assert not {id(one) for one in ours} & {id(one) for one in given}


def test_streamlit_uses_them_for_its_fragments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vars(fragment), "deepcopy", deepcopy)
    seen: list[object] = []

    def noting(value: object) -> object:
        seen.append(value)
        return copied(value)

    monkeypatch.setattr("pages.server.fragment_copies.copied", noting)
    copy_less()

    def page() -> None:
        import streamlit as st  # noqa: PLC0415 - the script of the test

        with st.container(), st.container(horizontal=True):
            st.fragment(lambda: st.write("in the fragment"))()
            st.write("after it")

    app = AppTest.from_function(page, default_timeout=60).run()
    assert [one.value for one in app.markdown] == ["in the fragment", "after it"]
    assert any(isinstance(value, tuple) and len(value) == 3 for value in seen)
    assert any(isinstance(value, dict) for value in seen)
