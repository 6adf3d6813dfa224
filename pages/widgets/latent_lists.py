"""Lists of the Latent page: tokens, partners, nearest decoder vectors and relations of one latent.

A row of other latents has the name, a bar with its number, and a context. A click on a name opens
the latent, a click on anything else the pair.
"""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from analysis.runtime import numbers
from charts.core.figure import CaptionedTable
from charts.core.measures import is_bounded, title_of
from charts.latent_lists import (
    listed_neighbours,
    listed_partners,
    listed_relations,
    listed_tokens,
)
from pages.widgets import session
from pages.widgets.events import open_latent, open_pair
from pages.widgets.export_menu import head_with_export, with_view
from pages.widgets.frames import frame
from pages.widgets.markdown import plain
from pages.widgets.page import Page

ROW_HEIGHT = 28
"""Pixels."""
SHOWN_ROWS = 10
SHOWN_TOKENS = 6
"""Rows of the list of tokens; the others are reached by scrolling."""
_NAME = st.column_config.TextColumn("name", width=215)
_SNIPPET = st.column_config.TextColumn("strongest context", width="large")
_COUNT = st.column_config.NumberColumn

_TOKEN_COLUMNS = {
    "token": st.column_config.TextColumn("token", width=130, help="␣ is a space before it."),
    "share": st.column_config.ProgressColumn(
        "of its activation",
        format="percent",
        min_value=0,
        max_value=1,
        width=150,
        help="Share of the sum of its activations that is on this token.",
    ),
    "active_tokens": _COUNT("active tokens", format="localized", width=95),
    "mean_activation": _COUNT(
        "mean", format="%.3g", width=65, help="Mean activation where it is active on this token."
    ),
}


def token_list(page: Page, latent: int, regime: tuple[float, float] | None) -> None:
    """The tokens on which a latent fires, with their shares of its activation."""
    table = listed_tokens(page.bundle, latent, regime)
    rows = table.rows
    if not rows.num_rows:
        st.markdown(f"**{plain(table.title)}** · {plain(table.note or '', 400)}")
        return
    active, different = (
        table.caption.parameters[name] for name in ("active_tokens", "different_tokens")
    )
    head_with_export(
        f"**{plain(table.title)}** · {active} active tokens, {different} different ones listed",
        with_view(table),
    )
    shown = frame(rows)
    place = shown.column_names.index("token")
    st.dataframe(
        shown.set_column(place, "token", with_leading_space(shown["token"])),
        column_config=_TOKEN_COLUMNS,
        hide_index=True,
        key=f"list of tokens {regime} of {latent}",
        row_height=ROW_HEIGHT,
        height=_height(rows.num_rows, SHOWN_TOKENS),
        placeholder="–",
    )


def with_leading_space(tokens: pa.ChunkedArray) -> pa.ChunkedArray:
    """Tokens whose space before the word, if they have one, can be seen."""
    return pc.replace_substring_regex(tokens, "^ ", "␣")


def partner_list(page: Page, latent: int, regime: tuple[float, float] | None) -> None:
    """The latents that fire with a latent, or with a range of its activation."""
    measure = session.current().measure
    table = listed_partners(page.bundle, latent, measure, regime)
    columns = {
        measure: _bar(title_of(measure), table.rows[measure], is_bounded(measure)),
        "joint_tokens": _COUNT(
            "joint tokens", format="localized", width=80, help="Tokens on which both fire."
        ),
        "joint_documents": _COUNT(
            "joint documents",
            format="localized",
            width=110,
            help="Documents in which both fire, on the same token or on different ones. So there "
            "can be more of them than joint tokens.",
        ),
        "share": _COUNT(
            "in range", format="percent", width=70, help="Share of the tokens in the range."
        ),
        "share_outside": _COUNT(
            "outside", format="percent", width=70, help="Share of its other active tokens."
        ),
        "expected_documents": _COUNT(
            "expected",
            format="%.3g",
            width=70,
            help="Documents with both if documents are permuted among those of similar length.",
        ),
        "q_value": _COUNT(
            "q",
            format="%.1e",
            width=70,
            help="Document test of the partner with the range, corrected for all listed partners. "
            "Below 0.001 they share more documents than by chance.",
        ),
    }
    _list(latent, table, columns, f"partners {measure} {regime}")


def neighbour_list(page: Page, latent: int) -> None:
    """The nearest decoder vectors, with how often they fire together and their relation."""
    table = listed_neighbours(page.bundle, latent)
    columns = {
        "cosine": _bar("cosine", table.rows["cosine"], bounded=True),
        "phi": _COUNT(
            "phi",
            format="%.3f",
            width=70,
            help="How strongly they fire on the same tokens; empty if the pair is not stored.",
        ),
        "joint_tokens": _COUNT("joint tokens", format="localized", width=80),
        "relation": st.column_config.TextColumn("relation", width=110),
    }
    _list(latent, table, columns, "neighbours")


def relation_list(page: Page, latent: int) -> None:
    """The listed relations of a latent."""
    columns = {
        "relation": st.column_config.TextColumn("relation", width=150),
        "joint_tokens": _COUNT("joint tokens", format="localized", width=80),
        "expected_shifted": _COUNT(
            "by the shift",
            format="%.3g",
            width=80,
            help="Joint tokens if one latent is shifted against the other inside each document.",
        ),
        "q_value": _COUNT("q", format="%.1e", width=70, help="Corrected for testing many pairs."),
    }
    _list(latent, listed_relations(page.bundle, latent), columns, "relations")


def _bar(title: str, values: pa.ChunkedArray, bounded: bool) -> ColumnConfig:
    largest = max((value or 0.0 for value in values.to_pylist()), default=0.0)
    return st.column_config.ProgressColumn(
        title,
        format="%.3f" if bounded else "%.3g",
        min_value=0,
        max_value=float(largest) or 1.0,
        width=110,
    )


def _list(
    latent: int, table: CaptionedTable, columns: Mapping[str, ColumnConfig], key: str
) -> None:
    """The heading with the export menu, and the rows; without rows, the reason."""
    rows = table.rows
    if not rows.num_rows:
        st.markdown(f"**{plain(table.title)}** · {plain(table.note or '', 400)}")
        return
    part = table.caption.parameters.get("partners", numbers.count(rows.num_rows))
    head_with_export(
        f"**{plain(table.title)}** · {part} · click a name to open it, a number for the pair",
        with_view(table),
    )
    every = {"name": _NAME, **columns, "snippet": _SNIPPET}
    shown = {name: column for name, column in every.items() if name in rows.column_names}
    event = st.dataframe(
        frame(rows.select(list(shown))),
        column_config=shown,
        hide_index=True,
        key=f"list of {key} of {latent}",
        on_select="rerun",
        selection_mode="single-cell",
        row_height=ROW_HEIGHT,
        height=_height(rows.num_rows, SHOWN_ROWS),
        placeholder="–",
    )
    cells = [cell for cell in event["selection"]["cells"] if cell[0] < rows.num_rows]
    if cells:
        row, column = cells[0]
        other = rows["latent"][row].as_py()
        if column == "name":
            open_latent(other)
        open_pair(latent, other)


def _height(rows: int, most: int) -> int:
    """Of a list with its head, in pixels."""
    return ROW_HEIGHT * (min(rows, most) + 1) + 10
