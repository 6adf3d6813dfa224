"""Overview: is this SAE healthy?"""

import streamlit as st

from charts.density import density_histogram
from charts.health import active_latents_per_token, flag_counts, max_activation_vs_density
from pages.widgets.figure_card import show
from pages.widgets.page import begin
from pages.widgets.provenance import facts, provenance

page = begin(
    "Overview",
    "Is this SAE healthy? How often do its latents fire, how many are dead or dense, and how much "
    "of the variance of the model's activations does it explain?",
)
facts(page.bundle)
left, right = st.columns(2)
with left:
    show(density_histogram(page.bundle, page.selected), page.selection)
    show(flag_counts(page.bundle))
with right:
    show(active_latents_per_token(page.bundle))
    show(max_activation_vs_density(page.bundle, page.selected), page.selection)
provenance(page.bundle)
