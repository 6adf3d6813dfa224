"""Contexts of a latent as a concordance: one line each, aligned at the picked token."""

from typing import get_args

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle, ContextKind
from analysis.latents.activation_range import contexts_in_range
from analysis.latents.windows import WindowReader
from analysis.runtime.arrays import Float32s, Ints
from analysis.runtime.errors import InputError
from analysis.runtime.numbers import short
from charts.concordance import (
    FONT_SIZE,
    VALUE_WIDTH,
    around_picked,
    columns_of,
    drawn_tokens,
    line_count,
    shade_scale,
    share_tooltip,
    side_axis,
    side_labels,
    titles_of,
    with_shares,
)
from charts.core.cache import cached
from charts.core.drawing import Drawing, named, slot, template
from charts.core.figure import Figure, caption_of
from charts.core.interactions import PASSAGE, Click
from charts.core.latents import check_latent
from charts.core.numbers import ID, NUMBER, PERCENT_AXIS
from charts.core.text import range_words
from charts.core.theme import ACTIVATION_RANGE, INK, MONO, NARROW, PAPER, layered

LINE = 26
"""Height of a line in pixels."""
_TITLES = {
    "top": "Strongest contexts",
    "interval": "Contexts from equal intervals of activation",
    "random": "Random active contexts",
}
RANKED_UNTIL = 3
_BY_RANK = "Contexts evenly spaced by rank"
"""Bundles before schema 3 picked the contexts of intervals at even steps of rank."""


@cached
def context_strips(
    bundle: Bundle,
    latent: int,
    kind: ContextKind = "top",
    regime: tuple[float, float] | None = None,
) -> Figure:
    """Windows of the corpus, one line each, tokens shaded by their activation.

    The shade is the ratio to the latent's own maximum over the corpus. With a range `regime` of the
    activation, the contexts are picked from it only. A click gives PASSAGE: document and position
    of the token. Raises InputError for an unknown latent or kind.
    """
    check_latent(bundle, latent)
    if kind not in get_args(ContextKind):
        raise InputError(f"Contexts: there is no kind {kind!r}; choose top, interval or random.")
    contexts = _picked(bundle, latent, kind, regime)
    largest = short(bundle.latents["max"][latent].as_py() or 0.0)
    rows = context_rows(bundle, contexts)
    by_rank = kind == "interval" and bundle.manifest.schema_version < RANKED_UNTIL
    title = _BY_RANK if by_rank else _TITLES[kind]
    return Figure(
        name=f"latent-{latent}-contexts-{kind}",
        title=f"{title} of latent {latent}" + ("" if regime is None else ", in the range"),
        chart=context_chart(
            rows, f"activation / the latent's own maximum ({largest})", titles_of(rows), PASSAGE
        ),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="context",
            latent=latent,
            contexts=f"{contexts.num_rows} {kind}",
            largest_activation=largest,
            **({} if regime is None else {"range": range_words(regime)}),
        ),
        selections=(PASSAGE.name,),
        note=(
            "The strongest contexts make a latent look cleaner than it is: also read those of "
            "equal intervals and the random ones. "
            if kind == "top"
            else "Windows of the corpus, as examples only: no statistic is computed from them. "
        )
        + "Click a line to open its document.",
    )


def _picked(
    bundle: Bundle, latent: int, kind: ContextKind, regime: tuple[float, float] | None
) -> pa.Table:
    """The contexts of a latent, strongest first."""
    if regime is None:
        stored = bundle.contexts.of(latent)
        contexts = stored.filter(pc.equal(stored["kind"].cast("string"), kind))
    else:
        contexts = contexts_in_range(bundle, latent, *regime, kind)
    return contexts.sort_by(
        [("activation", "descending"), ("document", "ascending"), ("position", "ascending")]
    )


def context_rows(bundle: Bundle, contexts: pa.Table) -> pa.Table:
    """One row per token of the given rows of the context table, in the same order.

    `ratio` is the activation divided by the maximum of the context's latent; `start` and `end` are
    columns from the picked token.
    """
    windows = WindowReader.of(bundle).read(contexts, bundle.manifest.parameters.context_tokens)
    if not windows.num_rows:
        return _ROWS.empty_table()
    latent, document, position, peak, picked = (
        windows[name].to_numpy()
        for name in ("latent", "document", "position", "peak", "activation")
    )
    lengths = pc.list_value_length(windows["tokens"]).to_numpy().astype(np.int64)
    context = np.repeat(np.arange(len(lengths)), lengths)
    offset = np.arange(len(context)) - (np.cumsum(lengths) - lengths + peak)[context]
    activation = pc.list_flatten(windows["activations"]).to_numpy()
    maxima = bundle.latents["max"].take(pa.array(latent[context]))
    lines = zip(windows["tokens"].to_pylist(), peak.tolist(), strict=True)
    edges = np.array([ends for tokens, at in lines for ends in columns_of(tokens, at)], np.int32)
    return pa.table(
        {
            "context": context.astype(np.int32),
            "latent": latent[context],
            "document": document[context],
            "title": _titles(bundle, document).take(pa.array(context)),
            "position": (position[context] + offset).astype(np.int32),
            "token": pc.list_flatten(windows["tokens"]),
            "activation": activation,
            "ratio": _ratios(activation, maxima),
            "picked_activation": picked[context],
            "is_picked": offset == 0,
            "start": edges[:, 0],
            "end": edges[:, 1],
        },
        schema=_ROWS,
    )


