"""The listed relations: how they were looked for, and the table of them."""

import numpy as np
import pyarrow as pa
import streamlit as st

from analysis.bundle import Bundle
from analysis.runtime import numbers
from charts.relations import ALL, RELATIONS, relation_rows
from pages.widgets.events import open_pair
from pages.widgets.text import plain

MOST_ROWS = 1000
_NUMBER = st.column_config.NumberColumn
_TEXT = st.column_config.TextColumn
_COLUMNS = {
    "relation": _TEXT("relation", width=135),
    "a": _NUMBER("a", format="%d", width="small"),
    "a_label": _TEXT("its label", width="medium"),
    "b": _NUMBER("b", format="%d", width="small"),
    "b_label": _TEXT("its label ", width="medium"),
    "joint_tokens": _NUMBER("joint", format="localized", width="small"),
    "expected_shifted": _NUMBER("by the shift", format="%.3g", width="small"),
    "p_b_given_a": _NUMBER("P(b given a)", format="%.3f", width="small"),
    "p_a_given_b": _NUMBER("P(a given b)", format="%.3f", width="small"),
    "q_value": _NUMBER("q", format="%.1e", width="small"),
}


def relation_counts(bundle: Bundle, chosen: np.ndarray, *, hide_flags: bool) -> dict[str, int]:
    """Pairs of every relation, and of all, that the table would show."""
    rows, _ = relation_rows(bundle, chosen, ALL, hide_flags=hide_flags)
    counted = rows["relation"].value_counts().to_pylist()
    return {**{row["values"]: row["counts"] for row in counted}, ALL: rows.num_rows}


def relation_rules(bundle: Bundle, relation: str) -> None:
    """By which rule pairs are listed, and among how many tested ones."""
    with st.expander("When is a pair listed?", expanded=relation != ALL):
        for said in bundle.manifest.relations:
            if relation in (ALL, said.relation):
                st.markdown(
                    f"**{plain(RELATIONS.get(said.relation, said.relation))}**: "
                    f"{plain(said.rule, 1000)} {numbers.count(said.listed)} listed of "
                    f"{numbers.count(said.tested)} tested. Family that q corrects for: "
                    f"{plain(said.family, 1000)}"
                )


def relation_table(
    bundle: Bundle, chosen: np.ndarray, relation: str, *, hide_flags: bool, within: bool
) -> None:
    """The listed pairs, smallest q first; a click opens the pair."""
    every, hidden = relation_rows(bundle, chosen, relation, hide_flags=hide_flags, within=within)
    rows: pa.Table = every.slice(0, MOST_ROWS)
    names = [RELATIONS[name] for name in rows["relation"].to_pylist()]
    rows = rows.set_column(rows.column_names.index("relation"), "relation", pa.array(names))
    rows = rows.select(list(_COLUMNS))
    shown = f", {numbers.count(MOST_ROWS)} shown" if rows.num_rows < every.num_rows else ""
    left_out = (
        f" · {numbers.count(hidden)} with a dense or ultralow latent or parent hidden"
        if hidden
        else ""
    )
    st.markdown(
        f"**Relations** · {numbers.count(every.num_rows)}{shown}{left_out} · click a row to open "
        "the pair"
    )
    event = st.dataframe(
        rows.to_pandas(),
        column_config=_COLUMNS,
        hide_index=True,
        key="relations",
        on_select="rerun",
        selection_mode="single-cell",
        height=360,
    )
    for row, _ in event["selection"]["cells"]:
        if row < rows.num_rows:
            open_pair(rows["a"][row].as_py(), rows["b"][row].as_py())
