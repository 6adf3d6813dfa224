"""The health of an SAE: flags, active latents per token, largest activation against density."""

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.latents.flags import RULES
from analysis.runtime.numbers import count, percent, short
from charts.core.cache import cached
from charts.core.drawing import Drawing, each, named, slot, template
from charts.core.figure import Figure, caption_of
from charts.core.interactions import FLAG, LATENT, STRENGTH_BINS, STRENGTHS
from charts.core.names import with_names
from charts.core.numbers import (
    COUNT,
    DENSITY,
    DENSITY_AXIS,
    ID,
    NUMBER,
    NUMBER_AXIS,
    PERCENT,
    density_tooltips,
)
from charts.core.small_bars import at_least_seen, least_height_note
from charts.core.text import shown_label
from charts.core.theme import (
    ACCENT,
    FLAG_COLOURS,
    HIGHLIGHT,
    INK,
    PAPER,
    QUIET_INK,
    SEQUENTIAL,
    UNSELECTED,
    bar_scale,
    colour_stops,
    colours_at,
    layered,
    styled,
)

MOST_POINTS = 20_000
SCATTER_BINS = (90, 54)
_SHADES = SEQUENTIAL[1:]


@cached
def flag_counts(bundle: Bundle, mask: np.ndarray | None = None) -> Figure:
    """Number of live, ultralow, dense and dead latents, and of those in `mask` [n_latents] bool."""
    flags = bundle.latents["flag"].cast("string").to_numpy(zero_copy_only=False)
    chosen = np.ones(len(flags), bool) if mask is None else np.asarray(mask, dtype=bool)
    counts = [int((flags == flag).sum()) for flag in RULES]
    picked = [int((chosen & (flags == flag)).sum()) for flag in RULES]
    rows = pa.table(
        {
            "flag": list(RULES),
            "latents": pa.array(counts, pa.int64()),
            "selected": pa.array(picked, pa.int64()),
            "share": [count / max(len(flags), 1) for count in counts],
            "meaning": list(RULES.values()),
        }
    )
    longest = max(*counts, 1)
    seen = at_least_seen(rows["selected"], longest)
    texts = [
        f"{'' if mask is None else f'{count(own)} of '}{count(c)}  "
        f"({percent(c / max(len(flags), 1))})"
        for c, own in zip(counts, picked, strict=True)
    ]
    data = rows.append_column("text", pa.array(texts)).append_column("seen", seen)
    return Figure(
        name="flag-counts",
        title="Live, ultralow, dense and dead latents",
        chart=_flag_bars(mask is not None).draw({"rows": data}, end=longest * 1.18),
        rows=rows,
        caption=caption_of(bundle, unit="token"),
        selections=(FLAG.name,),
        note="Dead and ultralow refer to these N tokens; the latent may be active on other text."
        + least_height_note(rows["selected"], seen),
    )


@template
def _flag_bars(overlaid: bool) -> alt.LayerChart:
    base = alt.Chart(named("rows")).encode(
        y=alt.Y("flag:N", sort=list(RULES), title=None, axis=alt.Axis(labelFontSize=13)),
        x=alt.X(
            "latents:Q",
            title="latents (dark: selected)" if overlaid else "latents",
            axis=alt.Axis(format=COUNT, tickCount=5, tickMinStep=1),
            scale=bar_scale([0, slot("end")], room=45),
        ),
        color=alt.Color(
            "flag:N",
            scale=alt.Scale(domain=list(FLAG_COLOURS), range=list(FLAG_COLOURS.values())),
            legend=None,
        ),
        tooltip=[
            alt.Tooltip("flag:N"),
            alt.Tooltip("meaning:N"),
            alt.Tooltip("latents:Q", format=COUNT),
            *([alt.Tooltip("selected:Q", format=COUNT)] if overlaid else []),
            alt.Tooltip("share:Q", format=PERCENT),
        ],
    )
    bar = {"band": 0.7}
    bars = (
        base.mark_bar(height=bar, cursor="pointer", opacity=0.3 if overlaid else 1)
        .properties(name="flag_bars")
        .add_params(FLAG.parameter())
    )
    over = [base.mark_bar(height=bar).encode(x="seen:Q")] if overlaid else []
    text = base.mark_text(align="left", dx=6).encode(text="text:N", color=alt.value(INK))
    return layered(bars, *over, text, height=150)


@cached
def has_equal_tokens(bundle: Bundle) -> bool:
    """Whether every kept token has the same number of active latents, which is then the L0."""
    active = _active_of_kept(bundle)
    return not len(active) or bool(active.min() == active.max())


