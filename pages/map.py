"""Map: which latents have similar decoder vectors, and which fire together?"""

import streamlit as st

from charts.cluster_bars import cluster_bars
from charts.density import density_histogram
from charts.null_view import null_map
from pages.widgets.figure_card import show
from pages.widgets.latent_map import map_choice, show_maps
from pages.widgets.latent_notes import pointed_latent_notes
from pages.widgets.map_gestures import is_shown
from pages.widgets.page import begin, workspace
from pages.widgets.tables import latent_table
from pages.widgets.trust import clustering_trust, map_trust

page = begin(
    "Map",
    "Which latents have similar decoder vectors or fire together, and what do they respond to? "
    "Choose the box or the lasso to select latents. Click a point, or choose a latent under the "
    "search field, to put it in focus; press Enter to open its latent, or N to write a note on it.",
)
with page.toolbar:
    choice = map_choice(page)
with page.facts:
    for name in choice.names:
        map_trust(page.bundle, name, is_named=len(choice.names) > 1)
    clustering_trust(page.bundle, choice.level)
stage, rail = workspace()
# A browser draws what comes first. The first time that is the map, which takes longest; later the
# small charts, so that they follow a box without waiting for it.
comes_first = not is_shown()
if comes_first:
    with stage:
        show_maps(page, choice)
with rail:
    note = st.container()
    linked, table = st.tabs(["Charts", "Latents"], key="tabs of the rail", on_change="rerun")
with linked:
    show(density_histogram(page.bundle, page.selected), page.selection)
    show(cluster_bars(page.bundle, page.selected, choice.level), page.selection)
with stage:
    if not comes_first:
        show_maps(page, choice)
    if choice.shows_chance:
        for name in choice.names:
            show(null_map(page.bundle, name))
pointed = page.view.latent
if table.open:
    with table:
        ticked = latent_table(page.bundle, page.mask, "Selected latents", height=640)
    pointed = pointed if ticked is None else ticked
with note:
    pointed_latent_notes(page.bundle, pointed)
