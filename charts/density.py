"""The density histogram: how often latents are active, and what "dead" means in N tokens (3/N)."""

from itertools import pairwise
from typing import Any

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.latents.flags import DENSE_DENSITY, DENSE_TEXT, ULTRALOW_DENSITY, ULTRALOW_TEXT
from analysis.runtime.numbers import NO_BREAK_SPACE, count, power
from charts.core.cache import cached
from charts.core.drawing import Drawing, each, named, slot, template
from charts.core.figure import Figure, caption_of
from charts.core.interactions import DENSITY
from charts.core.numbers import COUNT
from charts.core.small_bars import at_least_seen, least_height_note
from charts.core.theme import (
    ACCENT,
    ACCENT_LIGHT,
    FLAG_COLOURS,
    PAPER,
    QUIET_INK,
    UNSELECTED_DEAD,
    layered,
)

BINS_PER_DECADE = 5


@cached
def density_histogram(bundle: Bundle, mask: np.ndarray | None = None) -> Figure:
    """Histogram of the log10 density of latents, with a separate bar for dead latents at the left.

    The latents of `mask` [n_latents] bool are drawn over the histogram of all. The interaction
    DENSITY is an interval of `log10_density`; the dead bar is one decade below the lowest bin.
    """
    rows = _histogram(bundle, mask)
    seen = rows["selected"] if mask is None else _seen(rows)
    n = bundle.manifest.tokens
    dead = int(
        pc.sum(pc.cast(pc.equal(bundle.latents["flag"].cast("string"), "dead"), "int64")).as_py()
        or 0
    )
    selected = "all latents" if mask is None else f"{int(mask.sum())} selected of {len(mask)}"
    return Figure(
        name="density-histogram",
        title="How often latents are active",
        chart=_drawing(rows.append_column("seen", seen), n),
        rows=rows,
        caption=caption_of(bundle, unit="token", latents=selected, bins_per_decade=BINS_PER_DECADE),
        selections=(DENSITY.name,),
        note=(
            f"Dead latents ({count(dead)}) are active on none of the {count(n)} tokens: with 95"
            f"{NO_BREAK_SPACE}% confidence their density is below 3/N = {power(3 / max(n, 1))}, "
            "not zero." + least_height_note(rows["selected"], seen)
        ),
    )


