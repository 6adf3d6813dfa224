"""Latent: what does one latent respond to, and which latents are related to it?"""

import streamlit as st

from charts.contexts import context_strips
from charts.latent import activation_histogram, logit_effects
from pages.widgets import choices
from pages.widgets.blind_test import running_test
from pages.widgets.document_profiles import show_profile
from pages.widgets.figure_card import show
from pages.widgets.heads import latent_actions, latent_facts, latent_head
from pages.widgets.latent_lists import neighbour_list, partner_list, relation_list, token_list
from pages.widgets.latent_notes import latent_notes
from pages.widgets.latent_picker import latent_picker
from pages.widgets.opened_document import opened_document
from pages.widgets.page import begin
from pages.widgets.regime import chosen_regime

page = begin(
    "Latent",
    "What does this latent respond to, which latents are related to it, and which tokens does it "
    "promote?",
    of_latents=True,
)
running_test(page, "latent")
latent = latent_picker(page)
with page.toolbar:
    latent_actions(page.bundle, latent)
latent_head(page.bundle, latent)
regime = chosen_regime(page, latent)
left, right = st.columns([3, 2])
with left:
    kind = choices.contexts()
    show(context_strips(page.bundle, latent, kind, regime))
    token_list(page, latent, regime)
    partner_list(page, latent, regime)
    neighbour_list(page, latent)
with right:
    latent_notes(page, latent)
    latent_facts(page.bundle, latent)
    show(activation_histogram(page.bundle, latent, regime))
    show_profile(page.bundle, "latent", latent)
    show(logit_effects(page.bundle, latent))
    relation_list(page, latent)
opened_document(page.bundle, latent)
