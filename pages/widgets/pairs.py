"""Which pairs of latents a page is about, and the table of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from analysis.bundle import Bundle
from analysis.cooccurrence.association import MEASURES
from analysis.latents.flags import FLAGGED
from analysis.runtime import numbers
from charts.pairs import pair_rows
from pages.widgets import pickers
from pages.widgets.events import open_pair
from pages.widgets.page import Page

MOST_DRAWN = 40
MOST_ROWS = 1000
_COUNTS = ("joint_tokens", "joint_documents", "expected", "lift")


@dataclass(frozen=True)
class Pairs:
    """The pairs of a selection, both ends in it, or those of one latent, strongest first."""

    bundle: Bundle
    measure: str
    latents: npt.NDArray[np.int64]
    within: bool
    hide_flags: bool
    rows: pa.Table
    drawn: npt.NDArray[np.int64]
    """The latents of the heatmap: the whole selection, or those of its strongest pairs."""


def choose_pairs(page: Page) -> Pairs:
    """Let the reader choose the pairs and the measure that ranks them."""
    about, by = st.columns(2)
    with about:
        subject = pickers.subject(page.view.latent)
    with by:
        measure = pickers.measure()
    if subject == "latent":
        latents = np.array([page.view.latent])
        flag = page.bundle.latents["flag"][page.view.latent].as_py()
        hide_flags = flag not in FLAGGED
    else:
        latents, hide_flags = np.flatnonzero(page.mask), True
    within = subject == "selection"
    rows = pair_rows(page.bundle, latents, measure, within=within, hide_flags=hide_flags)
    drawn = latents if within and len(latents) <= MOST_DRAWN else _strongest(rows, latents)
    if len(drawn) < len(latents):
        st.markdown(
            f"The heatmap shows the {numbers.count(len(drawn))} latents of the strongest pairs; "
            f"the ranking and the table are about all {numbers.count(len(latents))}."
        )
    return Pairs(page.bundle, measure, latents, within, hide_flags, rows, drawn)


def _strongest(rows: pa.Table, latents: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """At most MOST_DRAWN latents: those of the strongest pairs."""
    ends = np.column_stack([rows[end].to_numpy() for end in ("latent", "partner")]).ravel()
    ids, first = np.unique(ends, return_index=True)
    return ids[np.argsort(first)][:MOST_DRAWN].astype(np.int64) if len(ids) else latents[:1]


def pair_table(pairs: Pairs) -> None:
    """The pairs with their counts, strongest first; a click opens the pair."""
    names = ["latent", "latent_label", "partner", "partner_label", *_COUNTS]
    names = [pairs.measure, *(name for name in names if name != pairs.measure)]
    rows = pairs.rows.select(names).slice(0, MOST_ROWS)
    total = numbers.count(pairs.rows.num_rows)
    shown = (
        f", the strongest {numbers.count(MOST_ROWS)} shown"
        if rows.num_rows < pairs.rows.num_rows
        else ""
    )
    st.markdown(f"**Pairs** · {total}{shown} · click a row to open the pair")
    event = st.dataframe(
        rows.to_pandas(),
        column_config=_columns(pairs.measure),
        hide_index=True,
        key="pairs",
        on_select="rerun",
        selection_mode="single-cell",
        height=360,
    )
    for row, _ in event["selection"]["cells"]:
        if row < rows.num_rows:
            open_pair(rows["latent"][row].as_py(), rows["partner"][row].as_py())


def _columns(measure: str) -> dict[str, ColumnConfig]:
    number = st.column_config.NumberColumn
    return {
        measure: number(MEASURES[measure].label, format="%.3g", width="small"),
        "latent": number("latent", format="%d", width="small"),
        "latent_label": st.column_config.TextColumn("its label", width="medium"),
        "partner": number("partner", format="%d", width="small"),
        "partner_label": st.column_config.TextColumn("its label ", width="medium"),
        "joint_tokens": number("joint tokens", format="localized", width="small"),
        "joint_documents": number("documents", format="localized", width="small"),
        "expected": number("expected", format="%.3g", width="small"),
        "lift": number("lift", format="%.3g", width="small"),
    }
