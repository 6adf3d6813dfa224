"""The best hits under the text field of the selection bar, while a reader types.

The browser draws the list (`search_list.js`) from the route in `pages.server.search_hits`. It uses
the field of the selection bar, so there is one field. A chosen hit opens a latent or a cluster, or
takes the place of the part of the selection that is of its kind (a value: of its column). Where a
map is shown, it flies to a chosen latent instead, unless Shift is held.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import streamlit as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from streamlit.components.v2.types import ComponentRenderer

from analysis.bundle import Bundle
from analysis.selection import LONGEST_TEXT, Profile, Selection, parse, replaced
from analysis.selection.search import Kind
from pages.widgets import session
from pages.widgets.bundles import data_address
from pages.widgets.events import choose_cluster, open_latent
from pages.widgets.failures import guarded
from pages.widgets.map_gestures import fly_to
from pages.widgets.state import Id

KEY = "search list"
_SCRIPT = Path(__file__).with_suffix(".js")
_HTML = """
<div class="search-panel" popover="manual">
  <div class="search-hits" id="search-hits" role="listbox" aria-label="Search hits"></div>
  <p class="search-status" role="status"></p>
</div>
"""


class Choice(BaseModel):
    """A chosen hit; raises pydantic.ValidationError if a browser sends something else."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Kind
    item: Id = 0
    opens: bool = False
    """Whether a latent is opened also where a map could show it."""
    select: str = Field(default="", max_length=LONGEST_TEXT)


def search_list(bundle: Bundle) -> None:
    """Draw the list, which is hidden until a reader types into the field."""
    view = session.current()
    address = f"{data_address(view.bundle, bundle)}/search"
    with st.container(key="search"):
        _component()(
            key=KEY,
            data={"address": address, "committed": view.select},
            on_chosen_change=take_choice,
        )


@lru_cache(maxsize=1)
def _component() -> ComponentRenderer:
    return st.components.v2.component(
        "clearwater_search_list",
        html=_HTML,
        css=_SCRIPT.with_suffix(".css").read_text("utf-8"),
        js=_SCRIPT.read_text("utf-8"),
        isolate_styles=False,  # the field and the list must be in one tree for screen readers
    )


@guarded()
def take_choice() -> None:
    """Open or select what the reader has chosen."""
    sent = st.session_state[KEY]
    message = sent.get("chosen") if isinstance(sent, Mapping) else None
    try:
        choice = Choice.model_validate(message)
    except ValidationError:
        return
    if choice.kind in ("latent", "context"):
        if choice.opens or not fly_to(choice.item):
            open_latent(choice.item)
    elif choice.kind == "cluster":
        choose_cluster(choice.item)
    else:
        chosen = parse(choice.select)
        selection = session.current().selection
        session.select(replaced(selection, lambda part: _is_of_kind(part, chosen), chosen))


def _is_of_kind(part: Selection, chosen: Selection) -> bool:
    """Whether a chosen hit takes the place of a part; French and a genre can be joined."""
    if isinstance(part, Profile) and isinstance(chosen, Profile):
        return part.column == chosen.column
    return isinstance(part, type(chosen))
