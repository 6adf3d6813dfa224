"""Co-occurrence: which latents fire on the same tokens?"""

import streamlit as st

from charts.heatmap import cooccurrence_heatmap
from charts.pairs import ranked_pairs
from pages.components.figure import show
from pages.components.page import begin
from pages.components.pairs import choose_pairs, pair_table

page = begin(
    "Co-occurrence",
    "Which latents fire on the same tokens, and more often than chance would have it?",
)
pairs = choose_pairs(page)
left, right = st.columns(2)
with left:
    show(cooccurrence_heatmap(page.bundle, pairs.drawn, pairs.measure), page.selection)
with right:
    show(
        ranked_pairs(
            page.bundle,
            pairs.latents,
            pairs.measure,
            within=pairs.within,
            hide_flags=pairs.hide_flags,
        ),
        page.selection,
    )
pair_table(pairs)
