"""Contexts of a latent as a concordance: one line each, aligned at the picked token."""

import json
from typing import Any, get_args

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle, ContextKind
from analysis.runtime.errors import InputError
from charts.cluster_evidence import cluster_row
from charts.core.figure import Figure, caption_of
from charts.core.interactions import LATENT, Click
from charts.core.text import NO_BREAK_SPACE, cells, name_of, shown_label, shown_token
from charts.core.theme import (
    ACTIVATION_RANGE,
    INK,
    MONO,
    PAPER,
    QUIET_INK,
    colour_scale,
    inline,
    layered,
)
from charts.latent import check_latent

FONT_SIZE = 12
CELL = 7.2
"""Width of a character in pixels: 0.6 of the font size in every font of the list."""
LINE = 26
VALUE_WIDTH = 56
MOST_POOLED = 12
_TITLES = {
    "top": "Strongest contexts",
    "interval": "Contexts evenly spaced by activation",
    "random": "Random active contexts",
}


def context_strips(bundle: Bundle, latent: int, kind: ContextKind = "top") -> Figure:
    """Windows of the corpus, one line each, tokens shaded by their activation.

    The shade is the ratio to the latent's own maximum over the corpus. One unit of x is one pixel,
    so the lines keep their spacing at any width and only lose words at the edges.
    """
    check_latent(bundle, latent)
    if kind not in get_args(ContextKind):
        raise InputError(f"Contexts: there is no kind {kind!r}; choose top, interval or random.")
    found = bundle.contexts.of(latent)
    found = found.filter(pc.equal(found["kind"].cast("string"), kind))
    found = found.sort_by(
        [("activation", "descending"), ("document", "ascending"), ("position", "ascending")]
    )
    most = bundle.latents["max"][latent].as_py() or 0.0
    rows = _token_rows(bundle, found)
    return Figure(
        name=f"latent-{latent}-contexts-{kind}",
        title=f"{_TITLES[kind]} of latent {latent}",
        chart=_chart(
            rows,
            f"activation / the latent's own maximum ({most:.3g})",
            titles_of(rows),
        ),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="context",
            latent=latent,
            contexts=f"{found.num_rows} {kind}",
            largest_activation=f"{most:.3g}",
        ),
        note=(
            "The strongest contexts look cleaner than the latent is; read the evenly spaced and "
            "the random ones too."
            if kind == "top"
            else "Real windows of the corpus; nothing is counted from them."
        ),
    )


def cluster_contexts(bundle: Bundle, cluster: int, kind: ContextKind = "top") -> Figure:
    """Contexts of the members of a cluster, pooled: one line each, with the member's name.

    `top` are the strongest relative to each member's own maximum, the more active member first
    where they are equal; `random` is a sample of the stored ones in which a member comes up as
    often as it is active. No token is picked twice. A click gives `picked`, the member.
    """
    if kind not in ("top", "random"):
        raise InputError(f"Contexts: those of a cluster are top or random, not {kind!r}.")
    size = cluster_row(bundle, cluster)["size"]
    members = bundle.memberships.filter(pc.equal(bundle.memberships["cluster"], cluster))
    found = bundle.contexts.of(members["latent"].to_numpy())
    found = found.filter(pc.equal(found["kind"].cast("string"), kind))
    ranked = found.take(_ranking(bundle, found, kind, cluster))
    rows = _token_rows(bundle, ranked)
    names = bundle.latents["label"]
    firsts = rows.filter(rows["is_picked"])["latent"].to_pylist()
    return Figure(
        name=f"cluster-{cluster}-contexts-{kind}",
        title="Strongest contexts of its members" if kind == "top" else "Random active contexts",
        chart=_chart(
            rows,
            "activation / the member's own maximum",
            [name_of(latent, names[latent].as_py(), 22) for latent in firsts],
            LATENT,
        ),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="context",
            cluster=cluster,
            contexts=f"{ranked.num_rows} of {found.num_rows} {kind} ones of {size} members",
        ),
        selections=(LATENT.name,),
        note=(
            "Each line is a real window in which the named member fires on the framed token; the "
            "strongest relative to its own maximum. They look cleaner than the cluster is."
            if kind == "top"
            else "Each line is a real window in which the named member fires on the framed token, "
            "drawn so that a member comes up as often as it is active."
        ),
    )


