"""The map with its choices. A link shows the same part of the same map.

The browser draws the map (`pages/latent_map/`): moving, zooming and pointing never reach this
module, and a gesture that selects comes as a shape (`map_gestures.py`). A browser without WebGL2
gets the chart instead.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlencode

import numpy as np
import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from analysis.bundle import Bundle, LevelName
from analysis.decoder.map_verdict import MapName
from charts.core.figure import Figure
from charts.map import TITLES, latent_map, map_caption, map_note
from charts.map_columns import ASSOCIATION, CLUSTER, PROFILE
from charts.map_points import map_points
from charts.map_view import Viewport, whole_map
from charts.names_by_zoom import selected_names
from charts.note_colours import NOTE_COLOURS, digest_of
from charts.text_colours import OWN_TEXT
from pages.widgets import choices, map_gestures, session
from pages.widgets.bundles import data_address
from pages.widgets.export_menu import shown_now, view_of_page
from pages.widgets.figure_card import show
from pages.widgets.map_script import addresses, style, version
from pages.widgets.noted import notes_of_colour
from pages.widgets.page import Page
from pages.widgets.scheme import shown_scheme
from pages.widgets.state import ViewState
from pages.widgets.zoom_buttons import zoom_buttons

_LOADER = """
const address = (path) => new URL(path, document.baseURI).href;
const MODULES = %s;
let begun = false;

/** Ask for what draws a map and the first columns at once, and not only when imported. */
function preload({ data }) {
  if (begun) return;
  begun = true;
  const ask = (rel, path, more) =>
    document.head.append(
      Object.assign(document.createElement("link"), { rel, href: address(path), ...more }));
  for (const path of MODULES) ask("modulepreload", path);
  for (const path of [data.positions, data.colour.url]) {
    ask("preload", path, { as: "fetch", crossOrigin: "anonymous" });
  }
}

