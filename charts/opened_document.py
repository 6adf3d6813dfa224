"""The document of a context: the activation of a latent along it, and its text around a token."""

import altair as alt
import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle
from analysis.latents.windows import read_tokens, token_rows
from analysis.runtime.arrays import Float32s, Ints
from analysis.runtime.errors import InputError
from analysis.runtime.numbers import count
from charts.core.cache import cached
from charts.core.drawing import each, named, template
from charts.core.figure import Figure, caption_of
from charts.core.latents import check_latent
from charts.core.numbers import ID, NUMBER, NUMBER_AXIS
from charts.core.text import shown_label
from charts.core.theme import A_COLOUR, QUIET_INK, layered
from charts.wrapped_text import text_drawing, text_lines

MOST_BARS = 400
"""Bars of the strip; a longer document has several tokens in a bar."""
BEFORE, AFTER = 150, 450
"""Tokens of the text before and after the picked one."""


def title_of_document(bundle: Bundle, document: int) -> str:
    """The title of a document, or its id; raises InputError if the bundle does not have it."""
    place = _place_of(bundle, document)
    return shown_label(bundle.documents["title"][place].as_py(), 80) or f"Document {document}"


@cached
def document_strip(bundle: Bundle, latent: int, document: int, position: int) -> Figure:
    """The activation of a latent along a document, with a line at a position.

    A bar has the largest activation of its tokens. Raises InputError for an unknown latent or
    document.
    """
    check_latent(bundle, latent)
    rows, positions, values = _document(bundle, latent, document)
    each_bar = -(-max(len(rows), 1) // MOST_BARS)
    starts = np.arange(0, len(rows), each_bar)
    bars = pa.table(
        {
            "position_from": positions[starts],
            "position_to": positions[np.minimum(starts + each_bar, len(rows)) - 1] + 1,
            "activation": np.maximum.reduceat(values, starts) if len(rows) else values,
        }
    )
    active = int((values > 0).sum())
    return Figure(
        name=f"latent-{latent}-document-{document}",
        title="Activation along the document",
        chart=_strip().draw(
            {"bars": bars, "here": pa.table({"at": [position + 0.5]})},
            ends=[int(positions[0]), int(positions[-1]) + 1] if len(rows) else [0, 1],
        ),
        rows=bars,
        caption=caption_of(bundle, unit="token", latent=latent, document=document),
        note=f"Active on {count(active)} of its {count(len(rows))} tokens"
        + (f"; a bar is the maximum of {count(each_bar)} tokens." if each_bar > 1 else "."),
    )


@cached
def document_text(bundle: Bundle, latent: int, document: int, position: int) -> Figure:
    """The text of a document around a position, tokens shaded by the activation of a latent."""
    check_latent(bundle, latent)
    rows, positions, values = _document(bundle, latent, document)
    middle = int(np.clip(np.searchsorted(positions, position), 0, max(len(rows) - 1, 0)))
    shown = slice(max(middle - BEFORE, 0), middle + AFTER + 1)
    tokens, _ = read_tokens(bundle.tokens_file, rows[shown])
    largest = bundle.latents["max"][latent].as_py()
    table = text_lines(tokens.to_pylist(), positions[shown], values[shown], largest)
    table = table.append_column("is_picked", pa.array(table["position"].to_numpy() == position))
    return Figure(
        name=f"latent-{latent}-document-{document}-text-{position}",
        title=f"Its text around token {count(position)}",
        chart=text_drawing(table),
        rows=table,
        caption=caption_of(bundle, unit="token", latent=latent, document=document),
        note=f"{count(table.num_rows)} of its {count(len(rows))} tokens.",
    )


def _place_of(bundle: Bundle, document: int) -> int:
    place = np.flatnonzero(bundle.documents["document"].to_numpy() == document)
    if not len(place):
        raise InputError(f"This bundle has no document {document}; open a context of the latent.")
    return int(place[0])


@cached
def _document(bundle: Bundle, latent: int, document: int) -> tuple[Ints, Ints, Float32s]:
    """Rows of the token table, positions and activations of the tokens of a document."""
    kept = bundle.kept_tokens
    _place_of(bundle, document)
    place = int(np.flatnonzero(kept.documents == document)[0])
    rows = np.arange(kept.row_starts[place], kept.row_ends[place])
    table = token_rows(bundle.tokens_file, rows, ["position"])
    positions = table["position"].to_numpy().astype(np.int64)
    active, activations = bundle.activations.of_latent(latent)
    values = np.zeros(len(rows), dtype=np.float32)
    inside = slice(*np.searchsorted(active, [rows[0], rows[-1] + 1])) if len(rows) else slice(0)
    values[active[inside].astype(np.int64) - (rows[0] if len(rows) else 0)] = activations[inside]
    return rows, positions, values


@template
def _strip() -> alt.LayerChart:
    bars = (
        alt.Chart(named("bars"))
        .mark_rect(color=A_COLOUR)
        .encode(
            x=alt.X(
                "position_from:Q",
                title="position in the document",
                axis=alt.Axis(grid=False, format=ID, tickCount=8, tickMinStep=1),
                scale=alt.Scale(domain=each("ends"), nice=False),
            ),
            x2="position_to:Q",
            y=alt.Y(
                "activation:Q", title="activation", axis=alt.Axis(tickCount=3, format=NUMBER_AXIS)
            ),
            y2=alt.datum(0),
            tooltip=[
                alt.Tooltip("position_from:Q", title="position", format=ID),
                alt.Tooltip("activation:Q", format=NUMBER),
            ],
        )
    )
    here = alt.Chart(named("here")).mark_rule(color=QUIET_INK, strokeDash=[3, 3]).encode(x="at:Q")
    return layered(bars, here, height=70)
