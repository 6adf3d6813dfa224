"""What a selection has in common, as bars: terms, words of labels, partners and clusters.

A bar is the selection, a black tick the rest. Grey bars may be chance.
"""

from typing import Literal

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.clusters.stability import WEAK
from analysis.runtime import numbers
from charts.core.drawing import Drawing, named, slot, template
from charts.core.figure import Caption, Figure, Value, caption_of
from charts.core.interactions import CLUSTER, INNER_CLUSTER, LATENT, Click
from charts.core.named_lines import height_of, labels_of, named_lines, with_lines
from charts.core.names import with_names
from charts.core.numbers import COUNT, NUMBER, PERCENT, PERCENT_AXIS, stability_tooltips
from charts.core.text import name_of, shown_label, unique_name_of_cluster
from charts.core.theme import (
    ACCENT,
    HIGHLIGHT,
    QUIET_INK,
    UNSELECTED,
    bar_scale,
    layered,
)

MOST_BARS = 12
MOST_INNER = 40
SIGNIFICANT = 0.05
"""q from which a bar may be chance."""
_NAME = 26
"""Characters of a name at a bar."""

Part = Literal["terms", "label_words", "partners", "clusters", "inside"]


def enriched_bars(
    bundle: Bundle, part: Literal["terms", "label_words"], table: pa.Table, counted: str
) -> Figure:
    """Terms, or words of labels, of `enrichment.py`; `counted` says which latents were counted."""
    table = table.slice(0, MOST_BARS)
    held = table["latents"].to_pylist()
    texts = [
        f"{numbers.short(lift)} ×, {numbers.counted(n, 'latent')}"
        for lift, n in zip(table["lift"].to_pylist(), held, strict=True)
    ]
    is_sure = table["q"].to_numpy() < SIGNIFICANT
    of_terms = part == "terms"
    return Figure(
        name=f"selection-{part.replace('_', '-')}",
        title="Fires on, more than the rest"
        if of_terms
        else "Words in the labels of the selection",
        chart=_drawing(part, table, table["term"].to_pylist(), texts, is_sure),
        rows=table,
        caption=_caption(
            bundle, counted, "latent", test="hypergeometric over latents, Benjamini-Hochberg"
        ),
        note=(
            "A bar is the share of the activation on the term, mean over latents; the tick is the "
            "same for the rest, and × is the lift. Blue: more latents hold the term than in a "
            "random draw (q < 0.05). Grey may be chance."
            if of_terms
            else "A bar is the share of the latents with this word in their label; the tick is the "
            "same for the rest. Blue: more than in a random draw (q < 0.05). Grey may be chance."
        ),
    )


def partner_bars(bundle: Bundle, table: pa.Table, counted: str) -> Figure:
    """The partners outside of the selection that most of its latents share; a click opens one."""
    table = with_names(bundle, table.slice(0, MOST_BARS), "partner")
    ids = table["partner"].to_pylist()
    names = [
        name_of(i, name, _NAME) for i, name in zip(ids, table["label"].to_pylist(), strict=True)
    ]
    texts = [f"{numbers.counted(n, 'latent')}" for n in table["latents"].to_pylist()]
    data = table.append_column("latent", table["partner"])
    return Figure(
        name="selection-partners",
        title="Fires together with, outside of the selection",
        chart=_drawing("partners", data, names, texts, np.ones(len(ids), dtype=bool)),
        rows=table,
        caption=_caption(bundle, counted, "token", partners="20 strongest of each latent by phi"),
        selections=(LATENT.name,),
        note=(
            "A bar is the share of the selected latents that have this latent among their 20 "
            "strongest partners; the tick is the same for the rest. Click to open the latent."
        ),
    )


def cluster_overlap_bars(bundle: Bundle, table: pa.Table, counted: str) -> Figure:
    """The clusters that the selection overlaps most; a click shows the cluster."""
    table = table.slice(0, MOST_BARS)
    names = [
        unique_name_of_cluster(i, label, _NAME)
        for i, label in zip(table["cluster"].to_pylist(), table["label"].to_pylist(), strict=True)
    ]
    texts = [
        f"{numbers.count(n)} of {numbers.count(size)}"
        for n, size in zip(table["shared"].to_pylist(), table["size"].to_pylist(), strict=True)
    ]
    data = table.append_column("share", table["overlap"])
    data = data.append_column("share_rest", pa.nulls(table.num_rows, pa.float64()))
    return Figure(
        name="selection-clusters",
        title="Clusters that overlap the selection most",
        chart=_drawing("clusters", data, names, texts, np.ones(table.num_rows, dtype=bool)),
        rows=table,
        caption=_caption(bundle, counted, "latent"),
        selections=(CLUSTER.name,),
        note=(
            "A bar is the overlap (Jaccard): shared latents over the latents in either. Beside it: "
            "how many of the cluster's latents are selected. Click to show the cluster."
        ),
    )


