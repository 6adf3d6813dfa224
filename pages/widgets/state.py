"""The state of the view, which lives in the address bar.

The address bar is the truth: a link that is opened there restores the view. The session keeps a
copy because the browser empties the address bar when the reader goes from page to page.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from analysis.bundle import WINDOW
from analysis.cooccurrence.association import MEASURES
from analysis.runtime.errors import InputError
from analysis.selection import LONGEST_TEXT, Everything, Selection, parse
from charts.component_plane import CLASSES
from charts.map_view import COLOURS, LAYOUTS, Viewport
from charts.relations import ALL, RELATIONS

SUBJECTS = ("selection", "latent")
TABS = {
    "pairs": "Pairs",
    "relations": "Relations",
    "communities": "Communities",
    "neighbourhood": "Neighbourhood",
}
"""The parts of the Co-occurrence page."""
CLARKE = -1
"""In the place of a level of communities: the components of Clarke et al. 2024."""
BY_CLUSTER = -1
"""In the place of a level of communities: a network is coloured by the finest cluster."""
PICKINGS = {"even": "evenly spaced", "random": "random"}
LOUD = {"hidden": "hidden", "shown": "shown"}
"""Whether pairs with a dense or an ultralow latent are listed."""
CONTEXTS = {"top": "strongest", "interval": "evenly spaced", "random": "random"}
LONGEST_NAME = 100
WIDEST_WINDOW = 1_000_000
NO_LATENT = -1
NO_CLUSTER = -1
POOLED = ("top", "random")
_VIEW = "view"
_WRITTEN = "view written to the address bar"
GENERATION = "generation of the charts' own selections"


@dataclass(frozen=True)
class ViewState:
    """What the reader looks at; raises ValueError where a value makes no sense."""

    bundle: str = ""
    select: str = ""
    latent: int = NO_LATENT
    measure: str = "phi"
    level: int = 0
    colour: str = "cluster"
    subject: str = "selection"
    contexts: str = "top"
    partner: int = NO_LATENT
    threshold: float = 0.0
    window: int = WINDOW
    picking: str = "even"
    tab: str = "pairs"
    relation: str = ALL
    loud: str = "hidden"
    community_level: int = 0
    network_level: int = BY_CLUSTER
    cluster: int = NO_CLUSTER
    pooled: str = "top"
    component: int = 1
    against: int = 2
    classes: str = "member"
    layout: str = "decoder"
    viewport: str = ""

    def __post_init__(self) -> None:
        known: dict[str, Collection[str]] = {
            "measure": MEASURES,
            "colour": COLOURS,
            "subject": SUBJECTS,
            "contexts": CONTEXTS,
            "picking": PICKINGS,
            "tab": TABS,
            "relation": (ALL, *RELATIONS),
            "loud": LOUD,
            "pooled": POOLED,
            "classes": CLASSES,
            "layout": LAYOUTS,
        }
        for name, values in known.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name} is none of {', '.join(values)}")
        if not (NO_LATENT <= self.latent < 2**31 and 0 <= self.level < 2**7):
            raise ValueError("latent and level are whole numbers from 0 on")
        if not (NO_LATENT <= self.partner < 2**31 and CLARKE <= self.community_level < 2**7):
            raise ValueError("partner and level of communities are whole numbers")
        if not BY_CLUSTER <= self.network_level < 2**7:
            raise ValueError("the level of a network is a whole number")
        if not (math.isfinite(self.threshold) and 1 <= self.window <= WIDEST_WINDOW):
            raise ValueError("the threshold or the window makes no sense")
        if not NO_CLUSTER <= self.cluster < 2**31:
            raise ValueError("cluster is a whole number from 0 on")
        if not (1 <= self.component < 2**7 and 1 <= self.against < 2**7):
            raise ValueError("components are counted from 1 on")
        if self.viewport and _corners(self.viewport) is None:
            raise ValueError("a viewport is x0,x1,y0,y1 with x0 < x1 and y0 < y1")
        if len(self.select) > LONGEST_TEXT or len(self.bundle) > LONGEST_NAME:
            raise ValueError("the selection or the name of the bundle is too long")

    @classmethod
    def from_query_params(cls, params: Mapping[str, str]) -> "ViewState":
        """The view that a link asks for; a value that makes no sense is passed over."""
        view = cls()
        for field in fields(cls):
            if field.name in params:
                try:
                    value: Any = type(getattr(view, field.name))(params[field.name])
                    view = replace(view, **{field.name: value})
                except ValueError:
                    continue
        return view

    def to_query_params(self) -> dict[str, str]:
        """The bundle, and everything that is not as usual."""
        usual = asdict(ViewState())
        return {
            name: str(value)
            for name, value in asdict(self).items()
            if value != usual[name] or (name == "bundle" and value)
        }

    @property
    def part_of_map(self) -> Viewport | None:
        """The part of the map that is shown; None for all of it."""
        return _corners(self.viewport) if self.viewport else None

    @property
    def selection(self) -> Selection:
        """The selection, or everything where its text cannot be read."""
        try:
            return parse(self.select)
        except InputError:
            return Everything()

    @property
    def selection_error(self) -> str:
        """Why the selection cannot be read; empty where it can."""
        try:
            parse(self.select)
        except InputError as error:
            return str(error)
        return ""


def _corners(text: str) -> Viewport | None:
    """x0, x1, y0, y1 from a text; None where it says no rectangle."""
    try:
        x0, x1, y0, y1 = (float(part) for part in text.split(","))
    except ValueError:
        return None
    found = (x0, x1, y0, y1)
    return found if all(map(math.isfinite, found)) and x0 < x1 and y0 < y1 else None


def corners(window: Viewport | None) -> str:
    """A part of the map as text; empty for all of it."""
    return ",".join(f"{edge:.4g}" for edge in window) if window else ""


def current() -> ViewState:
    """The view of this session: the address bar's, unless it was emptied by a change of page."""
    names = {field.name for field in fields(ViewState)}
    params = {k: v for k, v in st.query_params.to_dict().items() if k in names}
    if params and params != st.session_state.get(_WRITTEN):
        if _VIEW in st.session_state:
            forget_brushes()
        _keep(ViewState.from_query_params(params))
    view: ViewState = st.session_state.setdefault(_VIEW, ViewState())
    return view


