"""Names for a map in the browser: of the clusters of all levels, and of the latents of a tile.

The browser places them (`pages/latent_map/names.js`), in the order given here: readable names of
reproducible clusters come first.
"""

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle, LevelName
from analysis.clusters.stability import WEAK
from analysis.decoder.map_verdict import MapName
from analysis.labels.label_summary import GOOD_PRECISION
from analysis.runtime.arrays import Bools
from analysis.runtime.errors import InputError
from charts.cluster_level import level_of
from charts.core.cache import cached
from charts.core.hues import ink
from charts.core.names import name_by_latent
from charts.densest_places import densest_places
from charts.map_view import Viewport, maps_of, places, whole_map
from charts.readable_names import Clarity, ShortName, short_name

MOST_CLUSTERS = 2_000
"""Names of clusters that a browser gets; the largest ones of each kind come first."""
MOST_LATENTS = 40
"""Names of latents in one tile."""
CROWDED = 4_000
"""Latents in a tile above which none is named: zoom in further."""
MOST_SELECTED = 25
"""Latents of a selection that all have their names on the map; as many as names.js draws."""
DEEPEST = 16
"""Zoom steps down to the smallest tiles, whose sides are the map's divided by 2^16."""
OWN_HUE = 0.5
"""Share of a cluster's members with one hue from which its name has that hue."""

Name = dict[str, Any]


class ClusterNames(NamedTuple):
    """What the browser needs to name clusters at every zoom."""

    frame: Viewport
    levels: list[int]
    """Of the space, coarsest first."""
    names: list[Name]


@cached
def cluster_names(
    bundle: Bundle, map_name: MapName, coloured: LevelName | None = None
) -> ClusterNames:
    """The names of the clusters of all levels of the space of `coloured`, best first.

    A name has the text, the level, the place on the map, whether it is weak, and in `light` and
    `dark` its colour as text, or "" if its latents have no common hue at the coloured level. `top`
    is the coarsest level at which it or a cluster that contains it exists. Raises InputError for an
    unknown map or level.
    """
    if map_name not in maps_of(bundle):
        raise InputError(f"Map: the bundle has no map {map_name!r}.")
    shown = level_of(bundle, coloured)
    space = shown.name.space
    levels = sorted(
        (row.level for row in bundle.manifest.clustering if row.space == space), reverse=True
    )
    place = np.column_stack(places(bundle, map_name)).astype(np.float64)
    hue_of_latent = shown.of_latent
    ranked: list[tuple[tuple[int, int, int], Name]] = []
    for level in levels:
        clustering = level_of(bundle, LevelName(space, level))
        ids = clustering.table["cluster"].to_numpy().astype(np.int64)
        centres = densest_places(place, clustering.of_latent, ids)
        hues = _common_hues(clustering.of_latent, hue_of_latent, ids)
        for row, (x, y), hue in zip(
            clustering.table.select([*_COLUMNS]).to_pylist(), centres.tolist(), hues, strict=True
        ):
            short = short_name(row["label"])
            if not np.isfinite(x) or not short.text:
                continue
            weak = short.is_mixed or _is_weak(row)
            colour = shown.colours.get(hue, "")
            name = {
                "kind": "cluster",
                "id": row["cluster"],
                "level": level,
                "top": level,
                "parent": row["parent"],
                "text": short.text,
                "size": row["size"],
                "weak": weak,
                "x": _rounded(x),
                "y": _rounded(y),
                "light": ink(colour) if colour else "",
                "dark": ink(colour, dark=True) if colour else "",
            }
            ranked.append(((_tier(short, weak=weak), -row["size"], row["cluster"]), name))
    ranked.sort(key=lambda pair: pair[0])
    names = [name for _, name in ranked]
    _mark_tops(names, bundle.clusters)
    return ClusterNames(whole_map(bundle, map_name), levels, names[:MOST_CLUSTERS])


_COLUMNS = ("cluster", "parent", "label", "size", "believable", "stability", "bootstrap")


def _is_weak(row: dict[str, Any]) -> bool:
    """Whether a cluster is not reproducible, or unstable if nothing is known of its null."""
    if row["believable"] is None:
        return bool(min(row["stability"], row["bootstrap"]) < WEAK)
    return not row["believable"]


def _tier(short: ShortName, *, weak: bool) -> int:
    """The rank of a name: readable ones come before signs, reproducible ones before weak ones."""
    if short.clarity is Clarity.SIGNS:
        return 3
    return 2 if weak else int(short.clarity)


