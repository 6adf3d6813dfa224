"""One latent: its activations, partners, neighbours and effects on the logits."""

import altair as alt
import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle
from analysis.cooccurrence.power import is_too_rare, smallest_lift_of_counts
from analysis.cooccurrence.ranking import ranked_partners, reason_for_no_partners
from analysis.latents.activation_range import tokens_in_range
from analysis.runtime.numbers import count, density, short
from charts.core.cache import cached
from charts.core.drawing import Drawing, each, named, template
from charts.core.figure import Figure, caption_of
from charts.core.interactions import ACTIVATIONS, LATENT
from charts.core.latents import check_latent
from charts.core.measures import check_measure, format_of, measured, title_of, value_texts
from charts.core.names import names_of_latents
from charts.core.numbers import COUNT, NUMBER, NUMBER_AXIS, SIGNED, density_tooltips
from charts.core.text import name_of, range_words, shown_token
from charts.core.theme import (
    ACCENT,
    ACCENT_LIGHT,
    NEGATIVE,
    PAPER,
    POSITIVE,
    QUIET_INK,
    RULE,
    bar_scale,
    layered,
    name_limit,
)

HISTOGRAM_BINS = 40
ROW = 22


@cached
def activation_histogram(
    bundle: Bundle, latent: int, regime: tuple[float, float] | None = None
) -> Figure:
    """Histogram of the activations of a latent over its active tokens.

    Bars that touch the range `regime` are dark, the others pale. A drag gives ACTIVATIONS.
    """
    check_latent(bundle, latent)
    _, values = bundle.activations.of_latent(latent)
    rows = _value_bins(values)
    row = bundle.latents.slice(latent, 1).to_pylist()[0]
    marks = [
        {"at": row[key], "text": f"{key} {short(row[key])}"}
        for key in ("median", "p90")
        if row[key] is not None
    ]
    return Figure(
        name=f"latent-{latent}-activations",
        title=f"Activations of latent {latent}",
        chart=_histogram().draw(
            {
                "rows": rows.append_column("inside", _inside(rows, regime)),
                "marks": pa.Table.from_pylist(marks),
            }
        ),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="token",
            latent=latent,
            active_tokens=count(len(values)),
            density=density(row["density"]),
            **({} if regime is None else {"range": range_words(regime)}),
        ),
        selections=(ACTIVATIONS.name,),
        note=f"The {count(len(values))} active tokens; the activation is 0 on all others. Drag "
        "over a range to see its contexts and partners only.",
    )


@cached
def tokens_of_range(bundle: Bundle, latent: int, regime: tuple[float, float]) -> int:
    """The number of tokens on which the activation of a latent is in a range, both ends included.

    Raises InputError if the bundle has no such latent.
    """
    check_latent(bundle, latent)
    return len(tokens_in_range(bundle, latent, *regime)[0])


def _inside(rows: pa.Table, regime: tuple[float, float] | None) -> pa.Array:
    """Whether each bar [n] touches a range of activation; all do without one."""
    low, high = (-np.inf, np.inf) if regime is None else regime
    start, stop = (rows[f"activation_{end}"].to_numpy() for end in ("from", "to"))
    return pa.array((start <= high) & (stop >= low))


@template
def _histogram() -> alt.LayerChart:
    bars = (
        alt.Chart(named("rows"))
        .mark_rect(stroke=PAPER, strokeWidth=1)
        .encode(
            color=alt.condition("datum.inside", alt.value(ACCENT), alt.value(ACCENT_LIGHT)),
            x=alt.X(
                "activation_from:Q",
                title="activation",
                axis=alt.Axis(grid=False, tickCount=8, format=NUMBER_AXIS),
                scale=alt.Scale(nice=False, zero=False),
            ),
            x2="activation_to:Q",
            y=alt.Y(
                "tokens:Q",
                title="active tokens",
                axis=alt.Axis(format=COUNT, tickCount=5, tickMinStep=1),
            ),
            y2=alt.datum(0),
            tooltip=[
                alt.Tooltip("activation_from:Q", title="from", format=NUMBER),
                alt.Tooltip("activation_to:Q", title="to", format=NUMBER),
                alt.Tooltip("tokens:Q", title="active tokens", format=COUNT),
            ],
        )
        .properties(name="activations")
        .add_params(ACTIVATIONS.parameter())
    )
    at = alt.Chart(named("marks")).encode(x="at:Q")
    rule = at.mark_rule(color=QUIET_INK, strokeDash=[3, 3])
    # A text near the right edge is before its line, so that it is not cut.
    is_near_edge = "scale('x', datum.at) > width - 80"
    texts = at.mark_text(
        align=alt.ExprRef(f"{is_near_edge} ? 'right' : 'left'"),
        dx=alt.ExprRef(f"{is_near_edge} ? -5 : 5"),
        color=QUIET_INK,
        fontSize=11,
    ).encode(y=alt.value(6), text="text:N")
    return layered(bars, rule, texts, height=150)


