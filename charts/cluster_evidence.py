"""The evidence for the label of a cluster: its terms, and how many members have each."""

from typing import Any

import altair as alt
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from analysis.runtime.numbers import count
from charts.core.cache import cached
from charts.core.drawing import Drawing, each, named, slot, template
from charts.core.figure import Figure, caption_of
from charts.core.named_lines import height_of, labels_of, named_lines, with_lines
from charts.core.numbers import COUNT, NUMBER, PERCENT, PERCENT_AXIS
from charts.core.text import shown_label
from charts.core.theme import ACCENT, QUIET_INK, UNSELECTED, bar_scale, layered

SOURCES = {
    "terms": "fires on",
    "raised": "promotes",
    "explained": "is explained by",
}
"""Columns of the cluster table that hold evidence, and how a member relates to such a term."""


def cluster_row(bundle: Bundle, cluster: int) -> dict[str, Any]:
    """The cluster's row of the cluster table; raises InputError if there is none."""
    rows = bundle.clusters.filter(pc.equal(bundle.clusters["cluster"], cluster))
    if rows.num_rows == 0:
        raise InputError(
            f"{bundle.name}: there is no cluster {cluster}; choose one from the cluster table."
        )
    row: dict[str, Any] = rows.to_pylist()[0]
    return row


@cached
def cluster_evidence(bundle: Bundle, cluster: int) -> Figure:
    """The terms of a cluster, best first, with the share of members that have each."""
    row = cluster_row(bundle, cluster)
    terms = [
        {
            "source": words,
            "term": item["term"],
            "weight": item["score"],
            "members": item["latents"],
            "share": item["latents"] / row["size"],
        }
        for name, words in SOURCES.items()
        for item in row[name]
    ]
    rows = pa.Table.from_pylist(terms, _ROWS)
    return Figure(
        name=f"cluster-{cluster}-evidence",
        title="Evidence for the label",
        chart=_drawing(rows, row["size"]),
        rows=rows,
        caption=caption_of(bundle, unit="latent", cluster=cluster, members=row["size"]),
        note=(
            "Terms ranked by class-based TF-IDF over the clusters of this level: terms with a high "
            "weight are common here and rare in other clusters. A bar is the share of members "
            "that have the term among their own terms."
            + (
                " Grey: tokens that the members promote, that is, those with the largest logit "
                "effects of their decoder vectors. They may mean nothing; the name of a cluster is "
                "made from what its members fire on."
                if SOURCES["raised"] in rows["source"].to_pylist()
                else ""
            )
        ),
    )


_ROWS = pa.schema(
    [
        ("source", pa.string()), ("term", pa.string()), ("weight", pa.float32()),
        ("members", pa.int32()), ("share", pa.float64()),
    ]
)  # fmt: skip


def _drawing(rows: pa.Table, size: int) -> Drawing:
    data = rows.drop_columns(["term"])
    names = [shown_label(term, 26) or "∅" for term in rows["term"].to_pylist()]
    sources = rows["source"].to_pylist()
    texts = [f"{count(n)} of {count(size)} members" for n in rows["members"].to_pylist()]
    data = with_lines(data, name=names, text=texts)
    labels = [
        n if s == SOURCES["terms"] else f"{s}: {n}" for n, s in zip(names, sources, strict=True)
    ]
    most = max(rows["share"].to_pylist(), default=1.0)
    step = next(step for step in (0.05, 0.1, 0.25) if most <= 5 * step or step == 0.25)
    return _chart().draw(
        {"rows": data},
        labels=labels_of(labels),
        ticks=[i * step for i in range(int(most / step + 1e-9) + 1)],  # 0.3 / 0.1 is below 3
        end=1.6 * most,  # room for the text after the bars
        height=height_of(rows),
    )


@template
def _chart() -> alt.LayerChart:
    base = alt.Chart(named("rows")).encode(
        y=named_lines(170),
        tooltip=[
            alt.Tooltip("name:N", title="term"),
            alt.Tooltip("source:N", title="a member"),
            alt.Tooltip("weight:Q", format=NUMBER),
            alt.Tooltip("members:Q", format=COUNT),
            alt.Tooltip("share:Q", title="share of members", format=PERCENT),
        ],
    )
    x = alt.X(
        "share:Q",
        title="share of members that have the term",
        axis=alt.Axis(format=PERCENT_AXIS, values=each("ticks")),
        scale=bar_scale([0, slot("end")], room=50),
    )
    bars = base.mark_bar(height={"band": 0.7}).encode(
        x=x,
        color=alt.condition(
            f"datum.source == '{SOURCES['terms']}'", alt.value(ACCENT), alt.value(UNSELECTED)
        ),
    )
    texts = base.mark_text(align="left", dx=6, color=QUIET_INK, fontSize=11).encode(
        x=x, text="text:N"
    )
    return layered(bars, texts)
