"""Latent: what does one latent respond to, and what goes with it?"""

import streamlit as st

from charts.contexts import context_strips
from charts.latent import activation_histogram, latent_neighbours, latent_partners, logit_effects
from pages.widgets import pickers
from pages.widgets.figure import show
from pages.widgets.latent_head import latent_head
from pages.widgets.latent_links import latent_links
from pages.widgets.latent_picker import latent_picker
from pages.widgets.page import begin
from pages.widgets.pair_picker import open_pair_with

page = begin(
    "Latent",
    "What does this latent respond to, which latents go with it, and what does it write?",
)
latent = latent_picker(page)
latent_head(page.bundle, latent)
latent_links(page.bundle, latent)
which, by, beside = st.columns(3)
with which:
    kind = pickers.contexts()
with by:
    measure = pickers.measure()
with beside:
    open_pair_with(page.bundle, latent)
show(context_strips(page.bundle, latent, kind))
left, right = st.columns(2)
with left:
    show(activation_histogram(page.bundle, latent))
    show(latent_neighbours(page.bundle, latent))
with right:
    show(latent_partners(page.bundle, latent, measure))
    show(logit_effects(page.bundle, latent))
