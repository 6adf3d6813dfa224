"""Choosing the cluster that is looked at: from the table of its level, or by its name."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from analysis.bundle import Bundle
from analysis.runtime import numbers
from analysis.runtime.arrays import Bools
from charts.core.text import shown_label
from pages.widgets import events, pickers, state
from pages.widgets.page import Page

_PICK = "pick cluster"
_TABLE = "clusters"
_COLUMNS = {
    "chosen": st.column_config.TextColumn("", width=30),
    "cluster": st.column_config.NumberColumn("cluster", format="%d", width="small"),
    "label": st.column_config.TextColumn("label", width="large"),
    "size": st.column_config.NumberColumn("latents", format="localized", width="small"),
    "selected": st.column_config.NumberColumn("selected", format="localized", width="small"),
    "stability": st.column_config.NumberColumn(
        "stability", format="%.2f", width="small", help="Agreement over seeds; below .5 it is weak."
    ),
    "bootstrap": st.column_config.NumberColumn(
        "bootstrap", format="%.2f", width="small", help="Agreement over resampled edges."
    ),
    "label_precision": st.column_config.NumberColumn(
        "precision", format="%.2f", width="small",
        help="Of the held-out words that its label predicts, those on which it is active.",
    ),
    "label_recall": st.column_config.NumberColumn(
        "recall", format="%.2f", width="small",
        help="Of the held-out words on which it is active, those that its label predicts.",
    ),
    "label_lift": st.column_config.NumberColumn(
        "lift", format="%.1f", width="small",
        help="Precision over its share of all held-out words: 1 is chance.",
    ),
    "active_tokens": st.column_config.NumberColumn(
        "active tokens", format="localized", width="small"
    ),
    "mean_density": st.column_config.NumberColumn(
        "mean density", format="%.1e", width="small", help="Mean density of its members."
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """The cluster that a page is about."""

    cluster: int
    level: int
    members: Bools
    """[n_latents]"""
    components: int
    """Principal components that are stored of what it writes."""


def cluster_picker(page: Page) -> Chosen:
    """The cluster of the view, else the largest of its level; ends the page without clusters."""
    bundle = page.bundle
    if bundle.clusters.num_rows == 0:
        st.info("No clusters were found in this SAE: its decoder vectors form no dense groups.")
        st.stop()
    at, which = st.columns([1, 3])
    with at:
        level = pickers.level(bundle)
    ids = _ids(bundle, level)
    if page.view.cluster not in ids:
        state.change(cluster=_nearest(bundle, page.view.cluster, level, ids[0]))
    cluster = state.current().cluster
    names = dict(
        zip(
            bundle.clusters["cluster"].to_pylist(),
            bundle.clusters["label"].to_pylist(),
            strict=True,
        )
    )
    st.session_state[_PICK] = cluster
    which.selectbox(
        "Cluster",
        ids,
        key=_PICK,
        format_func=lambda i: f"{i} · {shown_label(names[i], 80) or 'no label'}",
        on_change=_take,
    )
    rows = bundle.memberships
    members = np.zeros(len(page.mask), dtype=bool)
    members[rows.filter(pc.equal(rows["cluster"], cluster))["latent"].to_numpy()] = True
    known = bundle.cluster_components["cluster"].to_numpy()
    return Chosen(cluster, level, members, int((known == cluster).sum()))


def _ids(bundle: Bundle, level: int) -> list[int]:
    """The clusters of a level, largest first."""
    rows = bundle.clusters.filter(pc.equal(bundle.clusters["level"], level))
    rows = rows.sort_by([("size", "descending"), ("cluster", "ascending")])
    ids: list[int] = rows["cluster"].to_pylist()
    return ids


def _nearest(bundle: Bundle, cluster: int, level: int, otherwise: int) -> int:
    """The cluster of the level that shares the most latents with a cluster of another level."""
    rows = bundle.memberships
    members = rows.filter(pc.equal(rows["cluster"], cluster))["latent"].to_numpy()
    there = rows.filter(pc.equal(rows["level"], level))
    shared = there["cluster"].to_numpy()[np.isin(there["latent"].to_numpy(), members)]
    return int(np.bincount(shared).argmax()) if len(shared) else otherwise


def _take() -> None:
    if st.session_state[_PICK] is not None:
        events.choose_cluster(int(st.session_state[_PICK]))


def cluster_table(page: Page, chosen: Chosen) -> None:
    """The clusters of the level with what tells how far to believe them; a click chooses one."""
    rows = _rows(page, chosen)
    st.markdown(
        f"**Clusters of this level** · {numbers.count(rows.num_rows)} · click a row to look at "
        "its cluster, a column's name to sort"
    )
    key = f"{_TABLE} {chosen.level}"
    st.dataframe(
        rows.to_pandas(),
        column_config=_COLUMNS,
        hide_index=True,
        key=key,
        on_select=lambda: _take_row(key, rows["cluster"].to_pylist()),
        selection_mode="single-cell",
        height=min(38 + 35 * rows.num_rows, 300),
    )


def _take_row(key: str, clusters: list[int]) -> None:
    for row, _ in st.session_state[key]["selection"]["cells"]:
        if row < len(clusters):
            events.choose_cluster(clusters[row])


def _rows(page: Page, chosen: Chosen) -> pa.Table:
    """The level's rows of the cluster table, largest first, with how many members are selected."""
    bundle = page.bundle
    rows = bundle.clusters.filter(pc.equal(bundle.clusters["level"], chosen.level))
    rows = rows.sort_by([("size", "descending"), ("cluster", "ascending")])
    members = bundle.memberships
    inside = members["cluster"].to_numpy()[page.mask[members["latent"].to_numpy()]]
    counts = np.bincount(inside, minlength=bundle.clusters.num_rows)
    ids = rows["cluster"].to_numpy()
    rows = rows.append_column("selected", pa.array(counts[ids]))
    marks = ["▸" if i == chosen.cluster else "" for i in ids.tolist()]
    return rows.append_column("chosen", pa.array(marks)).select(list(_COLUMNS))
