"""Where a latent or a cluster fires, by the values of the documents: language, genre, class."""

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.cooccurrence.association import POWER
from analysis.labels.profiles.main_values import SIGNIFICANT, Kind, profile_of
from analysis.runtime import numbers
from charts.cluster_evidence import cluster_row
from charts.core.cache import cached
from charts.core.drawing import Drawing, named, slot, template
from charts.core.figure import Figure, caption_of
from charts.core.latents import check_latent
from charts.core.named_lines import height_of, labels_of, named_lines, with_lines
from charts.core.numbers import COUNT, NUMBER, PERCENT, PERCENT_AXIS
from charts.core.text import shown_label, slug
from charts.core.theme import (
    ACCENT,
    HIGHLIGHT,
    QUIET_INK,
    UNSELECTED,
    bar_scale,
    layered,
)

MOST_VALUES = 12
"""Values that are drawn; the exported rows are the same."""
_NAME = 26
"""Characters of a value at its bar."""


@cached
def document_profile(bundle: Bundle, kind: Kind, unit: int, column: str) -> Figure:
    """The values of a column of the documents on which a latent or a cluster fires.

    Raises InputError if the bundle has no such latent or cluster.
    """
    if kind == "latent":
        check_latent(bundle, unit)
    else:
        cluster_row(bundle, unit)
    every = profile_of(bundle, kind, unit, column)
    rows = every.slice(0, MOST_VALUES)
    return Figure(
        name=f"{kind}-{unit}-profile-{slug(column)}",
        title=f"Where {kind} {unit} fires, by {column}",
        chart=_drawing(rows),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="document",
            **{kind: unit},
            column=column,
            test="permutation of documents of similar length, Benjamini-Hochberg over the column",
        ),
        note=_note(every, column),
    )


def _note(rows: pa.Table, column: str) -> str:
    if rows.num_rows == 0:
        return f"It is active on no document with a {column}."
    beyond = rows.num_rows - MOST_VALUES
    more = f" Not drawn: {numbers.counted(beyond, 'more value')}." if beyond > 0 else ""
    return (
        "A bar is the share of its active tokens, the tick that of all tokens; × is the number of "
        "documents with the value in which it fires, over that by chance. Blue: it fires in "
        f"more documents with the value than by chance (q ≤ {SIGNIFICANT:g}). Grey may be chance. "
        f"{_power(rows)}{more}"
    ).strip()


def _power(rows: pa.Table) -> str:
    """Which lifts the test would detect among the grey values."""
    grey = rows.filter(pc.greater(rows["q_value"], SIGNIFICANT))
    if grey.num_rows == 0:
        return ""
    lifts = grey["smallest_lift"].to_pylist()
    weakest = None if None in lifts else max(lifts)
    if weakest is None:
        return "Some grey values have too few documents for the test to detect any lift."
    return (
        f"The test detects a lift of {numbers.short(weakest)} or more for every grey value, with a "
        f"probability of at least {numbers.percent(POWER)}."
    )


def _drawing(rows: pa.Table) -> Drawing:
    names = [shown_label(value, _NAME) or "∅" for value in rows["value"].to_pylist()]
    texts = [
        f"{numbers.percent(share)}, {numbers.short(lift)} ×"
        for share, lift in zip(rows["share"].to_pylist(), rows["lift"].to_pylist(), strict=True)
    ]
    is_sure = rows["q_value"].to_numpy() <= SIGNIFICANT
    data = with_lines(rows, name=names, text=texts, is_sure=is_sure)
    shares = [rows[name].to_numpy().max(initial=0.0) for name in ("share", "of_corpus")]
    return _bars().draw(
        {"rows": data},
        labels=labels_of(names),
        end=1.45 * (float(np.max(shares)) or 1.0),  # room for the text after the bars
        height=height_of(rows),
    )


@template
def _bars() -> alt.LayerChart:
    base = alt.Chart(named("rows")).encode(
        y=named_lines(190),
        tooltip=[
            alt.Tooltip("value:N"),
            alt.Tooltip("share:Q", title="share of its active tokens", format=PERCENT),
            alt.Tooltip("of_corpus:Q", title="share of all tokens", format=PERCENT),
            alt.Tooltip("active_tokens:Q", title="active tokens", format=COUNT),
            alt.Tooltip("documents:Q", title="documents in which it fires", format=COUNT),
            alt.Tooltip("all_documents:Q", title="documents with the value", format=COUNT),
            alt.Tooltip("expected:Q", title="expected documents", format=NUMBER),
            alt.Tooltip("lift:Q", format=NUMBER),
            alt.Tooltip("q_value:Q", title="q", format=NUMBER),
            alt.Tooltip("smallest_lift:Q", title="smallest detectable lift", format=NUMBER),
        ],
    )
    x = alt.X(
        "share:Q",
        title="share of the active tokens",
        axis=alt.Axis(
            format=PERCENT_AXIS, tickCount=4, labelExpr="datum.value > 1 ? '' : datum.label"
        ),
        scale=bar_scale([0, slot("end")]),
    )
    bars = base.mark_bar(height={"band": 0.7}).encode(
        x=x, color=alt.condition("datum.is_sure", alt.value(ACCENT), alt.value(UNSELECTED))
    )
    ticks = base.mark_tick(color=HIGHLIGHT, thickness=2, height={"band": 0.9}).encode(
        x="of_corpus:Q"
    )
    texts = (
        base.mark_text(align="left", dx=6, color=QUIET_INK, fontSize=11)
        .transform_calculate(end="max(datum.share, datum.of_corpus)")
        .encode(x="end:Q", text="text:N")
    )
    return layered(bars, ticks, texts)
