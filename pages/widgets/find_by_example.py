"""Find latents by example: which latents tell two sets of documents or windows apart."""

import numpy as np
import streamlit as st

from analysis.bundle import Bundle
from analysis.bundle.positions import WINDOW, Unit
from analysis.runtime import numbers
from analysis.runtime.errors import InputError
from analysis.selection import Latents, ids_of
from charts.core.figure import CaptionedTable
from charts.example_table import example_table, example_values
from pages.widgets import session
from pages.widgets.events import open_latent
from pages.widgets.export_menu import head_with_export, with_view
from pages.widgets.failures import guarded
from pages.widgets.frames import frame
from pages.widgets.markdown import plain

SIGNIFICANT = 0.05
_FIRST, _SECOND, _UNIT = "first set of examples", "second set of examples", "unit of the examples"
_UNITS: dict[Unit, str] = {"document": "documents", "window": f"windows of {WINDOW} tokens"}
"""The last one is the default: a word is often in too few documents to hold a third of them out."""
_AUC = (
    "On held-out documents: how often the latent is stronger in a unit of the first set than in "
    "one of the second. It compares strength; the shares with any activity are on the right. "
    "1 is best."
)
_NUMBER, _TEXT = st.column_config.NumberColumn, st.column_config.TextColumn
_COLUMNS = {
    "latent": _NUMBER("latent", format="%d", width="small"),
    "label": _TEXT("label", width="medium"),
    "auc": _NUMBER("AUC", format="%.3f", width="small", help=_AUC),
    "p_value": _NUMBER("p", format="%.2f", width="small", help="Of the best AUC of the search."),
    "naming_auc": _NUMBER(
        "AUC before", format="%.3f", width="small", help="On the documents that chose the latents."
    ),
    "active_first": _NUMBER(
        "in the first", format="percent", width="small", help="Share of units with activity."
    ),
    "active_second": _NUMBER("in the second", format="percent", width="small"),
    "density": _NUMBER("density", format="%.1e", width="small"),
    "top_tokens": st.column_config.ListColumn("top tokens", width="large"),
}


def find_by_example(bundle: Bundle) -> None:
    """The fields of the two sets, and the latents that tell them apart once a reader asks."""
    with st.expander("Find latents by example", icon=":material/compare:"):
        st.markdown(
            "Which latents are more active in some documents than in others? They are chosen on "
            "two thirds of the documents and ranked on the rest."
        )
        st.caption(plain(ways_to_give_a_set(bundle), 1000))
        units = offered_units(bundle)
        with st.form("examples", border=False):
            left, right = st.columns(2)
            first = left.text_input("First set", key=_FIRST, placeholder="whale")
            second = right.text_input("Second set", key=_SECOND, placeholder="all others")
            unit = st.segmented_control(
                "Counted by",
                units,
                key=_UNIT,
                default=units[-1],
                required=True,
                format_func=lambda name: _UNITS[name],
            )
            st.form_submit_button("Find latents", icon=":material/search:")
        if first.strip():
            with guarded("comparing the sets"):
                _show(bundle, first, second, "window" if unit == "window" else "document")


def offered_units(bundle: Bundle) -> list[Unit]:
    """What can be counted; windows only if some document has more than one."""
    kept = bundle.kept_tokens
    return list(_UNITS) if kept.n_units("window") > kept.n_units("document") else ["document"]


def ways_to_give_a_set(bundle: Bundle) -> str:
    """What a reader can write for a set, with values that the corpus of the bundle has."""
    columns = [
        f"{name}={first} or {', '.join(others)}"
        for name, (first, *others) in example_values(bundle).items()
    ]
    of_columns = f"a value of a column ({'; '.join(columns)}), " if columns else ""
    return (
        'A set is given by a text that its documents contain (whale, "New York"), '
        f"{of_columns}or the ids of its documents (document=3,14,20..30)."
    )


def _show(bundle: Bundle, first: str, second: str, unit: Unit) -> None:
    try:
        with st.spinner("Comparing the two sets …"):
            table = with_view(example_table(bundle, first, second, unit))
    except InputError as error:
        st.error(plain(error.public, 1000))
        return
    head_with_export(f"**{plain(table.title)}**", table)
    event = st.dataframe(
        frame(table.rows),
        column_config=_COLUMNS,
        hide_index=True,
        key=f"examples {first} {second} {unit}",
        on_select="rerun",
        selection_mode="single-cell",
        height=360,
        placeholder="–",
    )
    st.caption(plain(table.note or "", 1000))
    better = significant(table)
    st.button(
        f"Select the {numbers.count(len(better))} that beat chance (p ≤ {SIGNIFICANT:g})",
        key="select by example",
        icon=":material/filter_alt:",
        disabled=not better,
        on_click=_select,
        args=(better,),
    )
    row = next((row for row, _ in event["selection"]["cells"] if row < table.rows.num_rows), None)
    if row is not None:
        open_latent(table.rows["latent"][row].as_py())


def significant(table: CaptionedTable) -> list[int]:
    """The latents of the table whose AUC few draws of permuted labels reach."""
    chosen = np.flatnonzero(table.rows["p_value"].to_numpy() <= SIGNIFICANT)
    latents: list[int] = table.rows["latent"].take(chosen).to_pylist()
    return latents


@guarded()
def _select(latents: list[int]) -> None:
    session.select(Latents(ids_of(latents)))
