"""Overview: what is in this SAE, and is it healthy?"""

import streamlit as st

from charts.density import density_histogram
from charts.health import (
    active_latents_per_token,
    flag_counts,
    has_equal_tokens,
    max_activation_vs_density,
)
from pages.widgets.bundle_gallery import bundle_gallery
from pages.widgets.document_profiles import by_document
from pages.widgets.figure_card import show
from pages.widgets.find_by_example import find_by_example
from pages.widgets.in_short import in_short
from pages.widgets.own_text import own_text_panel
from pages.widgets.page import begin
from pages.widgets.provenance import facts, introduction, provenance, self_check_warning
from pages.widgets.reading import open_chosen, what_is_in_here
from pages.widgets.redundancy import redundancy
from pages.widgets.tours import begin_testing, tours

page = begin(
    "Overview",
    "What did this SAE learn, and is it healthy? How often do its latents fire, how many are dead "
    "or dense, and how much of the variance of the model's activations does it explain?",
)
open_chosen()
bundle_gallery()
self_check_warning(page.bundle)
introduction(page.bundle)
in_short(page.bundle)
tours(page.bundle)
own_text_panel(page.bundle)
find_by_example(page.bundle)
by_document(page)
what_is_in_here(page.bundle)
st.subheader("Is it healthy?", anchor=False)
facts(page.bundle)
redundant = st.container()
left, right = st.columns(2)
with left:
    show(density_histogram(page.bundle, page.selected), page.selection)
    show(flag_counts(page.bundle, page.selected), page.selection)
with right:
    if not has_equal_tokens(page.bundle):  # one bar would say what the facts say
        show(active_latents_per_token(page.bundle))
    show(max_activation_vs_density(page.bundle, page.selected), page.selection)
provenance(page.bundle)
# Reads all pairs, which the figures need not wait for.
with redundant:
    redundancy(page.bundle)
begin_testing(page.bundle)
