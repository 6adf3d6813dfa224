"""What a gesture on the map in the browser does to the view.

A gesture is a drawn shape in the units of the map, or a latent. The browser sends all
that the view does not contain yet, because Streamlit may drop a message for the next one.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self, get_args

import numpy as np
import streamlit as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from analysis.decoder.map_verdict import MapName
from analysis.selection import (
    And,
    Between,
    Box,
    Cluster,
    Compare,
    Everything,
    Lasso,
    Not,
    Or,
    Selection,
    both,
    drawn_box,
    drawn_lasso,
    replaced,
)
from charts.map_columns import colouring, part_of
from charts.map_view import maps_of, places
from charts.text_colours import OWN_TEXT
from pages.widgets import session
from pages.widgets.bundles import shown
from pages.widgets.choices import chosen_level
from pages.widgets.events import open_latent
from pages.widgets.failures import guarded
from pages.widgets.noted import notes_of_colour
from pages.widgets.state import Mode, Rectangle, Size

KEYS = ("latent map", "latent map beside")
"""Of the component of the map, and of the one beside it."""
UNSUPPORTED = "the browser has no WebGL2"
"""In the state of the session once its browser has said so."""
_FLIGHT = "latent to which the map flies"
_ANSWERED = "number of the last gesture on the map"

Kind = Literal[
    "box", "lasso", "open", "focus", "clear", "legend", "cluster", "undo", "redo", "unsupported"
]
Combine = Literal["replace", "add", "subtract", "edit"]
Shape = Box | Lasso


class Gesture(BaseModel):
    """One gesture; raises pydantic.ValidationError if a browser sends something else."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, extra="ignore")

    kind: Kind
    combine: Combine = "replace"
    map: MapName = "decoder"
    shape: tuple[tuple[float, float], ...] = Field(default=(), max_length=200)
    """Corners in the units of the map; two opposite ones of a box."""
    latent: int | None = Field(default=None, ge=0, lt=2**31)
    value: int | None = Field(default=None, ge=0, lt=2**31)
    """Which of the drawn shapes is edited, the code of an entry of the legend, or a cluster."""
    viewport: Rectangle | None = None
    """The part of the map that is shown, as in a link."""
    beside: Rectangle | None = None
    """The part of the other map, if it is shown beside it."""
    mode: Mode = "move"
    size: Size = "even"
    serial: int = Field(default=0, ge=0, lt=2**53)
    """Counts the gestures of one session."""

    @model_validator(mode="after")
    def _two_corners(self) -> Self:
        if self.kind == "box" and len(self.shape) != 2:
            raise ValueError("a box has two corners")
        return self


def answered() -> int:
    """The number of the last gesture that the view contains."""
    return int(st.session_state.get(_ANSWERED, 0))


def is_shown() -> bool:
    """Whether the last run of this session has shown the map."""
    return KEYS[0] in st.session_state


def fly_to(latent: int) -> bool:
    """Put a latent in focus and in the middle of the map that is shown; False if it is not on one.

    The browser flies once for each number.
    """
    if not is_shown():
        return False
    x, y = places(shown(), session.current().map or maps_of(shown())[0])
    if latent >= len(x) or not (np.isfinite(x[latent]) and np.isfinite(y[latent])):
        return False
    last = flight() or {"number": 0}
    st.session_state[_FLIGHT] = {"latent": latent, "number": last["number"] + 1}
    session.change(latent=latent)
    return True


def flight() -> dict[str, int] | None:
    """The last latent to which the map flies, and its number."""
    flown: dict[str, int] | None = st.session_state.get(_FLIGHT)
    return flown


@guarded()
def take_gestures(key: str) -> None:
    """Apply the gestures that a map has sent and the view does not contain yet.

    The maps of a page count their gestures together, and one sends those of both.
    """
    sent = st.session_state[key]
    messages = sent.get("gestures") if isinstance(sent, Mapping) else None
    for message in messages if isinstance(messages, list) else ():
        try:
            gesture = Gesture.model_validate(message)
        except ValidationError:
            continue
        if gesture.serial > answered():
            _take(gesture)


@guarded()
def _take(gesture: Gesture) -> None:
    st.session_state[_ANSWERED] = gesture.serial
    session.note(
        viewport=gesture.viewport, beside=gesture.beside, mode=gesture.mode, size=gesture.size
    )
    apply(gesture)


