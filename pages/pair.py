"""Pair: do two latents fire together, on which text, and is it chance?"""

import streamlit as st

from analysis.cooccurrence.pair import WHERE
from analysis.notes.subjects import pair_subject
from charts.pair_activations import joint_activations
from charts.pair_contexts import pair_context_strips
from charts.pair_counts import pair_counts, pair_expected
from charts.pair_strength import pair_conditionals, pair_strengths
from pages.widgets import choices
from pages.widgets.figure_card import show
from pages.widgets.heads import pair_head
from pages.widgets.note_panel import note_panel
from pages.widgets.page import begin, options
from pages.widgets.pair_tests import pair_tests
from pages.widgets.pickers import pair_picker

page = begin(
    "Pair",
    "Do these two latents fire together, on which text, and is it chance?",
    of_latents=True,
)
pair = pair_picker(page)
pair_head(page.bundle, pair)
note_panel(page.bundle, pair_subject(pair.a, pair.b))
show(pair_counts(page.bundle, pair))
left, right = st.columns(2)
with left:
    show(pair_conditionals(page.bundle, pair))
    show(joint_activations(page.bundle, pair))
with right:
    show(pair_expected(page.bundle, pair))
    show(pair_strengths(page.bundle, pair))
tests = st.container(key="pair tests")
with options():
    picking = choices.picking()
for where in WHERE:
    show(pair_context_strips(page.bundle, pair, where, picking))
# Draw the tests last: the first call compiles kernels that the rest of the page does not need.
with tests:
    pair_tests(page.bundle, pair)
