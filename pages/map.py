"""Map: which latents have similar decoder vectors, and which fire together?"""

import streamlit as st

from charts.cluster_bars import cluster_bars
from charts.density import density_histogram
from charts.names_by_zoom import MOST_SELECTED
from charts.null_view import null_map
from pages.widgets.figure_card import show
from pages.widgets.latent_map import map_choice, map_choices, show_maps
from pages.widgets.latent_notes import pointed_latent_notes
from pages.widgets.map_gestures import is_shown
from pages.widgets.page import begin_with_figures, complete, figures_end, workspace
from pages.widgets.tables import latent_table
from pages.widgets.trust import clustering_trust, map_trust

TABS = "tabs of the rail"
page = begin_with_figures(
    "Map",
    "Which latents have similar decoder vectors or fire together, and what do they respond to? "
    "Choose the box or the lasso to select latents. Click a point, or choose a latent under the "
    "search field, to put it in focus; press Enter to open its latent, or N to write a note on it.",
)
choice = map_choice(page.bundle)
if not is_shown() and page.selected is not None and page.mask.sum() <= MOST_SELECTED:
    st.session_state[TABS] = "Latents"  # a link to a few latents shows which
stage, rail = workspace()


def _maps() -> None:
    with stage:
        show_maps(page, choice)
        if choice.shows_chance:
            for name in choice.names:
                show(null_map(page.bundle, name))


def _toolbar() -> None:
    whole = complete(page)
    with whole.toolbar:
        map_choices(page.bundle, choice)
    with whole.facts:
        for name in choice.names:
            map_trust(page.bundle, name, is_named=len(choice.names) > 1)
        clustering_trust(page.bundle, choice.level)


def _charts() -> None:
    with rail:
        note = st.container()
        linked, table = st.tabs(["Charts", "Latents"], key=TABS, on_change="rerun")
    with linked:
        show(density_histogram(page.bundle, page.selected), page.selection)
        show(cluster_bars(page.bundle, page.selected, choice.level), page.selection)
        figures_end()
    pointed = page.view.latent
    if table.open:
        with table:
            ticked = latent_table(page.bundle, page.mask, "Selected latents", 640, narrow=True)
        pointed = pointed if ticked is None else ticked
    with note:
        pointed_latent_notes(page.bundle, pointed)


# A browser draws what comes first. The first time that is the map, which takes longest; later the
# charts that a selection changes.
in_order = (_charts, _toolbar, _maps) if is_shown() else (_maps, _toolbar, _charts)
for draw in in_order:
    draw()
