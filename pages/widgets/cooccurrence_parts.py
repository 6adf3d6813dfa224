"""The parts of the Co-occurrence page. The page shows one of them at a time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import streamlit as st

from analysis.latents.flags import FLAGGED
from analysis.runtime import numbers
from analysis.runtime.arrays import Ints
from charts.heatmap import cooccurrence_heatmap
from charts.jaccard_components import component_sizes, components_of
from charts.network import group_network, neighbourhood
from charts.null_view import null_pairs
from charts.pairs import RankedPairs, ranked_pairs, strongest_pairs
from charts.relations import ALL, relation_points, relation_rows
from charts.tables import pairs_table
from pages.widgets import choices
from pages.widgets.figure_card import show
from pages.widgets.latent_notes import pointed_latent_notes
from pages.widgets.latent_picker import latent_picker
from pages.widgets.page import Page
from pages.widgets.pickers import cluster_picker
from pages.widgets.state import Tab
from pages.widgets.tables import latent_table, pair_table, relation_table
from pages.widgets.trust import relation_rules

MOST_DRAWN = 40
"""Latents of the heatmap."""


@dataclass(frozen=True)
class ChosenPairs:
    """The pairs inside a selection, or those of one latent, strongest first."""

    measure: str
    latents: Ints
    within: bool
    """Whether both latents of a pair are in `latents`."""
    hide_flags: bool
    ranked: RankedPairs
    drawn: Ints
    """The latents of the heatmap: all of `latents`, or those of the strongest pairs."""


def pairs_part(page: Page) -> None:
    """The strongest pairs of the selection as a heatmap, as bars and as a table."""
    chosen = _choose_pairs(page)
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
    if choices.shows_chance(page.bundle, "cooccurrence"):
        show(null_pairs(page.bundle))
    table = pairs_table(
        page.bundle,
        chosen.latents,
        chosen.measure,
        within=chosen.within,
        hide_flags=chosen.hide_flags,
    )
    pair_table(table.of_selection(page.selection), chosen.ranked.total, chosen.measure)


def _choose_pairs(page: Page) -> ChosenPairs:
    with page.toolbar:
        within = choices.subject(_known_latent(page)) == "selection"
        measure = choices.measure()
    latents, hide_flags = np.flatnonzero(page.mask), True
    latent = _known_latent(page)
    if not within and latent is not None:
        latents = np.array([latent])
        # Every pair of a flagged latent would be hidden.
        hide_flags = page.bundle.latents["flag"][latent].as_py() not in FLAGGED
    ranked = strongest_pairs(page.bundle, latents, measure, within=within, hide_flags=hide_flags)
    draws_all = within and len(latents) <= MOST_DRAWN
    drawn = latents if draws_all else strongest_latents(ranked.rows, latents)
    if len(drawn) < len(latents):
        st.markdown(
            f"The heatmap shows the {numbers.count(len(drawn))} latents of the strongest pairs. "
            f"The ranking and the table cover all {numbers.count(len(latents))}."
        )
    return ChosenPairs(measure, latents, within, hide_flags, ranked, drawn)


def _known_latent(page: Page) -> int | None:
    """The latent of the view; None if there is none, or the bundle does not have it."""
    latent = page.view.latent
    return latent if latent is not None and latent < page.bundle.latents.num_rows else None


def strongest_latents(rows: pa.Table, latents: Ints) -> Ints:
    """The first MOST_DRAWN latents that occur in pairs; the first of `latents` without pairs."""
    ends = np.column_stack([rows[end].to_numpy() for end in ("latent", "partner")]).ravel()
    ids, first = np.unique(ends, return_index=True)
    return ids[np.argsort(first)][:MOST_DRAWN].astype(np.int64) if len(ids) else latents[:1]


def relations_part(page: Page) -> None:
    """Duplicates, implications, exclusive siblings and absorption candidates."""
    with page.toolbar:
        hide_flags = choices.flagged_are_hidden()
        relation = choices.relation(_relation_counts(page, hide_flags=hide_flags))
    relation_rules(page.bundle, relation)
    show(relation_points(page.bundle, page.mask, relation, hide_flags=hide_flags), page.selection)
    relation_table(page, relation, hide_flags=hide_flags)


def _relation_counts(page: Page, *, hide_flags: bool) -> dict[str, int]:
    """The number of pairs in each relation, and in all, that the table would show."""
    rows, _ = relation_rows(page.bundle, page.mask, ALL, hide_flags=hide_flags)
    counts = rows["relation"].value_counts().to_pylist()
    return {**{row["values"]: row["counts"] for row in counts}, ALL: rows.num_rows}


def components_part(page: Page) -> None:
    """The components of Clarke et al. 2024; a click selects one."""
    left, right = st.columns(2)
    with left:
        with st.spinner("Searching for the Jaccard threshold"):
            components = components_of(page.bundle)
        show(component_sizes(page.bundle, components, page.selected), page.selection)
    with right:
        note = st.container()
        ticked = latent_table(page.bundle, page.mask, "Selected latents")
        with note:
            pointed_latent_notes(page.bundle, ticked)


def neighbourhood_part(page: Page) -> None:
    """The network of a latent with its partners, of a cluster, or of the selection."""
    with page.toolbar:
        nodes = choices.network_of()
        measure = choices.measure()
        space = choices.network_colour(page.bundle)
    if nodes == "latent":
        show(neighbourhood(page.bundle, latent_picker(page), measure, space))
        return
    if nodes == "cluster":
        chosen = cluster_picker(page)
        group = group_network(
            page.bundle, chosen.members, f"cluster {chosen.cluster}", measure, space
        )
        show(group)
        return
    if not page.mask.any():
        st.info("The selection has no latents.")
        return
    show(group_network(page.bundle, page.mask, "the selection", measure, space), page.selection)


PARTS: dict[Tab, Callable[[Page], None]] = {
    "pairs": pairs_part,
    "relations": relations_part,
    "components": components_part,
    "neighbourhood": neighbourhood_part,
}
