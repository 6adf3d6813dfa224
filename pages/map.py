"""Map: which latents write alike, and which fire together?"""

import streamlit as st

from charts.cluster_bars import cluster_bars
from charts.density import density_histogram
from charts.map import latent_map
from pages.widgets import pickers
from pages.widgets.figure import show
from pages.widgets.latent_table import latent_table
from pages.widgets.page import begin
from pages.widgets.trust import clustering_trust, map_trust
from pages.widgets.zoom import zoom

page = begin(
    "Map",
    "Which latents point the same way or fire together, and what are they about? Drag a box to "
    "select, click a point to open its latent.",
)
left, right = st.columns([3, 2])
with left:
    which, by, at = st.columns(3)
    with which:
        layout = pickers.layout(page.bundle)
    with by:
        colour = pickers.colour(page.bundle, layout)
    with at:
        level = pickers.level(page.bundle)
    viewport = zoom(page, layout)
# The small charts come first, so that they answer a box before the map is drawn again.
with right:
    map_trust(page.bundle, layout)
    clustering_trust(page.bundle, level)
    show(density_histogram(page.bundle, page.selected), page.selection)
    show(cluster_bars(page.bundle, page.selected, level), page.selection)
with left:
    show(
        latent_map(
            page.bundle,
            selected=page.selected,
            colour=colour,
            level=level,
            highlight=page.view.latent,
            viewport=viewport,
            layout=layout,
        ),
        page.selection,
    )
    latent_table(page.bundle, page.mask)
