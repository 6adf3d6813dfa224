"""Clusters: which latents form groups, and what does each group respond to?"""

import numpy as np
import streamlit as st

from charts.cluster_contexts import cluster_contexts
from charts.cluster_evidence import cluster_evidence
from charts.cluster_matrix import cluster_matrix
from charts.cluster_tree import cluster_tree, null_tree
from charts.component_plane import component_plane, component_shares
from pages.widgets import choices
from pages.widgets.blind_test import blind_test_button, running_test
from pages.widgets.cluster_notes import cluster_notes
from pages.widgets.document_profiles import show_profile
from pages.widgets.figure_card import show
from pages.widgets.heads import cluster_head
from pages.widgets.latent_notes import pointed_latent_notes
from pages.widgets.page import begin, options
from pages.widgets.pickers import cluster_picker
from pages.widgets.tables import cluster_table, latent_table
from pages.widgets.trust import clustering_trust

page = begin(
    "Clusters",
    "Which groups of latents are similar or fire together, how reliable is each group, and what do "
    "its members respond to? Click or choose a cluster to show it and to select its latents.",
)
running_test(page, "cluster")
chosen = cluster_picker(page)
with page.toolbar:
    clustering_trust(page.bundle, chosen.level)
    compares = choices.shows_chance(page.bundle, chosen.level.space)


def _all_clusters() -> None:
    shown = cluster_tree(page.bundle, page.selected, chosen.cluster, chosen.level.space)
    show(shown, page.selection)


# What a link asks for comes first: the comparison with chance, else the cluster.
if compares:
    _all_clusters()
    show(null_tree(page.bundle, chosen.level.space))
left, right = st.columns([2, 3])
with left:
    cluster_head(page.bundle, chosen)
    cluster_notes(page.bundle, chosen)
    members = np.flatnonzero(chosen.members).tolist()
    blind_test_button(page.bundle, "cluster", chosen.cluster, members)
with right:
    with options("options of contexts"):
        pooled = choices.pooled_contexts()
    show(cluster_contexts(page.bundle, chosen.cluster, pooled))
cluster_table(page, chosen)
if not compares:
    _all_clusters()
left, right = st.columns([2, 3])
# Draw the members first, so that those of another cluster do not stay while the evidence is made.
with right:
    title = f"Members of cluster {chosen.cluster}"
    note = st.container()
    ticked = latent_table(page.bundle, chosen.members, "Members", 600, page.selected, title)
    with note:
        pointed_latent_notes(page.bundle, ticked, shortcut=None)
with left:
    show(cluster_evidence(page.bundle, chosen.cluster))
    show_profile(page.bundle, "cluster", chosen.cluster)
with options():
    plane, classes = choices.plane(chosen.components)
    measure = choices.measure()
left, right = st.columns(2)
with left:
    show(
        component_plane(page.bundle, chosen.cluster, plane, classes, page.selected), page.selection
    )
    show(component_shares(page.bundle, chosen.cluster, plane))
with right:
    matrix = cluster_matrix(page.bundle, chosen.level, measure, chosen.cluster, page.selected)
    show(matrix, page.selection)
