"""The parts of the Co-occurrence page, of which one is shown at a time."""

from collections.abc import Callable

import streamlit as st

from charts.communities import community_sizes, component_sizes
from charts.heatmap import cooccurrence_heatmap
from charts.network import neighbourhood
from charts.pairs import ranked_pairs
from charts.relations import relation_points
from pages.widgets import pickers, relations, state
from pages.widgets.components_2024 import components_of
from pages.widgets.figure import show
from pages.widgets.latent_picker import latent_picker
from pages.widgets.latent_table import latent_table
from pages.widgets.page import Page
from pages.widgets.pairs import choose_pairs, pair_table


def pairs(page: Page) -> None:
    """The strongest pairs of the selection, as a matrix, as bars and as a table."""
    chosen = choose_pairs(page)
    left, right = st.columns(2)
    with left:
        show(cooccurrence_heatmap(page.bundle, chosen.drawn, chosen.measure), page.selection)
    with right:
        show(
            ranked_pairs(
                page.bundle,
                chosen.latents,
                chosen.measure,
                within=chosen.within,
                hide_flags=chosen.hide_flags,
            ),
            page.selection,
        )
    pair_table(chosen)


def listed_relations(page: Page) -> None:
    """Duplicates, implications, exclusive siblings and absorption candidates."""
    by, flags = st.columns(2)
    with flags:
        hide = pickers.loud()
    with by:
        counts = relations.relation_counts(page.bundle, page.mask, hide_flags=hide)
        relation = pickers.relation(counts)
    relations.relation_rules(page.bundle, relation)
    show(
        relation_points(page.bundle, page.mask, relation, hide_flags=hide, within=False),
        page.selection,
    )
    relations.relation_table(page.bundle, page.mask, relation, hide_flags=hide, within=False)


def communities(page: Page) -> None:
    """Groups of latents that fire together; a click selects one."""
    level = pickers.communities(page.bundle)
    left, right = st.columns(2)
    with left:
        if level == state.CLARKE:
            found = components_of(page.bundle)
            show(component_sizes(page.bundle, found, page.selected), page.selection)
        else:
            show(community_sizes(page.bundle, level, page.selected), page.selection)
    with right:
        latent_table(page.bundle, page.mask)


def network(page: Page) -> None:
    """A latent, its strongest partners, and what joins them."""
    latent = latent_picker(page)
    by, colour = st.columns(2)
    with by:
        measure = pickers.measure()
    with colour:
        level = pickers.network_colour(page.bundle)
    show(neighbourhood(page.bundle, latent, measure, level))


PARTS: dict[str, Callable[[Page], None]] = {
    "pairs": pairs,
    "relations": listed_relations,
    "communities": communities,
    "neighbourhood": network,
}
"""By their names in the view."""
