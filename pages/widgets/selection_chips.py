"""The parts of the selection, each with a button that removes it, and what it selects."""

import streamlit as st

from analysis.bundle import Bundle
from analysis.runtime.arrays import Bools
from analysis.selection import (
    Box,
    Lasso,
    Not,
    Or,
    Selection,
    parse,
    parts_of,
    without,
)
from pages.widgets import session
from pages.widgets.failures import guarded
from pages.widgets.markdown import plain
from pages.widgets.selected_list import selected_list

MOST_CHIPS = 12
LONGEST_CHIP = 40
"""Characters."""


def selection_chips(bundle: Bundle, text: str, mask: Bools | None) -> None:
    """Draw the parts of a selection that can be read; nothing if everything is selected.

    Its latents [n_latents] can be listed too, unless they could not be computed.
    """
    selection = parse(text)
    parts = parts_of(selection)
    if not parts:
        return
    joined = "or" if isinstance(selection, Or) else "and"
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="chips"):
        for index, part in enumerate(parts[:MOST_CHIPS]):
            if index:
                st.markdown(f":small[{joined}]", width="content")
            st.button(
                plain(chip_text(part), LONGEST_CHIP),
                key=f"chip {index}",
                help=f"Remove {plain(str(part))}",
                icon=":material/close:",
                icon_position="right",
                on_click=_remove,
                args=(text, index),
            )
        if len(parts) > MOST_CHIPS:
            st.markdown(f":small[{joined} {len(parts) - MOST_CHIPS} more]", width="content")
        if mask is not None:
            selected_list(bundle, mask, text)


def chip_text(part: Selection) -> str:
    """What a chip says: the text of the part, or what it is if that is a list of coordinates."""
    match part:
        case Not(inner) if isinstance(inner, Box | Lasso):
            return f"not {chip_text(inner)}"
        case Box(map=on_map):
            return f"box{_of(on_map)}"
        case Lasso(points, on_map):
            return f"lasso of {len(points)} corners{_of(on_map)}"
        case _:
            return str(part)


def _of(on_map: str) -> str:
    return " on the map" if on_map == "decoder" else " on the co-occurrence map"


@guarded()
def _remove(text: str, index: int) -> None:
    if session.current().select == text:
        session.select(without(parse(text), index))
