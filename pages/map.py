"""Map: which latents point the same way?"""

import streamlit as st

from charts.clusters import cluster_bars
from charts.density import density_histogram
from charts.map import latent_map
from pages.components import pickers
from pages.components.figure import show
from pages.components.latent_table import latent_table
from pages.components.page import begin

page = begin(
    "Map",
    "Which latents point the same way, and what are they about? Drag a box to select, click a "
    "point to open its latent.",
)
left, right = st.columns([3, 2])
with left:
    colour, level = pickers.colour_and_level(page.bundle)
# The small charts come first, so that they answer a box before the map is drawn again.
with right:
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
        ),
        page.selection,
    )
    latent_table(page.bundle, page.mask)