@cached
def active_latents_per_token(bundle: Bundle) -> Figure:
    """Histogram of the number of active latents of each kept token; its mean is L0."""
    active = _active_of_kept(bundle)
    rows, mean = _active_histogram(active), float(active.mean()) if len(active) else 0.0
    most = max(rows["tokens"].to_pylist(), default=1)
    marks = pa.table({"at": [mean], "text": [f"mean (L0) {short(mean)}"]})
    # Half a latent to the left, so that a bar is in the middle of the numbers that it counts.
    edges = {name: pc.subtract(rows[f"active_{name}"], 0.5) for name in ("from", "to")}
    data = rows.append_column("left", edges["from"]).append_column("right", edges["to"])
    last = data.append_column("last", pc.subtract(rows["active_to"], 1))
    chart = _active_chart().draw(
        {"rows": last, "marks": marks},
        # Room above the highest bar for the label of the mean.
        end=1.15 * most,
    )
    return Figure(
        name="active-latents-per-token",
        title="Active latents per token",
        chart=chart,
        rows=rows,
        caption=caption_of(bundle, unit="token", l0=round(mean, 2)),
        note=_active_note(active),
    )


def _active_of_kept(bundle: Bundle) -> np.ndarray:
    """The number of active latents of each kept token."""
    tokens = bundle.tokens
    kept = tokens["kept"].to_numpy(zero_copy_only=False).astype(bool)
    active: np.ndarray = tokens["active_latents"].to_numpy(zero_copy_only=False)[kept]
    return active


def _active_note(active: np.ndarray) -> str:
    if len(active) and active.min() == active.max():
        exactly = count(int(active[0]))
        return f"Every token has exactly {exactly} active latents, as a TopK SAE keeps that many."
    return "A TopK SAE has nearly the same number on every token; other SAEs have a wider range."


@template
def _active_chart() -> alt.LayerChart:
    bars = (
        alt.Chart(named("rows"))
        .mark_rect(stroke=PAPER, strokeWidth=1, color=ACCENT)
        .encode(
            x=alt.X(
                "left:Q",
                title="active latents on a token",
                axis=alt.Axis(grid=False, format=ID, tickMinStep=1),
                scale=alt.Scale(nice=False, zero=False),
            ),
            x2="right:Q",
            y=alt.Y(
                "tokens:Q",
                title="kept tokens",
                axis=alt.Axis(format=COUNT, tickCount=5, tickMinStep=1),
                scale=alt.Scale(domain=[0, slot("end")], nice=False),
            ),
            y2=alt.datum(0),
            tooltip=[
                alt.Tooltip("active_from:Q", title="from", format=ID),
                alt.Tooltip("last:Q", title="to", format=ID),
                alt.Tooltip("tokens:Q", title="kept tokens", format=COUNT),
            ],
        )
    )
    at = alt.Chart(named("marks")).encode(x="at:Q")
    rule = at.mark_rule(color=HIGHLIGHT, strokeDash=[3, 3])
    texts = at.mark_text(align="left", dx=6, color=QUIET_INK).encode(y=alt.value(6), text="text:N")
    return layered(bars, rule, texts, height=230)