def change(**changes: Any) -> ViewState:
    """Change the view and write it into the address bar."""
    view = replace(current(), **changes)
    _keep(view)
    write()
    return view


def reset(bundle: str) -> ViewState:
    """Start anew on another bundle, keeping only what means the same there."""
    view = current()
    return change(**asdict(ViewState(bundle=bundle, measure=view.measure, colour=view.colour)))


def link(view: ViewState) -> str:
    """The address that restores the view: of this page, on the host that the reader used."""
    page = (st.context.url or "").split("?")[0]
    return f"{page}?{urlencode(view.to_query_params())}"


def write() -> None:
    """Make the address bar say what is shown."""
    params = st.session_state[_VIEW].to_query_params()
    if st.query_params.to_dict() != params:
        st.query_params.from_dict(params)
    st.session_state[_WRITTEN] = params


def select(selection: Selection) -> ViewState:
    """Make this the selection of every chart; boxes drawn in charts are wiped off."""
    forget_brushes()
    return change(select=str(selection))


def generation() -> int:
    """Part of the key of every chart: when it changes, what was drawn in the charts is gone."""
    return int(st.session_state.get(GENERATION, 0))


def forget_brushes() -> None:
    """Wipe the boxes that were drawn in charts, since they no longer say what is selected."""
    st.session_state[GENERATION] = generation() + 1


def _keep(view: ViewState) -> None:
    st.session_state[_VIEW] = view
    st.session_state[_WRITTEN] = view.to_query_params()