def apply(gesture: Gesture) -> None:
    """Change the view as a gesture says."""
    if gesture.kind in ("box", "lasso"):
        session.select(after(session.current().selection, gesture))
    elif gesture.kind == "clear":
        session.select(Everything())
    elif gesture.kind == "legend" and gesture.value is not None:
        session.select(narrowed(session.current().selection, gesture.value))
    elif gesture.kind == "cluster" and gesture.value is not None:
        session.select(with_part(session.current().selection, Cluster((gesture.value,))))
    elif gesture.kind == "undo":
        session.undo()
    elif gesture.kind == "redo":
        session.redo()
    elif gesture.kind == "focus":
        session.change(latent=gesture.latent)
    elif gesture.kind == "open" and gesture.latent is not None:
        open_latent(gesture.latent)
    elif gesture.kind == "unsupported":
        st.session_state[UNSUPPORTED] = True


def after(selection: Selection, gesture: Gesture) -> Selection:
    """The selection after a drawn shape replaces the shapes in it, adds to it or subtracts from it.

    A shape that replaces keeps the other conditions, such as a search. An edited shape takes the
    place of the shape that it was.
    """
    shape = _shape(gesture)
    if gesture.combine == "edit":
        shapes = list(shapes_of(selection, gesture.map))
        index = gesture.value or 0
        return _with(selection, shapes[index][0], shape) if index < len(shapes) else selection
    if gesture.combine == "subtract":
        return both(selection, Not(shape))
    if gesture.combine == "replace" or isinstance(selection, Everything):
        return both(without_shapes(selection), shape)
    return Or((*(selection.parts if isinstance(selection, Or) else (selection,)), shape))


def narrowed(selection: Selection, code: int) -> Selection:
    """The selection with an entry of the legend in the place of other parts of its kind."""
    view, bundle = session.current(), shown()
    level = chosen_level(bundle)
    colours = colouring(
        bundle,
        view.colour,
        level,
        view.latent,
        view.measure,
        view.regime,
        view.profile,
        view.own_text if view.colour == OWN_TEXT else notes_of_colour(bundle, view.colour),
    )
    return with_part(selection, part_of(colours, code))


def with_part(selection: Selection, part: Selection) -> Selection:
    """The selection with a part in the place of others that are about the same."""
    subjects = {_subject(condition) for condition in _conditions(part)}
    return replaced(selection, lambda old: _subject(old) in subjects, part)


def _conditions(part: Selection) -> tuple[Selection, ...]:
    return part.parts if isinstance(part, And) else (part,)


def _subject(condition: Selection) -> object:
    """What a condition is about: its column, or its kind."""
    return condition.column if isinstance(condition, Compare | Between) else type(condition)


def _shape(gesture: Gesture) -> Shape:
    if gesture.kind == "lasso":
        return drawn_lasso(gesture.shape, gesture.map)
    (x0, y0), (x1, y1) = gesture.shape
    return drawn_box(x0, x1, y0, y1, gesture.map)


def shapes_of(selection: Selection, on_map: MapName) -> Iterator[tuple[Shape, bool]]:
    """The drawn shapes of a selection on a map, and whether each is subtracted."""
    if isinstance(selection, get_args(Shape)):
        if selection.map == on_map:
            yield selection, False
    elif isinstance(selection, And | Or):
        for part in selection.parts:
            yield from shapes_of(part, on_map)
    elif isinstance(selection, Not):
        yield from ((shape, not out) for shape, out in shapes_of(selection.part, on_map))


def without_shapes(selection: Selection) -> Selection:
    """The selection without its drawn shapes, on any map."""
    if isinstance(selection, get_args(Shape)):
        return Everything()
    if isinstance(selection, Not):
        rest = without_shapes(selection.part)
        return rest if isinstance(rest, Everything) else Not(rest)
    if isinstance(selection, And | Or):
        rest_of = [without_shapes(part) for part in selection.parts]
        kept = tuple(part for part in rest_of if not isinstance(part, Everything))
        if len(kept) < 2:
            return kept[0] if kept else Everything()
        return type(selection)(kept)
    return selection


def _with(selection: Selection, old: Shape, new: Shape) -> Selection:
    """The selection with one shape in the place of another."""
    if selection == old:
        return new
    if isinstance(selection, Not):
        return Not(_with(selection.part, old, new))
    if isinstance(selection, And | Or):
        return type(selection)(tuple(_with(part, old, new) for part in selection.parts))
    return selection


def for_browser(shape: Shape, subtracts: bool) -> dict[str, Any]:
    """A drawn shape as the browser draws it."""
    if isinstance(shape, Lasso):
        return {"kind": "lasso", "points": shape.points, "subtracts": subtracts}
    points = ((shape.x0, shape.y0), (shape.x1, shape.y1))
    return {"kind": "box", "points": points, "subtracts": subtracts}
