"""How many latents fire most on each value of the documents: what an SAE has latents for."""

import altair as alt
import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle
from analysis.labels.profiles.main_values import SIGNIFICANT, counts_of_values
from analysis.runtime.numbers import count, counted, percent
from charts.core.cache import cached
from charts.core.drawing import Drawing, named, slot, template
from charts.core.figure import Figure, caption_of
from charts.core.interactions import VALUE
from charts.core.numbers import COUNT, PERCENT
from charts.core.small_bars import at_least_seen, least_height_note
from charts.core.text import shown_label, slug
from charts.core.theme import (
    ACCENT,
    HIGHLIGHT,
    QUIET_INK,
    UNSELECTED,
    bar_scale,
    layered,
    name_limit,
)
from charts.profile_colours import main_values

MOST_VALUES = 12
"""Values that are drawn; the exported rows are the same."""
_NAME = 26
"""Characters of a value at its bar."""


@cached
def profile_counts(bundle: Bundle, column: str, mask: np.ndarray | None = None) -> Figure:
    """Latents by their main value in a column of the documents; a click gives VALUE.

    `mask` [n_latents] bool is the selection, None all latents. The main value is defined in
    `analysis/labels/profiles/main_values.py`.
    """
    main = main_values(bundle, column)
    chosen = np.ones(len(main.codes), bool) if mask is None else np.asarray(mask, bool)
    every = _rows(bundle, column, main.codes, chosen, main.values)
    rows = every.slice(0, MOST_VALUES)
    without = int((chosen & (main.codes == 0)).sum())
    return Figure(
        name=f"latents-by-{slug(column)}",
        title=f"What latents fire on, by {column}",
        chart=_drawing(rows, mask is not None),
        rows=rows,
        caption=caption_of(
            bundle, unit="document", column=column, latents=int(chosen.sum()), without_value=without
        ),
        selections=(VALUE.name,),
        note=_note(every, without, column),
    )


def _rows(
    bundle: Bundle, column: str, codes: np.ndarray, chosen: np.ndarray, values: tuple[str, ...]
) -> pa.Table:
    """One row for each value, that of most latents first."""
    counts = counts_of_values(bundle)[column]
    documents = dict(zip(counts.values, counts.documents.tolist(), strict=True))
    known_documents = sum(documents.values())
    latents = np.bincount(codes, minlength=len(values) + 1)[1:]
    selected = np.bincount(codes[chosen], minlength=len(values) + 1)[1:]
    return pa.table(
        {
            "column": pa.array([column] * len(values), pa.string()),
            "value": pa.array(values, pa.string()),
            "latents": pa.array(latents, pa.int64()),
            "selected": pa.array(selected, pa.int64()),
            "share": pa.array(latents / max(len(codes), 1), pa.float64()),
            "documents": pa.array([documents[value] for value in values], pa.int64()),
            "by_documents": pa.array(
                [latents.sum() * documents[value] / max(known_documents, 1) for value in values],
                pa.float64(),
            ),
        }
    )


def _note(every: pa.Table, without: int, column: str) -> str:
    beyond = every.num_rows - MOST_VALUES
    more = f" Not drawn: {counted(beyond, 'more value')}." if beyond > 0 else ""
    rows = every.slice(0, MOST_VALUES)
    seen = at_least_seen(rows["selected"], _longest(rows))
    return (
        f"A latent counts for the {column} with most of its active tokens, among those in whose "
        f"documents it fires more often than by chance (q ≤ {SIGNIFICANT:g}); for "
        f"{count(without)} latents there is none. The tick: if latents were spread like the "
        f"documents.{more} Click a bar to select its latents."
        + least_height_note(rows["selected"], seen)
    )


def _longest(rows: pa.Table) -> float:
    return max([*rows["latents"].to_pylist(), *rows["by_documents"].to_pylist()], default=1)


def _drawing(rows: pa.Table, overlaid: bool) -> Drawing:
    shown = zip(*(rows[name].to_pylist() for name in ("latents", "selected", "share")), strict=True)
    texts = [
        f"{f'{count(own)} of ' if overlaid else ''}{count(all_)}  ({percent(share)})"
        for all_, own, share in shown
    ]
    data = rows.append_column("text", pa.array(texts, pa.string()))
    names = [shown_label(value, _NAME) for value in rows["value"].to_pylist()]
    data = data.append_column("name", pa.array(names, pa.string()))
    data = data.append_column("seen", at_least_seen(rows["selected"], _longest(rows)))
    end, height = _longest(rows) * 1.3, 60 + 22 * max(rows.num_rows, 1)
    return _chart(overlaid).draw({"rows": data}, end=end, height=height)


@template
def _chart(overlaid: bool) -> alt.LayerChart:
    base = alt.Chart(named("rows")).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=name_limit(150))),
        tooltip=[
            alt.Tooltip("value:N"),
            alt.Tooltip("latents:Q", format=COUNT),
            *([alt.Tooltip("selected:Q", format=COUNT)] if overlaid else []),
            alt.Tooltip("share:Q", title="share of all latents", format=PERCENT),
            alt.Tooltip("documents:Q", title="documents with the value", format=COUNT),
            alt.Tooltip("by_documents:Q", title="latents if spread like documents", format=COUNT),
        ],
    )
    x = alt.X(
        "latents:Q",
        title="latents (blue: selected)" if overlaid else "latents",
        axis=alt.Axis(format=COUNT, tickCount=5, tickMinStep=1),
        scale=bar_scale([0, slot("end")], room=45),
    )
    bar = {"band": 0.72}
    bars = (
        base.mark_bar(height=bar, color=UNSELECTED if overlaid else ACCENT, cursor="pointer")
        .encode(x=x)
        .properties(name="value_bars")
        .add_params(VALUE.parameter())
    )
    over = [base.mark_bar(height=bar, color=ACCENT).encode(x="seen:Q")] if overlaid else []
    text = (
        base.mark_text(align="left", dx=6, color=QUIET_INK)
        .transform_calculate(end="max(datum.latents, datum.by_documents)")
        .encode(x="end:Q", text="text:N")
    )
    ticks = base.mark_tick(color=HIGHLIGHT, thickness=2, height={"band": 0.9}).encode(
        x="by_documents:Q"
    )
    return layered(bars, *over, ticks, text)
