"""The maps of the latents: points or an image of them, cluster names, and a selection box.

One map is by decoder similarity, the other by co-occurrence. The bundle stores both layouts;
nothing is laid out here.
"""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle, LevelName
from analysis.decoder.map_verdict import MapName, quality_of_map
from analysis.runtime.errors import InputError
from analysis.runtime.numbers import count, fraction, percent
from analysis.selection import MAP_COLUMNS, evaluate, parse
from charts.cluster_level import Level, level_of, level_words
from charts.core.call import recorded
from charts.core.figure import Caption, Figure, caption_of
from charts.core.interactions import BOX, COOCCURRENCE_BOX, LATENT
from charts.core.scheme import Scheme
from charts.core.theme import layered
from charts.map_columns import ASSOCIATION, Colouring, colouring
from charts.map_marks import image, legend, points
from charts.map_names import HEIGHT, centres, name_layers, names_on_map, ring
from charts.map_view import Viewport, maps_of, places, whole_map
from charts.text_colours import OWN_TEXT

MOST_POINTS = 30_000


TITLES = {
    "decoder": "Map of the decoder vectors",
    "cooccurrence": "Map of the latents by co-occurrence",
}


@recorded
def latent_map(  # noqa: PLR0913 - each is a choice of the reader
    bundle: Bundle,
    *,
    selected: np.ndarray | None = None,
    colour: str = "cluster",
    measure: str = "phi",
    regime: tuple[float, float] | None = None,
    profile: str = "",
    own_text: str = "",
    notes: str = "",
    level: LevelName | None = None,
    highlight: int | None = None,
    viewport: Viewport | None = None,
    map_name: MapName = "decoder",
    scheme: Scheme = "light",
) -> Figure:
    """The UMAP of the decoder vectors or of the co-occurrence graph, one point per latent.

    `colour` names a colouring of `charts.map_columns`; "association" is with `highlight`, by
    `measure`, or with the range `regime` of its activation; "profile" is by the column `profile`
    of the documents, "own_text" by the shares `own_text` of a typed text, and "note_status" and
    "note_tag" by `notes`.
    Latents outside `selected` [n_latents] bool are light grey. `viewport` is x0, x1, y0, y1 in map
    units: latents outside it are not drawn, and more names fit. Interactions: BOX
    (COOCCURRENCE_BOX on the map by co-occurrence) and LATENT, a click. Above 30,000 latents the map
    is an image, which is drawn for `scheme`, and has no LATENT. Raises InputError for an unknown
    map, colour or level.
    """
    if map_name not in maps_of(bundle):
        known = ", ".join(maps_of(bundle))
        raise InputError(f"Map: the bundle has no map {map_name!r}; choose one of {known}.")
    text = own_text if colour == OWN_TEXT else notes
    colours = colouring(bundle, colour, level, highlight, measure, regime, profile, text)
    clustering = level_of(bundle, level)
    rows = _rows(bundle, selected, colours, clustering, viewport, map_name)
    frame = viewport or whole_map(bundle, map_name)
    box = BOX if map_name == "decoder" else COOCCURRENCE_BOX
    coloured = int(pc.sum(rows["selected"].cast("int64")).as_py() or 0)
    raster = rows.num_rows > MOST_POINTS
    base = image(rows, frame, colours, box, scheme) if raster else points(rows, frame, colours, box)
    names = names_on_map(clustering, centres(bundle, clustering, map_name), rows, frame)
    own_legend = legend(colours, frame) if raster else []
    layers = [base, *own_legend, *name_layers(names), *ring(bundle, highlight, frame, map_name)]
    return Figure(
        name="map" if map_name == "decoder" else f"map-{map_name}",
        title=TITLES[map_name],
        chart=layered(*layers, height=HEIGHT),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="latent",
            colour=colours.title,
            cluster_level=level_words(clustering.name),
            latents=f"{coloured} in colour of {rows.num_rows}",
            **({} if viewport is None else {"viewport": ", ".join(map(_edge, viewport))}),
        ),
        selections=(box.name,) if raster else (box.name, LATENT.name),
        note=map_note(bundle, map_name) + (_moved_note(bundle) if colours.name == "moved" else ""),
    )