def _active_histogram(active: np.ndarray) -> pa.Table:
    """Bins of equal whole width, at most 60 of them."""
    low, high = (int(active.min()), int(active.max())) if len(active) else (0, 0)
    width = -(-(high - low + 1) // 60)
    # Without an empty bin at each side, a single bar would fill the whole chart.
    first = low - width
    counts = np.bincount((active - first) // width, minlength=(high - first) // width + 2)
    start = first + width * np.arange(len(counts))
    return pa.table(
        {"active_from": start, "active_to": start + width, "tokens": counts.astype(np.int64)}
    )


@cached
def max_activation_vs_density(bundle: Bundle, mask: np.ndarray | None = None) -> Figure:
    """Largest activation against density, one point per latent (binned above 20,000 latents).

    The latents of `mask` [n_latents] bool are coloured. Dead latents are not drawn. A click gives
    LATENT, a drag STRENGTHS, or STRENGTH_BINS.
    """
    latents = bundle.latents
    selected = np.ones(latents.num_rows, bool) if mask is None else np.asarray(mask, dtype=bool)
    drawn = _is_drawn(bundle)
    binned = int(drawn.sum()) > MOST_POINTS
    if binned:
        points = latents.select(["density", "max"]).filter(pa.array(drawn))
        rows = _binned(points.append_column("selected", pa.array(selected[drawn])))
        chart = _binned_drawing(rows)
    else:
        points = _named_points(bundle).append_column("selected", pa.array(selected[drawn]))
        points = points.sort_by([("selected", "ascending"), ("latent", "ascending")])
        rows = points.drop_columns(["name"])
        drawn_columns = [name for name in rows.column_names if name != "label"]
        chart = _points().draw({"rows": points.select([*drawn_columns, "name"])})
    return Figure(
        name="max-activation-vs-density",
        title="Strongest activation against density",
        chart=chart,
        rows=rows,
        caption=caption_of(
            bundle,
            unit="token",
            latents=f"{int((selected & drawn).sum())} in colour of {int(drawn.sum())}",
            drawn_as="bins" if binned else "points",
        ),
        selections=(STRENGTH_BINS.name,) if binned else (LATENT.name, STRENGTHS.name),
        note="A rare latent has fewer tokens to reach a high maximum, so a slope is expected. "
        "Drag to select the latents inside.",
    )


def _is_drawn(bundle: Bundle) -> np.ndarray:
    """Which latents [n_latents] have a place on logarithmic axes."""
    strength = bundle.latents["max"].to_numpy(zero_copy_only=False)
    return (bundle.latents["density"].to_numpy() > 0) & (np.nan_to_num(strength) > 0)


def _axes(x: str, y: str) -> tuple[alt.X, alt.Y]:
    log = alt.Scale(type="log", nice=False, padding=8)
    return (
        alt.X(
            x,
            title="density (log scale)",
            scale=log,
            axis=alt.Axis(format=DENSITY_AXIS, tickCount=6),
        ),
        alt.Y(
            y,
            title="largest activation (log scale)",
            scale=log,
            axis=alt.Axis(format=NUMBER_AXIS, tickCount=6),
        ),
    )


@cached
def _named_points(bundle: Bundle) -> pa.Table:
    """The latents that are drawn, with `label` as exported and `name` as shown."""
    points = bundle.latents.select(["latent", "density", "max", "flag", "label"])
    points = with_names(bundle, points.filter(pa.array(_is_drawn(bundle))))
    names = map(shown_label, points["label"].to_pylist())
    return points.append_column("name", pa.array(names, pa.string()))


@template
def _points() -> alt.Chart:
    x, y = _axes("density:Q", "max:Q")
    points = (
        alt.Chart(named("rows"))
        .mark_circle(size=22, cursor="pointer")
        .encode(
            x=x,
            y=y,
            color=alt.condition("datum.selected", alt.value(ACCENT), alt.value(UNSELECTED)),
            opacity=alt.value(0.65),
            tooltip=[
                alt.Tooltip("latent:Q", format=ID),
                alt.Tooltip("name:N", title="label"),
                *density_tooltips(),
                alt.Tooltip("max:Q", title="largest activation", format=NUMBER),
                alt.Tooltip("flag:N"),
            ],
        )
        .properties(name="strength_points")
        .add_params(LATENT.parameter(), STRENGTHS.parameter())
    )
    return styled(points, 320)


def _binned(points: pa.Table) -> pa.Table:
    """Counts of latents on a grid with equal steps in both logarithms."""
    x, y = (np.log10(points[name].to_numpy().astype(np.float64)) for name in ("density", "max"))
    edges = [
        np.linspace(v.min(), v.max() + 1e-9, n + 1)
        for v, n in zip((x, y), SCATTER_BINS, strict=True)
    ]
    every = np.histogram2d(x, y, bins=edges)[0]
    chosen = points["selected"].to_numpy(zero_copy_only=False)
    picked = np.histogram2d(x[chosen], y[chosen], bins=edges)[0]
    i, j = np.nonzero(every)
    return pa.table(
        {
            "density_from": 10 ** edges[0][i],
            "density_to": 10 ** edges[0][i + 1],
            "max_from": 10 ** edges[1][j],
            "max_to": 10 ** edges[1][j + 1],
            "latents": every[i, j].astype(np.int64),
            "selected": picked[i, j].astype(np.int64),
        }
    )


def _binned_drawing(rows: pa.Table) -> Drawing:
    most = float(pc.max(rows["selected"]).as_py() or 1)
    return _bins().draw({"rows": rows}, stops=colour_stops(0, most, len(_SHADES), "symlog"))


@template
def _bins() -> alt.Chart:
    x, y = _axes("density_from:Q", "max_from:Q")
    shade = alt.Color(
        "selected:Q",
        title="latents",
        scale=colours_at(each("stops"), _SHADES, "symlog"),
        legend=alt.Legend(tickCount=4, format=NUMBER_AXIS),
    )
    cells = (
        alt.Chart(named("rows"))
        .mark_rect(stroke=PAPER, strokeWidth=0.3)
        .encode(
            x=x,
            x2="density_to:Q",
            y=y,
            y2="max_to:Q",
            color=alt.condition("datum.selected > 0", shade, alt.value(UNSELECTED)),
            tooltip=[
                alt.Tooltip("density_from:Q", title="density from", format=DENSITY),
                alt.Tooltip("max_from:Q", title="activation from", format=NUMBER),
                alt.Tooltip("latents:Q", format=COUNT),
                alt.Tooltip("selected:Q", format=COUNT),
            ],
        )
        .properties(name="strength_bins")
        .add_params(STRENGTH_BINS.parameter())
    )
    return styled(cells, 320)
