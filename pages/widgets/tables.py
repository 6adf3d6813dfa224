"""The tables of the pages: latents, clusters, pairs and relations. A click opens a row.

Their rows come from `charts.tables`; here are the names and the formats of their columns.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st
from streamlit.elements.arrow import DataframeState, SelectionMode
from streamlit.elements.lib.column_types import ColumnConfig

from analysis.bundle import Bundle
from analysis.clusters.stability import WEAK
from analysis.cooccurrence.association import MEASURES
from analysis.labels.good_lifts import GOOD_LIFT
from analysis.runtime import numbers
from analysis.runtime.arrays import Bools
from analysis.selection import Latents, ids_of, replaced
from charts.cluster_verdict import MEANING, reproducible_words, verdicts_of_level
from charts.core.figure import CaptionedTable
from charts.relations import relation_rows
from charts.tables import clusters_table, latents_table, order_words, relations_table
from pages.widgets import session
from pages.widgets.events import choose_cluster, open_latent, open_pair
from pages.widgets.export_menu import head_with_export, with_view
from pages.widgets.failures import guarded
from pages.widgets.frames import frame
from pages.widgets.page import Page
from pages.widgets.pickers import ChosenCluster

HEIGHT = 360
"""Pixels."""
_ROW_HEIGHT, _EDGES = 28, 12
"""Pixels of a row, and of the edges of a table with a bar that scrolls sideways."""
_NUMBER = st.column_config.NumberColumn
_TEXT = st.column_config.TextColumn


def _id(name: str) -> ColumnConfig:
    return _NUMBER(name, format="%d", width="small")


def _count(name: str, meaning: str | None = None) -> ColumnConfig:
    return _NUMBER(name, format="localized", width="small", help=meaning)


def _number(name: str, form: str, meaning: str | None = None) -> ColumnConfig:
    return _NUMBER(name, format=form, width="small", help=meaning)


_PRECISION = _number(
    "precision",
    "%.2f",
    "Of the held-out words that the label predicts, the share that is active. 1 is best.",
)
_RECALL = _number(
    "recall",
    "%.2f",
    "Of the held-out words that are active, the share that the label predicts. 1 is best.",
)
_INTRUDER = _number(
    "intruder",
    "%.2f",
    "Share of trials in which the words of five held-out contexts give away the foreign one. "
    "Chance is 0.2.",
)
_READING = _NUMBER(
    "reading",
    format="%d",
    width="small",
    help="Place in the reading order, which covers most activation with the fewest clusters and "
    "latents. 0 is the first.",
)
_MORE = "for more columns, point at the table and click the eye"
_LATENT_COLUMNS = {
    "selected": _TEXT("", width=30, help="● is selected."),
    "label": _TEXT("name", width=190, help="Its label; its top tokens in quotes without one."),
    "latent": _NUMBER("latent", format="%d", width=70),
    "cluster": _id("cluster"),
    "label_precision": _PRECISION,
    "label_recall": _RECALL,
    "outside_label": _number(
        "outside",
        "%.2f",
        "Share of its held-out activation on tokens that the label does not name. 0 is best.",
    ),
    "intruder": _INTRUDER,
    "density": _number("density", "%.1e", "Fraction of the kept tokens on which it is active."),
    "reading_rank": _READING,
    "max": _number("max", "%.2f", "Largest activation."),
    "flag": _TEXT("flag", width="small"),
    "top_tokens": st.column_config.ListColumn("top tokens", width="large"),
    "explanation": _TEXT("explanation", width="large"),
}
_LATENTS_FIRST = (
    "selected", "label", "latent", "label_precision", "label_recall", "density", "top_tokens",
)  # fmt: skip
"""Columns of latents that a reader sees; the others are in the menu of the table."""
_IN_RAIL = ("selected", "label", "latent")
"""The same in a narrow place."""
_CLUSTERS_FIRST = (
    "chosen", "label", "verdict", "size", "member_share", "stability", "bootstrap", "context",
)  # fmt: skip
"""Columns of clusters that a reader sees; the others are in the menu of the table."""
_CLUSTER_COLUMNS = {
    "chosen": _TEXT("", width=30),
    "cluster": _id("cluster"),
    "label": _TEXT("name", width=245),
    "size": _NUMBER("latents", format="localized", width=75),
    "selected": _NUMBER(
        "selected", format="localized", width=80, help="Members that are selected."
    ),
    "verdict": _TEXT("verdict", width=215, help=MEANING),
    "context": _TEXT(
        "strongest context", help="Of the first member that is strongest on a word of the name."
    ),
    "stability": _NUMBER(
        "stability",
        format="%.2f",
        width=80,
        help="Overlap with the most similar cluster of other seeds, from 0 to 1. Below "
        f"{WEAK:g} it is weak evidence.",
    ),
    "bootstrap": _number(
        "bootstrap",
        "%.2f",
        "Overlap with the most similar cluster of resampled latents, from 0 to 1. Below "
        f"{WEAK:g} it is weak evidence.",
    ),
    "member_lift": _number(
        "member lift",
        "%.1f",
        "On held-out documents, how often a member fires on the words that the other members name, "
        "against chance (1). Median over the members; 5 and more is good.",
    ),
    "member_share": _NUMBER(
        "name fits",
        format="%.0f %%",
        width=85,
        help=f"Share of the members that fire at least {GOOD_LIFT:g} times as often as by chance "
        "on the words that the other members name. It says that the name suits the members, not "
        "that they are a group. 100 % is best; the details of a cluster state what random clusters "
        "reach.",
    ),
    "member_lift_other_words": _number(
        "lift, other words",
        "%.1f",
        "The same lift without the three words on which the member itself fires most typically. 2 "
        "and more is good: the members share more than one word.",
    ),
    "main_source": _TEXT(
        "source", width="small", help="The source with more than half of its activity."
    ),
    "intruder": _INTRUDER,
    "reading_item": _READING,
    "active_tokens": _count("active tokens", "Kept tokens with an active member."),
    "mean_density": _number("mean density", "%.1e", "Mean density of its members."),
}
_RELATION_COLUMNS = {
    "relation": _TEXT("relation", width=135),
    "a": _id("a"),
    "a_label": _TEXT("label of a", width="medium"),
    "b": _id("b"),
    "b_label": _TEXT("label of b", width="medium"),
    "joint_tokens": _count("joint", "Tokens on which both are active."),
    "expected_shifted": _number(
        "by the shift",
        "%.3g",
        "Joint tokens if one latent is shifted against the other inside each document: what two "
        "unrelated latents of the same documents share.",
    ),
    "p_b_given_a": _number("P(b given a)", "%.3f"),
    "p_a_given_b": _number("P(a given b)", "%.3f"),
    "q_value": _number("q", "%.1e", "p-value, corrected for testing many pairs."),
}


def latent_table(
    bundle: Bundle,
    mask: Bools,
    name: str,
    height: int = HEIGHT,
    selected: Bools | None = None,
    title: str = "",
    *,
    narrow: bool = False,
) -> int | None:
    """The latents of a mask [n_latents] in reading order; a click opens the latent.

    Returns the latent of the ticked row if one row is ticked, so that a page can show its note.
    Ticked rows can be made the selection. If some but not all of the rows are in `selected`
    [n_latents], a column marks them. Files have the `title`, by default the name. A `narrow` table
    shows few columns.
    """
    table = latents_table(bundle, mask, title or name, selected)
    if selected is not None or not mask.all():
        table = table.of_selection(session.current().select)
    rows = _with_marks(table.rows)
    total = int(mask.sum())
    order = order_words(bundle)
    hint = f"click a row to open its latent, tick rows to select or note them · {_MORE}"
    _heading(table, name, total, order, hint)
    place = st.container()
    ids = rows["latent"].to_pylist()
    key = f"table of {name.lower()} {_digest(ids)}"
    shown = [one for one in (_IN_RAIL if narrow else _LATENTS_FIRST) if one in rows.column_names]
    columns = _LATENT_COLUMNS | ({"label": _TEXT("name")} if narrow else {})
    modes: list[SelectionMode] = ["single-cell", "multi-row"]
    event = _table(rows, columns, key, height, modes, shown)
    ticked = [ids[row] for row in event["selection"]["rows"] if row < len(ids)]
    if ticked:
        place.button(
            f"Select the {numbers.count(len(ticked))} ticked",
            key=f"select the ticked {name.lower()}",
            icon=":material/filter_alt:",
            on_click=_select_ticked,
            args=(ticked,),
        )
    clicked = _clicked_row(event, len(ids))
    if clicked is not None:
        open_latent(ids[clicked])
    return ticked[0] if len(ticked) == 1 else None


@guarded()
def _select_ticked(latents: list[int]) -> None:
    """Narrow the selection to latents of a table, in one step."""
    selection = session.current().selection
    narrowed = replaced(selection, lambda part: isinstance(part, Latents), Latents(ids_of(latents)))
    session.select(narrowed)


def _digest(ids: list[int]) -> int:
    """Tells lists of latents apart: ticks are positions, so they belong to one list."""
    return zlib.crc32(np.array(ids, dtype=np.int64).tobytes())


def _with_marks(rows: pa.Table) -> pa.Table:
    """The rows with a mark where they are selected."""
    if "selected" not in rows.column_names:
        return rows
    marks = pa.array(["●" if one else "" for one in rows["selected"].to_pylist()])
    return rows.set_column(0, "selected", marks)


def cluster_table(page: Page, chosen: ChosenCluster) -> None:
    """The clusters of a level with their stability and label scores; a click chooses one."""
    table = clusters_table(page.bundle, chosen.level, page.mask).of_selection(page.selection)
    rows = table.rows
    held_up = reproducible_words(of_level := verdicts_of_level(page.bundle, chosen.level))
    hint = f"click a row for its details or a column name to sort · {_MORE}"
    hint = f"{held_up} · {hint}" if held_up else hint
    _heading(table, "Clusters of this level", len(of_level), "largest", hint)
    key = f"clusters {chosen.level}"
    ids = rows["cluster"].to_pylist()
    marks = pa.array(["▸" if cluster == chosen.cluster else "" for cluster in ids])
    st.dataframe(
        frame(_in_percent(rows.add_column(0, "chosen", marks), "member_share")),
        column_config=_CLUSTER_COLUMNS,
        column_order=_first(_CLUSTERS_FIRST, page.selected),
        hide_index=True,
        key=key,
        on_select=lambda: _take_cluster(key, ids),
        selection_mode="single-cell",
        placeholder="–",
        row_height=_ROW_HEIGHT,
        height=min(_ROW_HEIGHT * (rows.num_rows + 1) + 3, 300),
    )


def _in_percent(rows: pa.Table, *columns: str) -> pa.Table:
    """The rows with some shares as percentages, which their formats round."""
    for name in columns:
        shares = rows[name]
        percentages = pc.multiply(shares, pa.scalar(100, shares.type))
        rows = rows.set_column(rows.column_names.index(name), name, percentages)
    return rows


def _first(columns: Sequence[str], selected: Bools | None) -> list[str]:
    """The columns that are shown at first; the number of selected members only if it tells."""
    if selected is None:
        return list(columns)
    place = columns.index("size") + 1
    return [*columns[:place], "selected", *columns[place:]]


@guarded()
def _take_cluster(key: str, clusters: list[int]) -> None:
    clicked = _clicked_row(st.session_state[key], len(clusters))
    if clicked is not None:
        choose_cluster(clusters[clicked])


def pair_table(table: CaptionedTable, total: int, measure: str) -> None:
    """The strongest pairs, of `total`; a click opens the pair."""
    rows = table.rows
    hint = "click a row to open the pair"
    _heading(table, "Pairs", total, "strongest", hint)
    largest = max((value or 0.0 for value in rows[measure].to_pylist()), default=0.0)
    clicked = _clickable(rows, _pair_columns(measure, largest), "pairs")
    if clicked is not None:
        open_pair(rows["latent"][clicked].as_py(), rows["partner"][clicked].as_py())


def _pair_columns(measure: str, largest: float) -> dict[str, ColumnConfig]:
    """The columns of the pairs; the measure has a bar, as long as its share of the largest."""
    columns: dict[str, ColumnConfig] = {
        "latent": _id("latent"),
        "latent_label": _TEXT("label of latent", width="medium"),
        "partner": _id("partner"),
        "partner_label": _TEXT("label of partner", width="medium"),
        "joint_tokens": _count("joint tokens"),
        "joint_documents": _count("joint documents"),
        "expected": _number("expected", "%.3g", "Joint tokens if the two were independent."),
        "lift": _number(
            "lift",
            "%.3g",
            "Joint tokens over those expected if the two were independent. 1 is chance.",
        ),
        "q_value": _number(
            "q",
            "%.1e",
            "Of the relation in which the pair is listed. Without one, open the pair to test it.",
        ),
    }
    bar = st.column_config.ProgressColumn(
        MEASURES[measure].label,
        format="%.3g",
        min_value=0,
        max_value=float(largest) or 1.0,
        width="small",
    )
    ranking = {measure: bar}
    return ranking | {name: config for name, config in columns.items() if name != measure}


def relation_table(page: Page, relation: str, *, hide_flags: bool) -> None:
    """The listed pairs with a selected latent, smallest q first; a click opens the pair."""
    bundle, mask = page.bundle, page.mask
    table = relations_table(bundle, mask, relation, hide_flags=hide_flags)
    table = table.of_selection(page.selection)
    rows = table.rows
    listed, hidden = relation_rows(bundle, mask, relation, hide_flags=hide_flags)
    hint = "click a row to open the pair"
    if hidden:
        hint = f"{numbers.count(hidden)} with a dense or ultralow latent or parent hidden · {hint}"
    _heading(table, "Relations", listed.num_rows, "smallest q", hint)
    clicked = _clickable(rows, _RELATION_COLUMNS, "relations")
    if clicked is not None:
        open_pair(rows["a"][clicked].as_py(), rows["b"][clicked].as_py())


def _heading(table: CaptionedTable, name: str, total: int, order: str, hint: str) -> None:
    """What a table shows, and its export menu."""
    head_with_export(heading(name, total, table.rows.num_rows, order, hint), with_view(table))


def heading(name: str, total: int, shown: int, order: str, hint: str) -> str:
    """What a table shows: of how many rows, and in which order."""
    part = f", the {numbers.count(shown)} {order} shown" if shown < total else ""
    return f"**{name}** · {numbers.count(total)}{part} · {hint}"


def _clickable(rows: pa.Table, columns: Mapping[str, ColumnConfig], key: str) -> int | None:
    """Draw a table; return the index of the clicked row, None without one."""
    return _clicked_row(_table(rows, columns, key, HEIGHT, ["single-cell"]), rows.num_rows)


def _table(
    rows: pa.Table,
    columns: Mapping[str, ColumnConfig],
    key: str,
    height: int,
    modes: list[SelectionMode],
    shown: Sequence[str] | None = None,
) -> DataframeState:
    """A table as high as its rows, up to `height`; columns not in `shown` are in its menu only."""
    return st.dataframe(
        frame(rows),
        column_config=columns,
        column_order=shown,
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode=modes,
        height=min(height, _ROW_HEIGHT * (max(rows.num_rows, 1) + 1) + _EDGES),
        placeholder="–",
        row_height=_ROW_HEIGHT,
    )


def _clicked_row(event: Mapping[str, Any], rows: int) -> int | None:
    """The row of the clicked cell; None if the table has become shorter since the click."""
    return next((row for row, _ in event["selection"]["cells"] if row < rows), None)