@recorded
def selected_rows(  # noqa: PLR0913 - as latent_map
    bundle: Bundle,
    selection: str,
    *,
    colour: str = "cluster",
    level: LevelName | None = None,
    map_name: MapName = "decoder",
    latent: int | None = None,
    measure: str = "phi",
    regime: tuple[float, float] | None = None,
    profile: str = "",
    own_text: str = "",
    notes: str = "",
    selected: np.ndarray | None = None,
) -> Figure:
    """The map of a selection with only the rows of the selected latents, for files.

    `selection` is the text of the selection; empty for all latents. What a colour
    depends on is as in `charts.map_columns.colouring`. `selected` [n_latents] is the mask of a text
    that refers to notes, which only the caller can read. Raises InputError if the text cannot be
    read.
    """
    chosen = evaluate(parse(selection), bundle) if selected is None else selected
    figure = latent_map(
        bundle,
        selected=chosen,
        colour=colour,
        measure=measure,
        regime=regime,
        profile=profile,
        own_text=own_text,
        notes=notes,
        level=level,
        highlight=latent,
        map_name=map_name,
    )
    return replace(figure, rows=figure.rows.filter(figure.rows["selected"])).of_selection(selection)


def _edge(value: float) -> str:
    return f"{value:.4g}"


def map_caption(bundle: Bundle, level: LevelName | None, map_name: MapName) -> Caption:
    """The caption of the map in the browser, whose colours and view change without the server."""
    x, y = places(bundle, map_name)
    return caption_of(
        bundle,
        unit="latent",
        cluster_level=level_words(level_of(bundle, level).name),
        latents=f"{np.isfinite(x + y).sum()} on the map of {len(x)}",
    )


def map_note(bundle: Bundle, map_name: MapName) -> str:
    """What distances on a map are evidence of."""
    quality = quality_of_map(bundle.manifest, map_name)
    weak = "On this map, distances and gaps between clusters are weak evidence"
    if quality is None:
        return f"{weak}; its quality was not measured."
    measured = [
        f"{name} {fraction(value)}"
        for name, value in (
            ("trustworthiness", quality.trustworthiness),
            ("kNN recall@10", quality.knn_recall),
            ("agreement over seeds", quality.agreement),
        )
        if value is not None
    ]
    excluded = f"; {count(quality.left_out)} latents are not on it" if quality.left_out else ""
    return (
        f"{weak}; {', '.join(measured) or 'its quality was not measured'} over "
        f"{count(quality.latents)} latents{excluded}."
    )


def _moved_note(bundle: Bundle) -> str:
    """The share of neighbours that the two maps have in common."""
    shared = 1 - (pc.mean(bundle.latents["moved"]).as_py() or 0.0)
    return (
        f" On average, {percent(shared)} of the ten nearest latents on one map are also among the "
        "ten nearest on the other."
    )


def _rows(
    bundle: Bundle,
    selected: np.ndarray | None,
    colours: Colouring,
    clustering: Level,
    viewport: Viewport | None,
    map_name: MapName,
) -> pa.Table:
    """The latents on the map; selected ones are last, so that they are drawn on top."""
    latents = bundle.latents
    x, y = places(bundle, map_name)
    chosen = np.ones(len(x), dtype=bool) if selected is None else np.asarray(selected, dtype=bool)
    inside = np.isfinite(x) & np.isfinite(y)
    if viewport is not None:
        x0, x1, y0, y1 = viewport
        inside &= (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
    columns = ["latent", *MAP_COLUMNS[map_name], "density", "label", "top_tokens", "flag"]
    columns += ["label_precision", "label_recall"]
    if colours.name in latents.column_names and colours.name not in (*columns, "cluster"):
        columns.append(colours.name)
    cluster = np.where(clustering.of_latent < 0, 0, clustering.of_latent)
    names = clustering.names()
    named = [names.get(int(c), "") for c in clustering.of_latent[inside]]
    rows = latents.select(columns)
    rows = rows.rename_columns(["latent", "x", "y", *columns[3:]]).append_column(
        "cluster", pa.array(cluster, pa.int32(), mask=clustering.of_latent < 0)
    )
    if colours.words or colours.column:
        words = pa.array(["", *colours.words]).take(pa.array(colours.codes))
        name = f"main_{colours.column}" if colours.column else colours.name
        rows = rows.append_column(name, words)
    if colours.name in (ASSOCIATION, OWN_TEXT):
        rows = rows.append_column(colours.name, pa.array(colours.values, from_pandas=True))
    rows = rows.append_column("selected", pa.array(chosen)).filter(pa.array(inside))
    rows = rows.append_column("cluster_label", pa.array(named, pa.string()))
    return rows.sort_by([("selected", "ascending"), ("latent", "ascending")])
