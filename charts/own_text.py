"""A text of the reader: its tokens, its strongest latents, and where each is strongest.

The text is read by the model and the SAE in a process of its own, where they are on this machine
(`analysis.harvest.own_text`). An activation is shown relative to the latent's maximum in the corpus
and by its rank among its activations there. A latent that is never active in the corpus has no
maximum: it is named, but has neither a ratio nor a shade.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle
from analysis.harvest.own_text.encoded_text import EncodedText
from analysis.harvest.own_text.encoder_process import encoded_text
from analysis.latents.latents_of_text import LatentsOfText, latents_of_text
from analysis.runtime.arrays import Floats, Ints
from analysis.runtime.numbers import count, fraction
from charts.concordance import NO_MAXIMUM, columns_of, whole_texts
from charts.contexts import context_chart
from charts.core.cache import cached
from charts.core.figure import Caption, CaptionedTable, Figure, caption_of
from charts.core.interactions import LATENT
from charts.core.latents import check_latent
from charts.core.names import name_by_latent, with_names
from charts.core.text import name_of, shown_label
from charts.wrapped_text import text_drawing, text_lines

COLUMNS = (
    "latent", "label", "label_precision", "label_recall", "ratio", "activation", "rank",
    "corpus_activations", "token", "position", "active_in_text", "density", "top_tokens",
)  # fmt: skip
NOT_IMPORTANCE = (
    "Activation is not importance: a latent that is active here need not matter for what the model "
    "writes next."
)
MOST_STRIPS = 20
AROUND = 40
"""Tokens on each side of a latent's strongest token that its strip may show."""
NAMED_TOKENS = 3
"""Darkest tokens whose strongest latent is named."""
NAMED_LATENTS = 3
"""Strongest latents of a token that its tooltip names."""
MOST_COLOURED = 100
"""Latents of a text by which a map is coloured: a link holds them."""


class _Read(NamedTuple):
    encoded: EncodedText
    latents: LatentsOfText


@cached
def _read(bundle: Bundle, text: str, shows_dense: bool) -> _Read:
    encoded = encoded_text(bundle, text)
    return _Read(encoded, latents_of_text(bundle, encoded, shows_dense=shows_dense))


@cached
def own_text(bundle: Bundle, text: str, shows_dense: bool = False) -> Figure:
    """The text, its tokens shaded by their strongest latent.

    The shade is the largest ratio of an activation to its latent's maximum in the corpus; null if
    no latent of the token has one. Raises InputError if the text cannot be read here.
    """
    encoded, latents = _read(bundle, text, shows_dense)
    tokens = list(encoded.tokens)
    best, names = _strongest_of_tokens(bundle, encoded, latents)
    table = text_lines(tokens, np.arange(len(tokens)), best.astype(np.float32), 1.0)
    table = table.drop_columns(["activation"])
    place = table.column_names.index("ratio")
    table = table.set_column(place, "ratio", pa.array(best, pa.float32(), from_pandas=True))
    table = table.append_column("strongest", pa.array(map(", ".join, names), pa.string()))
    masked = len(tokens) - int(encoded.is_kept.sum())
    cut = encoded.all_tokens - len(tokens)
    return Figure(
        name="own-text",
        title="Your text, by the strongest latent of each token",
        chart=text_drawing(table),
        rows=table,
        caption=_caption(bundle, encoded),
        note=(
            f"{_darkest(tokens, best, names)}{count(len(tokens))} tokens were read"
            + (f"; {count(cut)} more were cut off" if cut > 0 else "")
            + f". Masked as in the corpus, the first token and special tokens: {count(masked)}. "
            f"{_without_maximum(latents)}{NOT_IMPORTANCE}"
        ),
    )


@cached
def own_text_strips(bundle: Bundle, text: str, shows_dense: bool = False) -> Figure:
    """The first latents of the text, one line each, aligned at their strongest token.

    Tokens are shaded by the ratio of the latent's activation to its maximum in the corpus. A click
    gives LATENT. Raises InputError if the text cannot be read here.
    """
    encoded, latents = _read(bundle, text, shows_dense)
    rows = _strip_rows(bundle, encoded, latents)
    drawn = latents.latents[:MOST_STRIPS].tolist()
    known = name_by_latent(bundle, drawn)
    is_new = np.isnan(latents.ratios).tolist()
    names = [
        name_of(latent, known[latent] or (NO_MAXIMUM if new else ""), 22)
        for latent, new in zip(drawn, is_new[:MOST_STRIPS], strict=True)
    ]
    return Figure(
        name="own-text-latents",
        title="Its first latents, each at its strongest token",
        chart=context_chart(
            rows, "activation / the latent's own maximum in the corpus", names, LATENT
        ),
        rows=rows,
        caption=_caption(bundle, encoded),
        selections=(LATENT.name,),
        note=f"{_listed(latents)} {_without_maximum(latents)}Click a line to open its latent.",
    )


