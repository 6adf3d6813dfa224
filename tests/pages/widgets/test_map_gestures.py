"""What gestures on the map do to the selection."""

import pytest
import streamlit as st
from pydantic import ValidationError

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from analysis.selection import Box, Everything, Lasso, Not, Or, parse
from charts.map_columns import colouring, part_of
from pages.widgets import map_gestures, session
from pages.widgets.map_gestures import (
    UNSUPPORTED,
    Gesture,
    after,
    for_browser,
    shapes_of,
    without_shapes,
)
from pages.widgets.state import ViewState
from tests.pages.conftest import Open

BOX = ((0.0, 1.0), (2.0, 3.0))
TRIANGLE = ((0.0, 0.0), (4.0, 0.0), (0.0, 4.0))


def drawn(combine: str = "replace", **more: object) -> Gesture:
    return Gesture.model_validate({"kind": "box", "combine": combine, "shape": BOX, **more})


@pytest.mark.parametrize(
    ("before", "combine", "expected"),
    [
        ("", "replace", "box(0,2,1,3)"),
        ("", "add", "box(0,2,1,3)"),
        ("", "subtract", "!box(0,2,1,3)"),
        ('"python"', "replace", '"python" & box(0,2,1,3)'),
        ('"python"', "add", '"python" | box(0,2,1,3)'),
        ('"python"', "subtract", '"python" & !box(0,2,1,3)'),
        ('"a" & box(5,6,5,6)', "replace", '"a" & box(0,2,1,3)'),
        ('"a" & box(5,6,5,6)', "add", '("a" & box(5,6,5,6)) | box(0,2,1,3)'),
        ('"a" | box(5,6,5,6)', "add", '"a" | box(5,6,5,6) | box(0,2,1,3)'),
        ('("a" | box(5,6,5,6)) & !lasso(0,0,1,0,0,1)', "replace", '"a" & box(0,2,1,3)'),
        ("box(5,6,5,6,cooccurrence)", "replace", "box(0,2,1,3)"),
    ],
)
def test_a_shape_replaces_adds_or_subtracts(before: str, combine: str, expected: str) -> None:
    assert after(parse(before), drawn(combine)) == parse(expected)


def test_a_lasso_keeps_its_corners_and_its_map() -> None:
    gesture = Gesture(kind="lasso", shape=TRIANGLE, map="cooccurrence")
    assert after(Everything(), gesture) == Lasso(TRIANGLE, "cooccurrence")


def test_an_edited_shape_takes_the_place_of_the_one_that_it_was() -> None:
    selection = parse('("a" | box(5,6,5,6)) & !lasso(0,0,1,0,0,1) & box(9,10,9,10,cooccurrence)')
    edited = after(selection, drawn("edit", value=1))
    assert edited == parse('("a" | box(5,6,5,6)) & !box(0,2,1,3) & box(9,10,9,10,cooccurrence)')
    edited = after(selection, drawn("edit", value=0, map="cooccurrence"))
    assert str(edited).endswith("box(0,2,1,3,cooccurrence)")
    assert after(selection, drawn("edit", value=2)) == selection


def test_the_shapes_of_a_selection_on_one_map() -> None:
    box, lasso = Box(0, 1, 0, 1), Lasso(TRIANGLE, "decoder")
    other = Box(0, 1, 0, 1, "cooccurrence")
    selection = Or((box, Not(Or((lasso, Not(other))))))
    assert list(shapes_of(selection, "decoder")) == [(box, False), (lasso, True)]
    assert list(shapes_of(selection, "cooccurrence")) == [(other, False)]
    assert without_shapes(selection) == Everything()


def test_shapes_for_the_browser_have_two_corners_or_all() -> None:
    box = for_browser(Box(0, 1, 2, 3), True)
    assert box == {"kind": "box", "points": ((0, 2), (1, 3)), "subtracts": True}
    assert for_browser(Lasso(TRIANGLE), False)["points"] == TRIANGLE


@pytest.mark.parametrize(
    "message",
    [
        None,
        {"kind": "explode"},
        {"kind": "box", "shape": [[0, "x"], [1, 1]]},
        {"kind": "focus", "latent": -1},
        {"kind": "box", "shape": [[0, float("nan")], [1, 1]]},
        {"kind": "lasso", "shape": [[0, 0]] * 201},
        {"kind": "clear", "serial": 2**53},
        {"kind": "clear", "serial": -1},
    ],
)
def test_other_messages_are_not_gestures(message: object) -> None:
    with pytest.raises(ValidationError):
        Gesture.model_validate(message)