export default async function (component) {
  try {
    preload(component);
    const module = await import(address("map-modules/%s/index.js"));
    return module.default(component);
  } catch (error) {
    component.parentElement.querySelector(".map").textContent =
      "The map could not be loaded; reload the page.";
    throw error;
  }
}
"""


@dataclass(frozen=True)
class MapChoice:
    """The options of the map that the reader has chosen."""

    names: tuple[MapName, ...]
    """The map, and the one beside it if both are shown."""
    colour: str
    """A column of the latent table, "cluster", "association" or "profile"."""
    level: LevelName | None
    """Of the clusters; None if there are none."""
    shows_chance: bool = False
    """Whether the same picture of a null draw is shown below."""

    @property
    def name(self) -> MapName:
        """The map that the toolbar is about."""
        return self.names[0]


def map_choice(bundle: Bundle) -> MapChoice:
    """What the reader has chosen with `map_choices`, which may be drawn later."""
    names = choices.chosen_maps(bundle)
    colour = choices.chosen_colour(bundle)
    if colour == PROFILE:
        choices.check_profile(bundle)
    if not bundle.manifest.clustering:
        return MapChoice(names, colour, None)
    shows_chance = choices.chance_is_shown(bundle, names[0])
    return MapChoice(names, colour, choices.chosen_level(bundle), shows_chance)


def map_choices(bundle: Bundle, choice: MapChoice) -> None:
    """Let the reader choose the maps, their colour and the cluster level."""
    choices.maps(bundle)
    choices.colour(bundle)
    if choice.colour == PROFILE:
        choices.profile(bundle)
    if bundle.manifest.clustering:
        with choices.more():
            choices.level(bundle)
            choices.shows_chance(bundle, choice.name)


def show_maps(page: Page, choice: MapChoice) -> None:
    """Draw the maps of the browser, or charts if the browser cannot draw them."""
    if st.session_state.get(map_gestures.UNSUPPORTED):
        viewport = zoom_buttons(page, choice.name)
        for name in choice.names:
            show(_chart(page, choice, name, viewport), page.selection)
            viewport = None
        return
    with st.container(horizontal=True, gap="small", key="maps"):
        for name, key in zip(choice.names, map_gestures.KEYS, strict=False):
            with st.container(key=f"card {key}"):
                _component(version())(
                    key=key,
                    data=_data(page, choice, name),
                    on_gestures_change=partial(map_gestures.take_gestures, key),
                )
            shown_now().append(_in_report(page, choice, name))


@lru_cache(maxsize=1)
def _component(of_version: str) -> ComponentRenderer:
    return st.components.v2.component(
        "clearwater_latent_map",
        html='<div class="map"></div>',
        css=style(),
        js=_LOADER % (json.dumps(addresses()), of_version),
    )


def _in_report(page: Page, choice: MapChoice, name: MapName) -> Callable[[], Figure]:
    """The map as a chart on white, made only for a report."""
    view = page.view
    viewport = view.viewport if name == choice.name else view.beside
    draw = partial(
        latent_map,
        page.bundle,
        selected=page.selected,
        colour=choice.colour,
        measure=view.measure,
        regime=view.regime,
        profile=view.profile,
        own_text=view.own_text,
        notes=notes_of_colour(page.bundle, choice.colour),
        level=choice.level,
        highlight=view.latent,
        viewport=viewport,
        map_name=name,
    )
    place = view_of_page()
    return lambda: replace(draw().of_selection(page.selection), view=place)


def _chart(page: Page, choice: MapChoice, name: MapName, viewport: Viewport | None) -> Figure:
    """The map as a chart, with a ring around the latest latent."""
    return latent_map(
        page.bundle,
        selected=page.selected,
        colour=choice.colour,
        measure=page.view.measure,
        regime=page.view.regime,
        profile=page.view.profile,
        own_text=page.view.own_text,
        notes=notes_of_colour(page.bundle, choice.colour),
        level=choice.level,
        highlight=page.view.latent,
        viewport=viewport,
        map_name=name,
        scheme=shown_scheme(),
    )


def _data(page: Page, choice: MapChoice, name: MapName) -> dict[str, Any]:
    """What the browser needs to draw: addresses of the large columns, and what changes often."""
    bundle, view = page.bundle, page.view
    base = data_address(view.bundle, bundle)
    level = choice.level and {"space": choice.level.space, "level": choice.level.level}
    shapes = map_gestures.shapes_of(view.selection, name) if page.selection else ()
    return {
        "bundle": view.bundle,
        "content": bundle.identity,
        "base": base,
        "level": level,
        "measure": view.measure,
        "profile": view.profile,
        "title": TITLES[name],
        "name": TITLES[name] if len(choice.names) > 1 else "",
        "map": name,
        "count": bundle.latents.num_rows,
        "positions": f"{base}/positions/{name}",
        "frame": map_points(bundle, name).frame,
        "whole": whole_map(bundle, name),
        "colour": {"name": choice.colour, "url": f"{base}/column/{_column(page, choice)}"},
        "sizes": f"{base}/column/density",
        "size": view.size,
        "mask": None if page.selected is None else _bits(page.selected),
        "maskVersion": _digest(bundle.identity, page.selection),
        "selectedNames": selected_names(bundle, name, page.selected),
        "selectionText": page.selection,
        "shapes": [map_gestures.for_browser(shape, out) for shape, out in shapes],
        "focus": view.latent,
        "viewport": view.viewport if name == choice.name else view.beside,
        "viewportName": "viewport" if name == choice.name else "beside",
        "mode": view.mode,
        "theme": shown_scheme(),
        "order": list(ViewState.model_fields),
        "undo": session.can_undo(),
        "redo": session.can_redo(),
        "answered": map_gestures.answered(),
        "drawnAt": None if map_gestures.is_shown() else f"map-drawn/{token_urlsafe(16)}",
        "flight": map_gestures.flight(),
        "caption": map_caption(bundle, choice.level, name).text,
        "weakNote": map_note(bundle, name),
    }


def _column(page: Page, choice: MapChoice) -> str:
    """The address of a column with only what it depends on, so that browsers can keep it."""
    view = page.view
    query: dict[str, object] = {}
    if choice.colour == CLUSTER and choice.level:
        query = {"space": choice.level.space, "level": choice.level.level}
    elif choice.colour == ASSOCIATION:
        query = {"latent": view.latent, "measure": view.measure}
        if view.regime is not None:
            query["regime"] = ",".join(map(str, view.regime))
    elif choice.colour == PROFILE:
        query = {"profile": view.profile}
    elif choice.colour == OWN_TEXT:
        query = {"own_text": view.own_text}
    elif choice.colour in NOTE_COLOURS:
        query = {"notes": digest_of(notes_of_colour(page.bundle, choice.colour))}
    return f"{choice.colour}?{urlencode(query)}"


def _bits(mask: np.ndarray) -> str:
    """A mask as base64 of its bits, least significant first."""
    return base64.b64encode(np.packbits(mask, bitorder="little").tobytes()).decode()


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
