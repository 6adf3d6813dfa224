"""The table of latents: what is selected, one row each, a click opens the latent."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from analysis.bundle import Bundle
from analysis.runtime import numbers
from analysis.runtime.arrays import Bools
from pages.widgets.events import open_latent

MOST_ROWS = 1000
_COLUMNS = {
    "latent": st.column_config.NumberColumn("latent", format="%d", width="small"),
    "label": st.column_config.TextColumn("label", width="medium"),
    "cluster": st.column_config.NumberColumn("cluster", format="%d", width="small"),
    "label_precision": st.column_config.NumberColumn(
        "precision",
        format="%.2f",
        width="small",
        help="Of the held-out words that its label predicts, those on which it is active.",
    ),
    "label_recall": st.column_config.NumberColumn(
        "recall",
        format="%.2f",
        width="small",
        help="Of the held-out words on which it is active, those that its label predicts.",
    ),
    "density": st.column_config.NumberColumn("density", format="%.1e", width="small"),
    "max": st.column_config.NumberColumn("max", format="%.2f", width="small"),
    "flag": st.column_config.TextColumn("flag", width="small"),
    "top_tokens": st.column_config.ListColumn("top tokens", width="large"),
    "explanation": st.column_config.TextColumn("explanation", width="large"),
}


def latent_table(
    bundle: Bundle, mask: Bools, name: str = "Selected latents", height: int = 360
) -> None:
    """The latents of the mask, densest first."""
    rows = _rows(bundle, mask)
    chosen = int(mask.sum())
    shown = f", the {numbers.count(MOST_ROWS)} densest shown" if chosen > MOST_ROWS else ""
    st.markdown(f"**{name}** · {numbers.count(chosen)}{shown} · click a row to open its latent")
    event = st.dataframe(
        rows.to_pandas(),
        column_config=_COLUMNS,
        hide_index=True,
        key=f"table of {name.lower()}",
        on_select="rerun",
        selection_mode="single-cell",
        height=height,
    )
    for row, _ in event["selection"]["cells"]:
        if row < rows.num_rows:
            open_latent(rows["latent"][row].as_py())


def _rows(bundle: Bundle, mask: Bools) -> pa.Table:
    """The densest selected rows of the latent table, with the columns that are shown."""
    found = bundle.latents.select(list(_COLUMNS)).take(np.flatnonzero(mask))
    order = pc.sort_indices(found, [("density", "descending"), ("latent", "ascending")])
    found = found.take(order[:MOST_ROWS])
    said = pc.any(pc.not_equal(found["explanation"], "")).as_py()
    return found if said else found.drop_columns(["explanation"])