def _common_hues(of_latent: np.ndarray, hue_of_latent: np.ndarray, ids: np.ndarray) -> list[int]:
    """The cluster of the coloured level that most members of each cluster are in; -1 for none."""
    if of_latent is hue_of_latent:
        return [int(i) for i in ids]
    both = np.flatnonzero((of_latent >= 0) & (hue_of_latent >= 0))
    sizes = dict(zip(*np.unique(of_latent[of_latent >= 0], return_counts=True), strict=True))
    pairs, counts = np.unique(
        np.column_stack([of_latent[both], hue_of_latent[both]]), axis=0, return_counts=True
    )
    common: dict[int, int] = {}
    for (cluster, hue), count in zip(pairs.tolist(), counts.tolist(), strict=True):
        if count >= OWN_HUE * sizes[cluster]:
            common[cluster] = hue
    return [common.get(int(i), -1) for i in ids]


def _mark_tops(names: list[Name], clusters: pa.Table) -> None:
    """Write into each name the coarsest level that holds its cluster or one that contains it."""
    columns = (clusters[name].to_pylist() for name in ("cluster", "parent", "level"))
    known = {cluster: (parent, level) for cluster, parent, level in zip(*columns, strict=True)}
    for name in names:
        at = name["id"]
        while known[at][0] in known:
            at = known[at][0]
        name["top"] = known[at][1]


@cached
def latent_names(bundle: Bundle, map_name: MapName, zoom: int, column: int, row: int) -> Name:
    """The best names of the latents in one tile of a map, and the number of latents in it.

    The map has 2^zoom columns and rows of tiles, counted from its lower left corner. Labels that
    are right at least half of the time come first, of these the ones with the largest F1. A crowded
    tile names none. Raises InputError if there is no such map or tile.
    """
    if map_name not in maps_of(bundle) or not 0 <= zoom <= DEEPEST:
        raise InputError("Map: there is no such tile of names; reload the page.")
    if not (0 <= column < 2**zoom and 0 <= row < 2**zoom):
        raise InputError("Map: there is no such tile of names; reload the page.")
    inside = _in_tile(bundle, map_name, zoom, column, row)
    if len(inside) > CROWDED:
        return {"count": len(inside), "names": []}
    columns = ["latent", "label", "label_precision", "label_recall"]
    rows = bundle.latents.select(columns).take(pa.array(inside)).to_pylist()
    x, y = places(bundle, map_name)
    ranked: list[tuple[tuple[int, float, int], Name]] = []
    for fields in rows:
        short = short_name(fields["label"])
        if short.clarity is Clarity.SIGNS:
            continue
        precision, recall = fields["label_precision"], fields["label_recall"]
        weak = precision is None or precision < GOOD_PRECISION
        f1 = 2 * precision * recall / (precision + recall) if precision and recall else 0.0
        latent = fields["latent"]
        name = {
            "kind": "latent",
            "id": latent,
            "text": short.text,
            "weak": weak,
            "x": _rounded(float(x[latent])),
            "y": _rounded(float(y[latent])),
        }
        ranked.append(((_tier(short, weak=weak), -f1, latent), name))
    ranked.sort(key=lambda pair: pair[0])
    return {"count": len(inside), "names": [name for _, name in ranked[:MOST_LATENTS]]}


def selected_names(bundle: Bundle, map_name: MapName, selected: Bools | None) -> list[Name]:
    """The names of a selection [n_latents] of at most `MOST_SELECTED` latents that are on a map.

    Empty for a larger selection and for None, which is everything. Two latents with one name have
    their ids behind it.
    """
    if selected is None or not 0 < int(selected.sum()) <= MOST_SELECTED:
        return []
    x, y = places(bundle, map_name)
    latents = np.flatnonzero(selected & np.isfinite(x) & np.isfinite(y)).tolist()
    names = name_by_latent(bundle, latents)
    texts = {latent: short_name(names[latent]).text or str(latent) for latent in latents}
    times = Counter(texts.values())
    return [
        {
            "kind": "latent",
            "id": latent,
            "text": text if times[text] == 1 else f"{text} · {latent}",
            "weak": False,
            "x": _rounded(float(x[latent])),
            "y": _rounded(float(y[latent])),
        }
        for latent, text in texts.items()
    ]


def _in_tile(bundle: Bundle, map_name: MapName, zoom: int, column: int, row: int) -> np.ndarray:
    """The latents in a tile, without its right and upper edge."""
    x0, x1, y0, y1 = whole_map(bundle, map_name)
    x, y = places(bundle, map_name)
    wide, high = (x1 - x0) / 2**zoom, (y1 - y0) / 2**zoom
    inside = (x >= x0 + column * wide) & (x < x0 + (column + 1) * wide)
    inside &= (y >= y0 + row * high) & (y < y0 + (row + 1) * high)
    return np.flatnonzero(inside)


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