def _histogram(bundle: Bundle, mask: np.ndarray | None) -> pa.Table:
    density = bundle.latents["density"].to_numpy()
    chosen = np.ones(len(density), dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    live = density > 0
    # A value on an edge belongs to the bin on its right; rounding keeps 1e-3 on its edge.
    bins = np.floor(np.round(np.log10(density[live]) * BINS_PER_DECADE, 9)).astype(int)
    bins = np.minimum(bins, -1)
    lowest = int(bins.min()) if len(bins) else -6 * BINS_PER_DECADE
    every = np.bincount(bins - lowest, minlength=-lowest)
    picked = np.bincount(bins[chosen[live]] - lowest, minlength=-lowest)
    edges = np.arange(lowest, 1) / BINS_PER_DECADE
    # The dead bar is one decade to the left, at a whole decade, so that its label fits.
    dead_at = np.floor(edges[0]) - 1.0
    start = np.concatenate([[dead_at], edges[:-1]])
    return pa.table(
        {
            "bin": pa.array(
                ["dead"] + [f"{power(10**a)} to {power(10**b)}" for a, b in pairwise(edges)]
            ),
            "log10_density": start,
            "log10_density_end": start + 1 / BINS_PER_DECADE,
            "density_from": np.concatenate([[0.0], 10.0 ** edges[:-1]]),
            "density_to": np.concatenate([[0.0], 10.0 ** edges[1:]]),
            "latents": np.concatenate([[(~live).sum()], every]),
            "selected": np.concatenate([[(chosen & ~live).sum()], picked]),
        }
    )


def _seen(rows: pa.Table) -> pa.Array:
    return at_least_seen(rows["selected"], max(rows["latents"].to_pylist(), default=0))


def _drawing(rows: pa.Table, n: int) -> Drawing:
    dead_at = rows["log10_density"][0].as_py()
    first = rows["log10_density"][1].as_py()
    # One string: Vega-Lite would join a list of lines with commas.
    text_of_dead = f"0 in {count(n)} tokens:\nbelow {power(3 / max(n, 1))} at 95{NO_BREAK_SPACE}%"
    datasets = {"rows": rows, "thresholds": _thresholds(first)}
    # Beside the threshold of ultralow latents is no room for this text. The note says the same.
    has_room = datasets["thresholds"].num_rows == 1
    if has_room:
        datasets["dead"] = pa.table({"at": [dead_at + 0.3], "text": [text_of_dead]})
    return _chart(has_room).draw(
        datasets,
        ticks=[dead_at + 0.1, *range(int(np.ceil(first)), 1)],
        left_edge=dead_at - 0.15,
        dead_bar_ends=dead_at + 0.5,
    )


def _thresholds(first: float) -> pa.Table:
    """The thresholds of the flags that are inside the chart; `first` is its lowest bin."""
    lines = [{"at": np.log10(DENSE_DENSITY), "text": f"dense > {DENSE_TEXT}", "align": 4}]
    if first <= np.log10(ULTRALOW_DENSITY):
        lines.append(
            {"at": np.log10(ULTRALOW_DENSITY), "text": f"ultralow < {ULTRALOW_TEXT}", "align": 4}
        )
    return pa.Table.from_pylist(lines)


@template
def _chart(names_dead: bool) -> alt.LayerChart:
    """The histogram of the selected latents over that of all, also if all are selected.

    A browser that has drawn the chart compiles it again only if the specification changes, which
    takes several times as long as drawing other rows.
    """
    axis = alt.Axis(
        values=each("ticks"),
        grid=False,
        title="density (fraction of kept tokens, log scale)",
        labelExpr=(
            f"datum.value < {slot('dead_bar_ends')} ? 'dead' : datum.value < -3 ? "
            "'1e' + format(datum.value, 'd') : format(pow(10, datum.value), '.4~%')"
        ),
    )
    scale = alt.Scale(domain=[slot("left_edge"), 0.02], nice=False)
    x = alt.X("log10_density:Q", scale=scale, axis=axis)
    tooltip = [
        alt.Tooltip("bin:N", title="density"),
        alt.Tooltip("latents:Q", title="latents", format=COUNT),
        alt.Tooltip("selected:Q", title="selected", format=COUNT),
    ]
    base = (
        alt.Chart(named("rows"))
        .mark_rect(stroke=PAPER, strokeWidth=1)
        .encode(x=x, x2="log10_density_end:Q", y2=alt.datum(0), tooltip=tooltip)
    )
    y = alt.Y("latents:Q", title="latents", axis=alt.Axis(format=COUNT, tickCount=5, tickMinStep=1))
    every = (
        base.encode(y=y, color=_coloured(UNSELECTED_DEAD, ACCENT_LIGHT))
        .properties(name="density_bars")
        .add_params(DENSITY.parameter())
    )
    selected = base.encode(y="seen:Q", color=_coloured(FLAG_COLOURS["dead"], ACCENT))
    return layered(every, selected, *_marks(names_dead), height=230)


def _coloured(dead: str, others: str) -> Any:
    return alt.condition("datum.bin == 'dead'", alt.value(dead), alt.value(others))


def _marks(names_dead: bool) -> list[alt.Chart]:
    """The thresholds of the flags, and the text of the dead bar if there is room for it."""
    base = alt.Chart(named("thresholds")).encode(x="at:Q")
    rule = base.mark_rule(color=QUIET_INK, strokeDash=[3, 3])
    texts = base.mark_text(align="right", dx=-5, color=QUIET_INK, fontSize=11).encode(
        y=alt.value(6), text="text:N"
    )
    if not names_dead:
        return [rule, texts]
    dead = (
        alt.Chart(named("dead"))
        .mark_text(
            align="left",
            color=QUIET_INK,
            fontSize=11,
            lineHeight=14,
            lineBreak="\n",
            baseline="top",
        )
        .encode(x="at:Q", y=alt.value(2), text="text:N")
    )
    return [rule, texts, dead]