def _titles(bundle: Bundle, documents: Ints) -> pa.Array:
    """The title of each document [n]; empty for one that the bundle does not have."""
    known = bundle.documents["document"].to_numpy()
    places = pa.array(np.searchsorted(known, documents), mask=~np.isin(documents, known))
    titles = bundle.documents["title"].take(places).combine_chunks().cast(pa.string())
    return pc.fill_null(titles, "")


def _ratios(activations: Float32s, maxima: pa.ChunkedArray) -> Float32s:
    """Activations [n] divided by the maxima of their latents; 0 for a dead latent."""
    largest = pc.fill_null(maxima, 0.0).to_numpy().astype(np.float64)
    ratios = np.zeros(len(largest))
    np.divide(activations, largest, out=ratios, where=largest != 0.0)
    return ratios.astype(np.float32)


_ROWS = pa.schema(
    [
        ("context", pa.int32()), ("latent", pa.int32()), ("document", pa.int64()),
        ("title", pa.string()), ("position", pa.int32()), ("token", pa.string()),
        ("activation", pa.float32()), ("ratio", pa.float32()), ("picked_activation", pa.float32()),
        ("is_picked", pa.bool_()), ("start", pa.int32()), ("end", pa.int32()),
    ]
)  # fmt: skip


def context_chart(
    rows: pa.Table, shade: str, sides: list[str], click: Click | None = None
) -> Drawing:
    """The lines, labelled by `sides`; `shade` is the title of the legend."""
    kept = ["context", "latent", "position", "activation", "ratio", "picked_activation"]
    data = rows.select([*kept, "is_picked"])
    # As text, because numbers of JavaScript cannot hold every id.
    data = data.append_column("document", rows["document"].cast(pa.string()))
    placed = drawn_tokens(rows)
    for name in placed.column_names:
        data = data.append_column(name, placed[name])
    return _chart(click).draw(
        {"rows": data},
        shade=shade,
        sides=side_labels(sides),
        height=8 + LINE * max(line_count(rows), 1),
    )


@template
def _chart(click: Click | None) -> alt.LayerChart:
    tokens = with_shares(alt.Chart(named("rows")))
    x = around_picked("start:Q")
    y = alt.Y("context:O", axis=side_axis(), scale=alt.Scale(paddingInner=0.22, paddingOuter=0.1))
    tooltip = [
        alt.Tooltip("shown:N", title="token"),
        alt.Tooltip("activation:Q", format=NUMBER),
        share_tooltip(),
        alt.Tooltip("source:N", title="document"),
        alt.Tooltip("position:Q", format=ID),
    ]
    colour = alt.Color(
        "ratio:Q",
        title=slot("shade"),
        scale=shade_scale(ACTIVATION_RANGE),
        legend=alt.Legend(
            orient="top", direction="horizontal", gradientLength=160, gradientThickness=9,
            values=[0, 0.5, 1], format=PERCENT_AXIS, offset=6,
            titleLimit=alt.ExprRef(f"{NARROW} ? 250 : 400"),
        ),
    )  # fmt: skip
    boxes = (
        tokens.mark_rect(clip=True, invalid="show")  # without a ratio, in the colour of 0
        .encode(
            x=x, x2="end:Q", y=y, color=colour, tooltip=tooltip,
            stroke=alt.condition("datum.is_picked", alt.value(INK), alt.value(None)),
        )
        .properties(name="tokens")
    )  # fmt: skip
    if click is not None:
        boxes = boxes.add_params(click.parameter())
    words = tokens.mark_text(align="left", font=MONO, fontSize=FONT_SIZE, clip=True).encode(
        x="word:Q", y=y, text="drawn:N", tooltip=tooltip
    )
    return layered(boxes, words, *_values(tokens, y))


def _values(tokens: alt.Chart, y: alt.Y) -> list[alt.Chart]:
    """The activation of the picked token, on white at the right end of the line."""
    picked = tokens.transform_filter("datum.is_picked")
    edge = alt.value({"expr": "width"})
    cover = picked.mark_rect(color=PAPER).encode(
        x=alt.value({"expr": f"width - {VALUE_WIDTH}"}), x2=edge, y=y
    )
    values = picked.mark_text(align="right", fontWeight="bold", fontSize=FONT_SIZE).encode(
        # With hinted fonts, a text is up to two pixels wider than it was measured.
        x=alt.value({"expr": "width - 3"}), y=y,
        text=alt.Text("picked_activation:Q", format=NUMBER),
    )  # fmt: skip
    return [cover, values]