def _ranking(bundle: Bundle, found: pa.Table, kind: ContextKind, cluster: int) -> np.ndarray:
    """Rows of the pooled contexts that are shown, in order."""
    latents = found["latent"].to_numpy()
    most, active = (
        bundle.latents[name].to_numpy(zero_copy_only=False)[latents]
        for name in ("max", "active_tokens")
    )
    if kind == "top":
        ratio = found["activation"].to_numpy() / most
        order = np.lexsort((latents, -active, -ratio))
    else:
        stored = np.bincount(latents)[latents]
        # The least of exponential times is a draw in proportion to the rates.
        times = np.random.default_rng(cluster).exponential(size=len(latents))
        order = np.argsort(times * stored / active, kind="stable")
    place = np.column_stack([found[name].to_numpy()[order] for name in ("document", "position")])
    _, first = np.unique(place, axis=0, return_index=True)
    return order[np.sort(first)][:MOST_POOLED]


def titles_of(rows: pa.Table) -> list[str]:
    """The title of the document of every line."""
    return [shown_label(title, 22) for title in rows.filter(rows["is_picked"])["title"].to_pylist()]


def _token_rows(bundle: Bundle, found: pa.Table) -> pa.Table:
    """One row a token: where it is drawn (`start`, `end`, in columns from the picked token)."""
    titles = (
        dict(
            zip(
                bundle.documents["document"].to_pylist(),
                bundle.documents["title"].to_pylist(),
                strict=True,
            )
        )
        if found.num_rows
        else {}
    )
    maxima = bundle.latents["max"]
    out: list[dict[str, Any]] = []
    for context, row in enumerate(found.to_pylist()):
        most = maxima[row["latent"]].as_py() or 0.0
        columns = columns_of(row["tokens"], row["peak"])
        for i, (token, value) in enumerate(zip(row["tokens"], row["activations"], strict=True)):
            out.append(
                {
                    "context": context,
                    "latent": row["latent"],
                    "document": row["document"],
                    "title": titles.get(row["document"], ""),
                    "position": row["position"] + i - row["peak"],
                    "token": token,
                    "activation": value,
                    "ratio": value / most if most > 0 else 0.0,
                    "picked_activation": row["activation"],
                    "is_picked": i == row["peak"],
                    "start": columns[i][0],
                    "end": columns[i][1],
                }
            )
    return pa.Table.from_pylist(out, _ROWS)


_ROWS = pa.schema(
    [
        ("context", pa.int32()), ("latent", pa.int32()), ("document", pa.int64()),
        ("title", pa.string()), ("position", pa.int32()), ("token", pa.string()),
        ("activation", pa.float32()), ("ratio", pa.float32()), ("picked_activation", pa.float32()),
        ("is_picked", pa.bool_()), ("start", pa.int32()), ("end", pa.int32()),
    ]
)  # fmt: skip