@cached
def own_text_table(bundle: Bundle, text: str, shows_dense: bool = False) -> CaptionedTable:
    """The latents of the text beside the corpus, as `latents_of_text` orders them.

    `token` is the text at which a latent is strongest, with the whole of a character that it cuts.

    Raises InputError if the text cannot be read here.
    """
    encoded, latents = _read(bundle, text, shows_dense)
    names = ["latent", "label", "label_precision", "label_recall", "density", "top_tokens"]
    rows = bundle.latents.select(names)
    rows = with_names(bundle, rows.take(pa.array(latents.latents)))
    texts = [text for start, stop, text in whole_texts(encoded.tokens) for _ in range(start, stop)]
    tokens = [texts[place] for place in latents.places.tolist()]
    for name, values in (
        ("ratio", pa.array(latents.ratios, from_pandas=True)),
        ("activation", pa.array(latents.activations)),
        ("rank", pa.array(latents.ranks)),
        ("corpus_activations", pa.array(latents.totals)),
        ("token", pa.array(tokens, pa.string())),
        ("position", pa.array(latents.places.astype(np.int32))),
        ("active_in_text", pa.array(latents.active.astype(np.int32))),
    ):
        rows = rows.append_column(name, values)
    return CaptionedTable(
        name="own-text-table",
        title="Latents of your text",
        rows=rows.select(list(COLUMNS)),
        caption=_caption(bundle, encoded),
        note=(
            f"{_listed(latents)} {_without_maximum(latents)}They are sorted by the share of the "
            "latent's maximum times the logarithm of 1 / density, so that latents that fire on "
            "many texts come later. The rank is among all activations of the latent in the corpus; "
            "1 is larger than any of them. "
            f"{_precision(bundle)} {NOT_IMPORTANCE}"
        ).replace("  ", " "),
    )


def shares_of_text(
    bundle: Bundle, text: str, shows_dense: bool = False
) -> tuple[tuple[int, float], ...]:
    """The first latents of the text and their ratios, by which a map can be coloured.

    Latents without a maximum in the corpus are left out: a map has no colour for them.
    """
    latents = _read(bundle, text, shows_dense).latents
    coloured = np.flatnonzero(~np.isnan(latents.ratios))[:MOST_COLOURED]
    shares = latents.ratios[coloured].tolist()
    return tuple(zip(latents.latents[coloured].tolist(), shares, strict=True))


def _strongest_of_tokens(
    bundle: Bundle, encoded: EncodedText, latents: LatentsOfText
) -> tuple[np.ndarray, list[list[str]]]:
    """The largest ratio of each token, and the names of its strongest latents, each with its ratio.

    The ratio is 0 where no latent of `latents` is active, NaN where none of these has a maximum.
    """
    maxima = np.full(bundle.latents.num_rows, np.inf)
    with np.errstate(divide="ignore"):  # a ratio too small for a float32
        maxima[latents.latents] = latents.activations / latents.ratios
    ratios = encoded.values / maxima[encoded.latent_ids]
    is_new = np.isnan(ratios)
    strength = np.where(is_new, np.inf, ratios)
    best = np.zeros(len(encoded.tokens))
    np.fmax.at(best, encoded.token_places, ratios)
    without = np.setdiff1d(encoded.token_places[is_new], np.flatnonzero(best))
    best[without] = np.nan
    known = name_by_latent(bundle, encoded.latents)
    names: list[list[str]] = []
    ends = np.cumsum(encoded.active)
    for start, end in zip((ends - encoded.active).tolist(), ends.tolist(), strict=True):
        order = start + np.argsort(-strength[start:end], kind="stable")[:NAMED_LATENTS]
        chosen = [i for i in order.tolist() if ratios[i] != 0]
        names.append(
            [
                f"{name_of(latent, known[latent], 24)} "
                f"({NO_MAXIMUM if is_new[i] else fraction(float(ratios[i]))})"
                for i in chosen
                for latent in (int(encoded.latents[i]),)
            ]
        )
    return best, names