def _value_bins(values: np.ndarray) -> pa.Table:
    if len(values) == 0:
        counts, edges = np.zeros(0, np.int64), np.zeros(1)
    else:
        counts, edges = np.histogram(values.astype(np.float64), bins=HISTOGRAM_BINS)
    return pa.table(
        {
            "activation_from": edges[:-1],
            "activation_to": edges[1:],
            "tokens": counts.astype(np.int64),
        }
    )


@cached
def latent_neighbours(bundle: Bundle, latent: int) -> Figure:
    """Nearest decoder vectors by cosine. A click gives LATENT, the latent of the row."""
    check_latent(bundle, latent)
    neighbours = bundle.neighbours.of(latent).sort_by("rank")
    rows = pa.table(
        {
            "latent": neighbours["neighbour"],
            "label": names_of_latents(bundle, neighbours["neighbour"]),
            "density": bundle.latents["density"].take(neighbours["neighbour"]),
            "cosine": neighbours["cosine"],
        }
    )
    return Figure(
        name=f"latent-{latent}-neighbours",
        title=f"Nearest decoder vectors of latent {latent}",
        chart=_ranked_rows(rows, "cosine", "cosine of the decoder vectors"),
        rows=rows,
        caption=caption_of(bundle, unit="latent", latent=latent, neighbours=rows.num_rows),
        selections=(LATENT.name,),
        note="Latents with similar decoder vectors need not fire on the same tokens.",
    )


@cached
def latent_partners(bundle: Bundle, latent: int, measure: str = "phi", limit: int = 15) -> Figure:
    """The first `limit` partners of a latent in the order of `ranked_partners`.

    A click gives LATENT, the partner. If there are no partners, the note gives the reason.
    """
    check_latent(bundle, latent)
    check_measure(measure)
    minimum_joint = bundle.manifest.parameters.minimum_joint
    rows = _partner_rows(bundle, latent, measure, minimum_joint, limit)
    power = _shown_lift(bundle, latent)
    return Figure(
        name=f"latent-{latent}-partners-{measure}",
        title=f"Latents that fire with latent {latent}, by {title_of(measure)}",
        chart=_ranked_rows(rows, measure, title_of(measure)),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="token",
            latent=latent,
            measure=measure,
            minimum_joint_tokens=minimum_joint,
        ),
        selections=(LATENT.name,),
        note=(
            f"Tokens of one document are not independent: also compare the joint documents. {power}"
            if rows.num_rows
            else f"{reason_for_no_partners(bundle, latent, minimum_joint)} {power}"
        ).strip(),
    )


def _shown_lift(bundle: Bundle, latent: int) -> str:
    """What a partner that is missing from the list means; empty for a dead latent."""
    active = bundle.latents["active_tokens"].to_numpy()
    if active[latent] == 0:
        return ""
    typical = int(np.median(active[active > 0]))
    lift = smallest_lift_of_counts(int(active[latent]), typical, bundle.manifest.tokens)
    if not is_too_rare(lift):
        return f"With a latent of median density, a lift of {short(lift)} or more would show."
    could = f"only a lift of {short(lift)} or more" if np.isfinite(lift) else "no lift at all"
    return (
        "It is too rare to tell with which latents it does not fire: with one of median density, "
        f"these tokens could show {could}."
    )


def _partner_rows(
    bundle: Bundle, latent: int, measure: str, minimum_joint: int, limit: int
) -> pa.Table:
    """The partners with their labels, counts, the chosen measure, and all other measures."""
    ranked = ranked_partners(bundle, latent, measure, minimum_joint, limit)
    partners = measured(bundle, ranked.drop_columns([measure]), measure)
    return pa.table(
        {
            "latent": partners["partner"],
            "label": names_of_latents(bundle, partners["partner"]),
            "density": bundle.latents["density"].take(partners["partner"]),
            "joint_tokens": partners["joint_tokens"],
            "joint_documents": partners["joint_documents"],
        }
        | {name: partners[name] for name in partners.column_names[4:]}
    )


