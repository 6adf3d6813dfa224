"""How strongly two latents co-occur: conditional probabilities with intervals, and measures."""

import altair as alt
import pyarrow as pa

from analysis.bundle import UNITS, Bundle, Unit
from analysis.cooccurrence.association import MEASURES, wilson_interval
from analysis.cooccurrence.pair import Pair
from charts.core.cache import cached
from charts.core.drawing import each, named, template
from charts.core.figure import Figure
from charts.core.measures import OF_VALUES, title_of
from charts.core.numbers import COUNT, FRACTION
from charts.core.theme import (
    A_COLOUR,
    B_COLOUR,
    QUIET_INK,
    RULE,
    UNIT_COLOURS,
    layered,
)
from charts.pair import ROW, pair_caption, shown_units, units_words

STRENGTHS = ("phi", "jaccard", "npmi")


@cached
def pair_conditionals(bundle: Bundle, pair: Pair) -> Figure:
    """P(b given a) and P(a given b) by every unit, with 95 % Wilson intervals.

    The tick is the density of the other latent, which is the value for independent latents.
    """
    rows = []
    for unit in shown_units(pair):
        table = pair.tables[unit]
        n, n1, n2, joint = (float(v) for v in (table.n, table.n1, table.n2, table.n11))
        for given, other, trials, base in (
            (pair.a, pair.b, n1, n2),
            (pair.b, pair.a, n2, n1),
        ):
            low, high = wilson_interval(int(joint), int(trials))
            rows.append(
                {
                    "unit": unit,
                    "probability": f"P({other} given {given})",
                    "share": joint / trials if trials else None,
                    "low": float(low),
                    "high": float(high),
                    "trials": int(trials),
                    "density": base / n if n else 0.0,
                }
            )
    table = pa.Table.from_pylist(rows)
    names = [str(row["probability"]) for row in rows[:2]]
    return Figure(
        name=f"pair-{pair.a}-{pair.b}-conditionals",
        title="If one fires, does the other?",
        chart=_whiskers().draw({"rows": table}, names=names),
        rows=table,
        caption=pair_caption(bundle, pair, units_words(pair), interval="Wilson 95 %"),
        note=(
            "Dot and line: the share and its 95 % Wilson interval; grey tick: the density of "
            "the other latent. Tokens of one document are not independent, so intervals by token "
            "are too narrow."
        ),
    )


@template
def _whiskers() -> alt.LayerChart:
    base = alt.Chart(named("rows")).encode(
        y=alt.Y("unit:N", sort=list(UNITS), title=None, scale=alt.Scale(paddingInner=0.2)),
        yOffset=alt.YOffset("probability:N", sort=each("names")),
        tooltip=[
            alt.Tooltip("probability:N"),
            alt.Tooltip("unit:N"),
            alt.Tooltip("share:Q", format=FRACTION),
            alt.Tooltip("low:Q", format=FRACTION),
            alt.Tooltip("high:Q", format=FRACTION),
            alt.Tooltip("trials:Q", format=COUNT),
            alt.Tooltip("density:Q", title="density of the other", format=FRACTION),
        ],
    )
    colour = alt.Color(
        "probability:N",
        title=None,
        scale=alt.Scale(domain=each("names"), range=[A_COLOUR, B_COLOUR]),
        legend=alt.Legend(orient="top", symbolType="circle"),
    )
    scale = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("low:Q", title="probability", scale=scale, axis=alt.Axis(tickCount=5))
    lines = base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q", color=colour)
    dots = base.mark_circle(size=70, opacity=1).encode(
        x=alt.X("share:Q", scale=scale), color=colour
    )
    ticks = base.mark_tick(color=QUIET_INK, thickness=2, size=12).encode(x="density:Q")
    return layered(ticks, lines, dots, height=6 * ROW + 60)


@cached
def pair_strengths(bundle: Bundle, pair: Pair) -> Figure:
    """Phi, Jaccard and NPMI by every unit; cosine and Pearson of the activations by token."""
    rows = [
        {
            "measure": title_of(name),
            "unit": unit,
            "value": float(MEASURES[name].of(pair.tables[unit])),
        }
        for name in STRENGTHS
        for unit in shown_units(pair)
    ]
    rows += [
        {"measure": OF_VALUES["activation_cosine"], "unit": "token", "value": pair.cosine},
        {"measure": OF_VALUES["activation_pearson"], "unit": "token", "value": pair.pearson},
    ]
    table = pa.Table.from_pylist(rows)
    order = list(dict.fromkeys(str(row["measure"]) for row in rows))
    return Figure(
        name=f"pair-{pair.a}-{pair.b}-strengths",
        title="Strength of co-occurrence, by measure and unit",
        chart=_strength_chart(shown_units(pair)).draw(
            {"rows": table, "zero": pa.table({"at": [0]})},
            measures=order,
            height=len(order) * ROW + 60,
        ),
        rows=table,
        caption=pair_caption(bundle, pair, units_words(pair), window=pair.window),
        note=(
            "Phi and NPMI depend on the number of units with neither latent; Jaccard does not. "
            "Cosine and Pearson compare the activations over all kept tokens."
        ),
    )


@template
def _strength_chart(units: tuple[Unit, ...]) -> alt.LayerChart:
    colours = dict(zip(UNITS, UNIT_COLOURS, strict=True))
    shapes = dict(zip(UNITS, ("circle", "diamond", "square"), strict=True))
    base = alt.Chart(named("rows")).encode(
        y=alt.Y(
            "measure:N",
            sort=each("measures"),
            title=None,
            axis=alt.Axis(grid=True, labelLimit=160),
        ),
        tooltip=[
            alt.Tooltip("measure:N"),
            alt.Tooltip("unit:N"),
            alt.Tooltip("value:Q", format=FRACTION),
        ],
    )
    dots = base.mark_point(size=75, filled=True, opacity=0.9).encode(
        x=alt.X(
            "value:Q",
            title="value",
            scale=alt.Scale(domain=[-1, 1], nice=False),
            axis=alt.Axis(tickCount=9),
        ),
        color=alt.Color(
            "unit:N",
            title=None,
            scale=alt.Scale(domain=list(units), range=[colours[unit] for unit in units]),
            legend=alt.Legend(orient="top"),
        ),
        shape=alt.Shape(
            "unit:N",
            title=None,
            scale=alt.Scale(domain=list(units), range=[shapes[unit] for unit in units]),
            # The same legend as that of the colour, so that Vega-Lite draws one with both.
            legend=alt.Legend(orient="top"),
        ),
    )
    zero = alt.Chart(named("zero")).mark_rule(color=RULE).encode(x="at:Q")
    return layered(zero, dots)