def test_each_gesture_is_taken_once_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Gesture] = []
    state: dict[str, object] = {}
    monkeypatch.setattr(st, "session_state", state)
    monkeypatch.setattr(session, "note", lambda **_: None)
    monkeypatch.setattr(map_gestures, "apply", taken.append)

    def send(*serials: int) -> list[int]:
        taken.clear()
        messages = [{"kind": "focus", "latent": serial, "serial": serial} for serial in serials]
        state[map_gestures.KEYS[0]] = {"gestures": [{"kind": "explode", "serial": 99}, *messages]}
        map_gestures.take_gestures(map_gestures.KEYS[0])
        assert map_gestures.answered() == max(serials)
        return [gesture.latent or 0 for gesture in taken]

    assert send(1) == [1]
    assert send(1, 2, 3) == [2, 3]
    assert send(3) == []
    state[map_gestures.KEYS[0]] = {"gestures": None}
    map_gestures.take_gestures(map_gestures.KEYS[0])
    assert map_gestures.answered() == 3


def test_a_gesture_notes_the_views_of_both_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: dict[str, object] = {}
    message = {"kind": "clear", "serial": 1, "viewport": [0, 1, 0, 1], "beside": [2, 3, 2, 3]}
    state = {map_gestures.KEYS[1]: {"gestures": [message | {"mode": "box"}]}}
    monkeypatch.setattr(st, "session_state", state)
    monkeypatch.setattr(session, "note", lambda **views: noted.update(views))
    monkeypatch.setattr(map_gestures, "apply", lambda _: None)
    map_gestures.take_gestures(map_gestures.KEYS[1])
    assert (noted["viewport"], noted["beside"]) == ((0, 1, 0, 1), (2, 3, 2, 3))
    assert (noted["mode"], noted["size"]) == ("box", "even")


def test_a_gesture_that_fails_does_not_hide_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[Gesture] = []

    def apply(gesture: Gesture) -> None:
        taken.append(gesture)
        if gesture.serial == 1:
            raise InputError("A lasso has at least three corners.")

    errors: list[str] = []
    messages = [{"kind": "clear", "serial": serial} for serial in (1, 2)]
    state = {map_gestures.KEYS[0]: {"gestures": messages}}
    monkeypatch.setattr(st, "session_state", state)
    monkeypatch.setattr(st, "error", errors.append)
    monkeypatch.setattr(session, "note", lambda **_: None)
    monkeypatch.setattr(map_gestures, "apply", apply)
    map_gestures.take_gestures(map_gestures.KEYS[0])
    assert [gesture.serial for gesture in taken] == [1, 2] and len(errors) == 1


def test_a_browser_without_webgl_gets_the_chart(open_page: Open, planted_bundle: Bundle) -> None:
    app = open_page("map", map="decoder")
    assert "Zoom" not in [markdown.value for markdown in app.markdown]
    app.session_state[UNSUPPORTED] = True
    app.run()
    assert "**Map of the decoder vectors**" in [markdown.value for markdown in app.markdown]
    assert "Zoom" in [markdown.value for markdown in app.markdown]


def test_the_legend_of_notes_selects_by_their_status(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_gestures, "shown", lambda: planted_bundle)
    monkeypatch.setattr(map_gestures, "notes_of_colour", lambda *_: "open=3;checked=8")
    view = ViewState(select="status=open & whale", colour="note_status")
    monkeypatch.setattr(session, "current", lambda: view)
    assert str(map_gestures.narrowed(view.selection, 2)) == '"whale" & status=checked'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "cluster=7"),
        ('cluster=1,2 & "a" & density>0.5', '"a" & density>0.5 & cluster=7'),
    ],
)
def test_the_name_of_a_cluster_selects_it_as_its_entry_of_the_legend_does(
    monkeypatch: pytest.MonkeyPatch, before: str, after: str
) -> None:
    view = ViewState(select=before, colour="density")
    monkeypatch.setattr(session, "current", lambda: view)
    chosen: list[str] = []
    monkeypatch.setattr(session, "select", lambda selection: chosen.append(str(selection)))
    map_gestures.apply(map_gestures.Gesture(kind="cluster", value=7))
    assert chosen == [after]


@pytest.mark.parametrize(
    ("colour", "before", "about"),
    [
        ("cluster", 'cluster=1 & "a" & density>0.5', "cluster="),
        ("density", 'density>0.5 & "a" & cluster=1 & density=1e-9..1', "density"),
        ("flag", 'flag=dead & "a" & cluster=1', "flag="),
    ],
)
def test_the_legend_replaces_the_condition_on_its_column(
    planted_bundle: Bundle,
    monkeypatch: pytest.MonkeyPatch,
    colour: str,
    before: str,
    about: str,
) -> None:
    colours = colouring(planted_bundle, colour)
    entry = colours.entries[-1]
    monkeypatch.setattr(map_gestures, "shown", lambda: planted_bundle)
    view = ViewState(select=before, colour=colour)
    monkeypatch.setattr(session, "current", lambda: view)
    narrowed = map_gestures.narrowed(view.selection, entry.code)
    part = part_of(colours, entry.code)
    kept = [text for text in before.split(" & ") if not text.startswith(about)]
    assert set(str(narrowed).split(" & ")) == {*kept, *str(part).split(" & ")}