def _ranked_rows(rows: pa.Table, value: str, title: str) -> Drawing:
    """One bar per row, in row order, with the name, value and tooltip of the latent."""
    ids, labels = rows["latent"].to_pylist(), rows["label"].to_pylist()
    data = rows.drop_columns(["label"]).append_column(
        "name", pa.array([name_of(i, t) for i, t in zip(ids, labels, strict=True)], pa.string())
    )
    data = data.append_column("text", pa.array(value_texts(rows[value], value), pa.string()))
    values = np.nan_to_num(rows[value].to_numpy(zero_copy_only=False).astype(np.float64))
    least = min(0.0, float(values.min(initial=0.0)))
    most = float(values.max(initial=0.0)) or 1.0
    counts = tuple(n for n in ("joint_tokens", "joint_documents") if n in rows.column_names)
    others = tuple(n for n in rows.column_names[5:] if n != value) if counts else ()
    return _ranked(value, title, counts, others).draw(
        {"rows": data}, ends=[least, most * 1.14], height=46 + ROW * max(rows.num_rows, 1)
    )


@template
def _ranked(
    value: str, title: str, counts: tuple[str, ...], others: tuple[str, ...]
) -> alt.LayerChart:
    x = alt.X(
        f"{value}:Q",
        title=title,
        axis=alt.Axis(tickCount=5),
        scale=bar_scale(each("ends")),
    )
    base = alt.Chart(named("rows")).encode(
        x=x,
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=name_limit(260))),
        tooltip=[
            alt.Tooltip("name:N", title="latent"),
            alt.Tooltip(f"{value}:Q", title=title, format=format_of(value)),
            *density_tooltips(),
            *(alt.Tooltip(f"{n}:Q", title=n.replace("_", " "), format=COUNT) for n in counts),
            *(alt.Tooltip(f"{n}:Q", title=title_of(n), format=format_of(n)) for n in others),
        ],
    )
    bars = (
        base.mark_bar(height={"band": 0.7}, color=ACCENT, cursor="pointer")
        .properties(name="rows")
        .add_params(LATENT.parameter())
    )
    texts = base.mark_text(align="left", dx=5, fontSize=11, color=QUIET_INK).encode(text="text:N")
    return layered(bars, texts)


@cached
def logit_effects(bundle: Bundle, latent: int) -> Figure:
    """Tokens that the decoder vector promotes (blue) and suppresses (red) through W_U."""
    check_latent(bundle, latent)
    effects = bundle.logits.of(latent)
    rows = pa.table(
        {
            "sign": effects["sign"].cast("string"),
            "rank": effects["rank"],
            "token": effects["token"],
            "effect": effects["effect"],
        }
    ).sort_by([("effect", "descending"), ("rank", "ascending")])
    shown = [shown_token(token) for token in rows["token"].to_pylist()]
    data = rows.drop_columns(["token"]).append_column("token", pa.array(shown, pa.string()))
    data = data.append_column("row", pa.array(range(rows.num_rows), pa.int32()))
    values = rows["effect"].to_numpy(zero_copy_only=False).astype(np.float64)
    reach = 1.25 * float(np.abs(values).max(initial=0.0)) or 1.0
    return Figure(
        name=f"latent-{latent}-logits",
        title=f"Tokens that latent {latent} promotes and suppresses",
        chart=_effects().draw(
            {"rows": data, "zero": pa.table({"at": [0]})},
            ends=[-reach, reach],
            height=46 + 17 * max(rows.num_rows, 1),
        ),
        rows=rows,
        caption=caption_of(bundle, unit="vocabulary token", latent=latent),
        note=bundle.manifest.no_logit_effects
        or "The direct path only: later layers may use the direction in other ways.",
    )


@template
def _effects() -> alt.LayerChart:
    base = alt.Chart(named("rows")).encode(
        x=alt.X(
            "effect:Q",
            title="effect on the logit by the direct path",
            axis=alt.Axis(tickCount=7),
            scale=alt.Scale(domain=each("ends"), nice=False),
        ),
        y=alt.Y("row:O", axis=None),
        tooltip=[
            alt.Tooltip("token:N"),
            alt.Tooltip("effect:Q", format=SIGNED),
            alt.Tooltip("sign:N"),
        ],
    )
    sign = "datum.effect >= 0"
    bars = base.mark_bar(height={"band": 0.75}).encode(
        color=alt.condition(sign, alt.value(POSITIVE), alt.value(NEGATIVE))
    )
    zero = alt.Chart(named("zero")).mark_rule(color=RULE).encode(x="at:Q")
    left = (
        base.transform_filter(sign)
        .mark_text(align="right", dx=-6)
        .encode(x=alt.datum(0), text="token:N")
    )
    right = (
        base.transform_filter("datum.effect < 0")
        .mark_text(align="left", dx=6)
        .encode(x=alt.datum(0), text="token:N")
    )
    return layered(bars, zero, left, right)