def _chart(
    rows: pa.Table, ratio: str, sides: list[str], click: Click | None = None
) -> alt.LayerChart:
    """Lines named by `sides`; `ratio` is the title of the shade."""
    kept = ["context", "latent", "position", "activation", "ratio", "picked_activation"]
    data = rows.select([*kept, "is_picked"])
    data = data.append_column(
        "shown", pa.array([shown_token(t) for t in rows["token"].to_pylist()], pa.string())
    )
    data = data.append_column(
        "source", pa.array([shown_label(t, 60) for t in rows["title"].to_pylist()], pa.string())
    )
    # Vega trims a text, so it starts after its leading spaces.
    lead = [len(t) - len(t.lstrip(NO_BREAK_SPACE)) for t in data["shown"].to_pylist()]
    data = data.append_column(
        "word", pc.add(rows["start"].cast("float64"), pa.array(lead, pa.float64()))
    )
    data = data.set_column(data.num_columns - 1, "word", pc.multiply(data["word"], CELL))
    for edge in ("start", "end"):
        data = data.append_column(edge, pc.multiply(rows[edge].cast("float64"), CELL))
    contexts = (pc.max(rows["context"]).as_py() or 0) + 1 if rows.num_rows else 0
    tokens = alt.Chart(inline(data))
    x = around_picked("start:Q")
    y = alt.Y(
        "context:O", axis=side_axis(sides), scale=alt.Scale(paddingInner=0.22, paddingOuter=0.1)
    )
    tooltip = [
        alt.Tooltip("shown:N", title="token"),
        alt.Tooltip("activation:Q", format=".3~r"),
        alt.Tooltip("ratio:Q", title="of its maximum", format=".0%"),
        alt.Tooltip("source:N", title="document"),
        alt.Tooltip("position:Q", format="d"),
    ]
    colour = alt.Color(
        "ratio:Q",
        title=ratio,
        scale=colour_scale(0, 1, ACTIVATION_RANGE),
        legend=alt.Legend(
            orient="top", direction="horizontal", gradientLength=160, gradientThickness=9,
            values=[0, 0.5, 1], format=".0%", titleLimit=400, offset=6,
        ),
    )  # fmt: skip
    boxes = (
        tokens.mark_rect(clip=True)
        .encode(
            x=x, x2="end:Q", y=y, color=colour, tooltip=tooltip,
            stroke=alt.condition("datum.is_picked", alt.value(INK), alt.value(None)),
        )
        .properties(name="tokens")
    )  # fmt: skip
    if click is not None:
        boxes = boxes.add_params(click.parameter())
    words = tokens.mark_text(align="left", font=MONO, fontSize=FONT_SIZE, clip=True).encode(
        x="word:Q", y=y, text="shown:N", tooltip=tooltip,
        color=alt.condition("datum.ratio > 0.8", alt.value(PAPER), alt.value(INK)),
    )  # fmt: skip
    return layered(boxes, words, *_values(tokens, y), height=8 + LINE * max(contexts, 1))


def around_picked(field: str) -> alt.X:
    """Pixels from the picked token, which stands a little left of the middle.

    What follows it is cut by the value at the right end.
    """
    return alt.X(
        field,
        axis=None,
        scale=alt.Scale(
            domainMin={"expr": f"-(width - {VALUE_WIDTH}) * 0.5"},
            domainMax={"expr": f"(width - {VALUE_WIDTH}) * 0.5 + {VALUE_WIDTH}"},
            nice=False,
            zero=False,
        ),
    )


def columns_of(tokens: list[str], peak: int) -> list[tuple[int, int]]:
    """Where each token starts and ends, in columns from the start of the picked one."""
    ends = np.cumsum([max(cells(shown_token(token)), 1) for token in tokens])
    starts = np.concatenate([[0], ends[:-1]])
    return list(zip((starts - starts[peak]).tolist(), (ends - starts[peak]).tolist(), strict=True))


def _values(tokens: alt.Chart, y: alt.Y) -> list[alt.Chart]:
    """The activation of the picked token at the right end of its line, on white."""
    picked = tokens.transform_filter("datum.is_picked")
    edge = alt.value({"expr": "width"})
    cover = picked.mark_rect(color=PAPER).encode(
        x=alt.value({"expr": f"width - {VALUE_WIDTH}"}), x2=edge, y=y
    )
    says = picked.mark_text(align="right", fontWeight="bold", fontSize=FONT_SIZE).encode(
        x=edge, y=y, text=alt.Text("picked_activation:Q", format=".3~r")
    )
    return [cover, says]


def side_axis(sides: list[str]) -> alt.Axis:
    """The labels of the lines."""
    return alt.Axis(
        title=None,
        labelExpr=f"{json.dumps(sides, ensure_ascii=False)}[floor(datum.value)]",
        labelLimit=150,
        labelColor=QUIET_INK,
        labelFontSize=11,
        domain=False,
        ticks=False,
    )