def _darkest(tokens: Sequence[str], best: Floats, names: Sequence[Sequence[str]]) -> str:
    """The darkest tokens, each with its strongest latent; empty if no token has a shade."""
    order = np.argsort(-np.nan_to_num(best), kind="stable")[:NAMED_TOKENS].tolist()
    texts = [text for start, stop, text in whole_texts(tokens) for _ in range(start, stop)]
    named = [f"“{texts[i].strip()}” by {names[i][0]}" for i in order if best[i] > 0]
    return f"Darkest: {', '.join(named)}. " if named else ""


def _strip_rows(bundle: Bundle, encoded: EncodedText, latents: LatentsOfText) -> pa.Table:
    """One row per token of each strip; `start` and `end` are columns from the strongest token."""
    parts = []
    ids, places, values = encoded.latent_ids, encoded.token_places, encoded.values
    for i, latent in enumerate(latents.latents[:MOST_STRIPS].tolist()):
        check_latent(bundle, latent)
        own = ids == latent
        along = np.zeros(len(encoded.tokens), dtype=np.float32)
        along[places[own]] = values[own]
        peak = int(latents.places[i])
        first = max(peak - AROUND, 0)
        shown = np.arange(first, min(peak + AROUND + 1, len(along)))
        parts.append(_strip(encoded, latent, i, along, shown, peak, float(latents.activations[i])))
        largest = bundle.latents["max"][latent].as_py()
        ratio = along[shown] / (np.nan if np.isnan(latents.ratios[i]) else largest)
        shades = pa.array(ratio, pa.float32(), from_pandas=True)
        parts[-1] = parts[-1].append_column("ratio", shades)
    return pa.concat_tables(parts) if parts else _NO_STRIPS


def _strip(
    encoded: EncodedText,
    latent: int,
    line: int,
    along: np.ndarray,
    shown: Ints,
    peak: int,
    picked: float,
) -> pa.Table:
    tokens = [encoded.tokens[place] for place in shown.tolist()]
    edges = np.array(columns_of(tokens, peak - int(shown[0])), dtype=np.int32)
    length = len(shown)
    return pa.table(
        {
            "context": pa.array(np.full(length, line, dtype=np.int32)),
            "latent": pa.array(np.full(length, latent, dtype=np.int32)),
            "document": pa.array(np.full(length, -1, dtype=np.int64)),
            "title": pa.array(["your text"] * length, pa.string()),
            "position": pa.array(shown.astype(np.int32)),
            "token": pa.array(tokens, pa.string()),
            "activation": pa.array(along[shown]),
            "picked_activation": pa.array(np.full(length, picked, dtype=np.float32)),
            "is_picked": pa.array(shown == peak),
            "start": pa.array(edges[:, 0]),
            "end": pa.array(edges[:, 1]),
        }
    )


_NO_STRIPS = pa.schema(
    [
        ("context", pa.int32()), ("latent", pa.int32()), ("document", pa.int64()),
        ("title", pa.string()), ("position", pa.int32()), ("token", pa.string()),
        ("activation", pa.float32()), ("picked_activation", pa.float32()),
        ("is_picked", pa.bool_()), ("start", pa.int32()), ("end", pa.int32()),
        ("ratio", pa.float32()),
    ]
).empty_table()  # fmt: skip


def _caption(bundle: Bundle, encoded: EncodedText) -> Caption:
    return caption_of(
        bundle,
        unit="token",
        own_text=f"{count(len(encoded.tokens))} tokens, beginning "
        f"“{shown_label(''.join(encoded.tokens[:20]), 60)}”",
    )


def _listed(latents: LatentsOfText) -> str:
    """How many latents there are, and what is left out."""
    shown = len(latents.latents)
    part = f", of which the first {shown} are listed" if shown < latents.all_latents else ""
    hidden = (
        f" Dense latents, which are active on most texts, are hidden: {count(latents.hidden)}."
        if latents.hidden
        else ""
    )
    return f"Latents that are active on the text: {count(latents.all_latents)}{part}.{hidden}"


def _without_maximum(latents: LatentsOfText) -> str:
    """How many of the listed latents are never active in the corpus; empty if none."""
    new = int(np.isnan(latents.ratios).sum())
    if not new:
        return ""
    return (
        f"Never active in the corpus: {count(new)} of its latents, listed first. They have "
        f"{NO_MAXIMUM}, so they have neither a shade nor a colour on the map. "
    )


def _precision(bundle: Bundle) -> str:
    """How close activations are to those that the bundle stores for the same passage."""
    model = bundle.manifest.model
    if model is None or model.dtype == "float32":
        return ""
    return (
        f"The model runs in {model.dtype}, in which activations depend on the length of the text: "
        "about 1 in 100 of the latents of a token differs from those of the same passage in the "
        "corpus, and activations differ by about 1 %."
    )
