"""What the chosen cluster is called, its numbers, and the ways from it to the other pages."""

from typing import Any

import streamlit as st

from analysis.bundle import Bundle
from analysis.runtime import numbers
from analysis.selection import Cluster
from charts.cluster_evidence import cluster_row
from pages.widgets import events, state
from pages.widgets.cluster_picker import Chosen
from pages.widgets.explanation import explanation, label_score
from pages.widgets.provenance import metrics
from pages.widgets.text import plain
from pages.widgets.trust import cluster_trust


def cluster_head(bundle: Bundle, chosen: Chosen) -> None:
    """The name and the numbers of one cluster."""
    row = cluster_row(bundle, chosen.cluster)
    name = plain(row["label"], 120) or "no label"
    st.subheader(f"Cluster {chosen.cluster} · {name}", anchor=False)
    label_score(row, bundle, "the cluster")
    explanation(row, bundle, "the cluster")
    cluster_trust(row["stability"], row["bootstrap"])
    metrics(_numbers(row, bundle))
    _ways(row)


def _numbers(row: dict[str, Any], bundle: Bundle) -> dict[str, tuple[str, str]]:
    tokens, active = bundle.manifest.tokens, row["active_tokens"]
    return {
        "Latents": (numbers.count(row["size"]), "Its members."),
        "Stability": (
            numbers.short(row["stability"]),
            "Its best overlap (Jaccard) with a cluster of its level found with another seed, mean "
            "over seeds. The same latents can be judged otherwise on another level.",
        ),
        "Bootstrap": (
            numbers.short(row["bootstrap"]),
            "The same overlap with clusters of its level in a graph whose edges were resampled.",
        ),
        "Active tokens": (
            f"{numbers.count(active)} ({numbers.share(active, tokens)})",
            f"Of {numbers.count(tokens)} kept tokens, those with an active member.",
        ),
        "Mean density": (
            numbers.density(row["mean_density"]),
            "Mean density of its members.",
        ),
    }


def _ways(row: dict[str, Any]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Select its latents everywhere",
            icon=":material/filter_alt:",
            on_click=_select,
            args=(row["cluster"],),
        )
        if row["parent"] is not None:
            st.button(
                f"Look at the cluster around it, {row['parent']}",
                icon=":material/arrow_upward:",
                on_click=events.choose_cluster,
                args=(row["parent"],),
            )


def _select(cluster: int) -> None:
    state.select(Cluster((cluster,)))
