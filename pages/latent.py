"""Latent: what does one latent respond to, and which latents are related to it?"""

import streamlit as st

from charts.contexts import context_strips
from charts.latent import activation_histogram, latent_neighbours, latent_partners, logit_effects
from pages.widgets import choices
from pages.widgets.blind_test import blind_test_button, running_test
from pages.widgets.figure_card import show
from pages.widgets.heads import latent_head, latent_links
from pages.widgets.latent_notes import latent_notes
from pages.widgets.page import begin, options
from pages.widgets.pickers import latent_picker, open_pair_with

page = begin(
    "Latent",
    "What does this latent respond to, which latents are related to it, and which tokens does it "
    "promote?",
    of_latents=True,
)
running_test(page, "latent")
latent = latent_picker(page)
latent_head(page.bundle, latent)
with st.container(horizontal=True):
    latent_links(page.bundle, latent)
    blind_test_button(page.bundle, "latent", latent, [latent])
latent_notes(page, latent)
with options():
    kind = choices.contexts()
    measure = choices.measure()
    open_pair_with(page.bundle, latent)
show(context_strips(page.bundle, latent, kind))
left, right = st.columns(2)
with left:
    show(activation_histogram(page.bundle, latent))
    show(latent_neighbours(page.bundle, latent))
with right:
    show(latent_partners(page.bundle, latent, measure))
    show(logit_effects(page.bundle, latent))
