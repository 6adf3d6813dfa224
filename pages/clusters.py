"""Clusters: which groups of latents are there, and what does each of them do?"""

import streamlit as st

from charts.cluster_contexts import cluster_contexts
from charts.cluster_evidence import cluster_evidence
from charts.cluster_matrix import cluster_matrix
from charts.cluster_tree import cluster_tree
from charts.component_plane import component_plane, component_shares
from pages.widgets import pickers
from pages.widgets.cluster_head import cluster_head
from pages.widgets.cluster_picker import cluster_picker, cluster_table
from pages.widgets.figure import show
from pages.widgets.latent_table import latent_table
from pages.widgets.page import begin
from pages.widgets.trust import clustering_trust

page = begin(
    "Clusters",
    "Which groups of latents point the same way, how far can each be believed, and what do its "
    "members do? Click or choose a cluster to look at it and to select it everywhere.",
)
chosen = cluster_picker(page)
clustering_trust(page.bundle, chosen.level)
show(cluster_tree(page.bundle, page.selected, chosen.cluster), page.selection)
cluster_table(page, chosen)
cluster_head(page.bundle, chosen)
left, right = st.columns([2, 3])
with left:
    show(cluster_evidence(page.bundle, chosen.cluster))
with right:
    latent_table(page.bundle, chosen.members, "Members", height=600)
show(cluster_contexts(page.bundle, chosen.cluster, pickers.pooled_contexts()))
left, right = st.columns(2)
with left:
    plane, classes = pickers.plane(chosen.components)
    show(component_plane(page.bundle, chosen.cluster, plane, classes))
    show(component_shares(page.bundle, chosen.cluster, plane))
with right:
    measure = pickers.measure()
    show(cluster_matrix(page.bundle, chosen.level, measure, chosen.cluster))