def inner_cluster_bars(
    bundle: Bundle, table: pa.Table, words: list[list[str]], draws: int, counted: str
) -> Figure:
    """The clusters inside a selection, as `inside.py` finds them; a click selects one.

    `words` describe each cluster.
    """
    named = table.append_column("words", pa.array(words, pa.list_(pa.string())))
    rows = named.slice(0, MOST_INNER)
    texts = [
        f"{numbers.counted(size, 'latent')}, stability {numbers.short(stability)}"
        for size, stability in zip(
            rows["size"].to_pylist(), rows["stability"].to_pylist(), strict=True
        )
    ]
    members = [",".join(map(str, one)) for one in rows["members"].to_pylist()]
    data = rows.drop_columns(["members", "words"]).append_column("members", pa.array(members))
    data = data.append_column("share", rows["size"])
    data = data.append_column("share_rest", pa.nulls(rows.num_rows, pa.float64()))
    recovered = np.minimum(rows["stability"].to_numpy(), rows["bootstrap"].to_numpy())
    is_sure = (
        np.array([bool(one) for one in rows["believable"].to_pylist()], dtype=bool)
        if draws
        else recovered >= WEAK
    )
    names = [" · ".join(one) or "no shared word" for one in rows["words"].to_pylist()]
    beyond = f" {numbers.count(table.num_rows - rows.num_rows)} smaller ones are not drawn."
    return Figure(
        name="selection-inside",
        title=f"{numbers.count(table.num_rows)} clusters inside the selection",
        chart=_drawing("inside", data, names, texts, is_sure),
        rows=rows,
        caption=_caption(bundle, counted, "latent", null_draws=draws),
        selections=(INNER_CLUSTER.name,),
        note=(
            (
                "Blue: reproducible, that is stability and bootstrap are at least "
                f"{WEAK:g} and above the largest of any cluster in {draws} draws in which every "
                "latent is shifted on its own inside its documents "
                f"({_largest(rows, 'stability_null')} and {_largest(rows, 'bootstrap_null')}). "
                if draws
                else f"Blue: stability and bootstrap are at least {WEAK:g}. There is no null, "
                "because a bundle has no decoder vectors, so none of them is called reproducible. "
            )
            + "Named by words that several labels share. Click to select one."
            + (beyond if rows.num_rows < table.num_rows else "")
        ),
    )


def _largest(rows: pa.Table, column: str) -> str:
    return numbers.short(pc.max(rows[column]).as_py())


def _caption(bundle: Bundle, counted: str, unit: str, **parameters: Value) -> Caption:
    return caption_of(bundle, unit=unit, latents=counted, **parameters)


def _drawing(
    part: Part, table: pa.Table, names: list[str], texts: list[str], is_sure: np.ndarray
) -> Drawing:
    shown = [shown_label(name, _NAME) or "∅" for name in names]
    data = with_lines(table, name=shown, text=texts, is_sure=is_sure)
    most = max(pc.max(data["share"]).as_py() or 0.0, pc.max(data["share_rest"]).as_py() or 0.0)
    return _chart(part).draw(
        {"rows": data},
        labels=labels_of(shown),
        end=2.0 * (most or 1.0),  # room for the text after the bars
        height=height_of(table),
    )


_AXES: dict[Part, str] = {
    "terms": "share of the activation",
    "label_words": "share of the latents",
    "partners": "share of the latents that have this partner",
    "clusters": "overlap (Jaccard)",
    "inside": "latents",
}
_CLICKS: dict[Part, Click] = {"partners": LATENT, "clusters": CLUSTER, "inside": INNER_CLUSTER}


def _tooltips(part: Part) -> list[alt.Tooltip]:
    rest = alt.Tooltip("share_rest:Q", title="the rest", format=PERCENT)
    share = alt.Tooltip("share:Q", title=_AXES[part], format=PERCENT)
    latents = alt.Tooltip("latents:Q", format=COUNT)
    lift = [alt.Tooltip("lift:Q", format=NUMBER), alt.Tooltip("q:Q", format=NUMBER)]
    others = alt.Tooltip("latents_rest:Q", title="latents of the rest", format=COUNT)
    tokens = alt.Tooltip("tokens:Q", title="active tokens", format=COUNT)
    phi = alt.Tooltip("phi:Q", title="mean phi", format=NUMBER)
    own = {
        "terms": [share, rest, latents, others, tokens, *lift],
        "label_words": [share, rest, latents, others, *lift],
        "partners": [share, rest, latents, phi],
        "clusters": [
            share,
            alt.Tooltip("shared:Q", title="shared latents", format=COUNT),
            alt.Tooltip("size:Q", title="latents of the cluster", format=COUNT),
            alt.Tooltip("space:N"),
            alt.Tooltip("level:Q"),
        ],
        "inside": [
            alt.Tooltip("size:Q", title="latents", format=COUNT),
            *stability_tooltips(),
            alt.Tooltip("stability_null:Q", title="largest stability in the null", format=NUMBER),
            alt.Tooltip("bootstrap_null:Q", title="largest bootstrap in the null", format=NUMBER),
        ],
    }
    return [alt.Tooltip("name:N"), *own[part]]


@template
def _chart(part: Part) -> alt.LayerChart:
    base = alt.Chart(named("rows")).encode(
        y=named_lines(190),
        tooltip=_tooltips(part),
    )
    # The axis leaves room for the texts, and so may end above 100 %, where there is no share.
    axis = (
        alt.Axis(format=COUNT, tickCount=4)
        if part == "inside"
        else alt.Axis(
            format=PERCENT_AXIS, tickCount=4, labelExpr="datum.value > 1 ? '' : datum.label"
        )
    )
    x = alt.X(
        "share:Q",
        title=_AXES[part],
        axis=axis,
        scale=bar_scale([0, slot("end")]),
    )
    bars = base.mark_bar(height={"band": 0.7}).encode(
        x=x, color=alt.condition("datum.is_sure", alt.value(ACCENT), alt.value(UNSELECTED))
    )
    if part in _CLICKS:
        bars = bars.properties(name=f"{part}_in_common").add_params(_CLICKS[part].parameter())
    ticks = base.mark_tick(color=HIGHLIGHT, thickness=2, height={"band": 0.9}).encode(
        x="share_rest:Q"
    )
    end = "max(datum.share, datum.share_rest || 0)"
    texts = (
        base.mark_text(align="left", dx=6, color=QUIET_INK, fontSize=11)
        .transform_calculate(end=end)
        .encode(x="end:Q", text="text:N")
    )
    return layered(bars, ticks, texts)
