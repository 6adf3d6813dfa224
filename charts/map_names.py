"""The names of clusters on a map, and the ring around one latent."""

from collections import Counter
from typing import Any

import altair as alt
import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle
from analysis.decoder.map_verdict import MapName
from analysis.selection import MAP_COLUMNS
from charts.cluster_level import Level, medians
from charts.core.placement import Box, overlap
from charts.core.text import cells, shown_label
from charts.core.theme import (
    HIGHLIGHT,
    PAPER,
    inline,
)
from charts.map_view import Viewport

HEIGHT = 600


MOST_NAMES = 28


# Size in pixels that the placement of names assumes; on a wider map they also fit.
PLACED_FOR = (560, HEIGHT)


def centres(bundle: Bundle, clustering: Level, map_name: MapName) -> np.ndarray:
    """Median position [clusters, 2] of the members of each cluster of the table, or NaN."""
    ids = clustering.table["cluster"].to_numpy()
    return medians(bundle, clustering.of_latent, ids, MAP_COLUMNS[map_name])


def _named_clusters(
    clustering: Level, centres: np.ndarray, rows: pa.Table, frame: Viewport
) -> list[tuple[int, int, float, float]]:
    """Clusters to name, as (-selected latents, cluster, x, y), most selected latents first.

    A cluster is named if at least a fifth of it is selected, or if it has at least a twentieth of
    the selection.
    """
    chosen = rows.filter(rows["selected"])["cluster"].drop_null().to_numpy()
    members = np.bincount(chosen, minlength=1)
    columns = [clustering.table[name].to_pylist() for name in ("cluster", "size")]
    x0, x1, y0, y1 = frame
    named = []
    for cluster, size, (x, y) in zip(*columns, centres.tolist(), strict=True):
        count = int(members[cluster]) if cluster < len(members) else 0
        is_named = count and (count >= size / 5 or count >= len(chosen) / 20)
        if is_named and x0 <= x <= x1 and y0 <= y <= y1:
            named.append((-count, cluster, x, y))
    return sorted(named)


def names_on_map(
    clustering: Level, centres: np.ndarray, rows: pa.Table, frame: Viewport
) -> pa.Table:
    """Cluster names that fit without overlap; most selected latents first."""
    names = clustering.names()
    x0, x1, y0, y1 = frame
    boxes: list[Box] = []
    placed: list[dict[str, Any]] = []
    candidates = _named_clusters(clustering, centres, rows, frame)
    short = {cluster: shown_label(names[cluster], 26) for _, cluster, _, _ in candidates}
    times = Counter(short.values())
    for _, cluster, x, y in candidates:
        name = short[cluster] if times[short[cluster]] == 1 else f"{short[cluster]} ({cluster})"
        half = 3.6 * cells(name) + 4
        px = (x - x0) / (x1 - x0) * PLACED_FOR[0]
        px = float(np.clip(px, half, max(PLACED_FOR[0] - half, half)))
        py = (y1 - y) / (y1 - y0) * PLACED_FOR[1]
        box = (px - half, px + half, py - 10, py + 10)
        if len(placed) < MOST_NAMES and not any(overlap(box, other) for other in boxes):
            boxes.append(box)
            at = x0 + px / PLACED_FOR[0] * (x1 - x0)
            placed.append({"name": name, "x": at, "y": y, "cluster": cluster})
    kinds = [("name", pa.string()), ("x", pa.float64()), ("y", pa.float64())]
    return pa.Table.from_pylist(placed, pa.schema([*kinds, ("cluster", pa.int32())]))


def name_layers(names: pa.Table) -> list[alt.Chart]:
    """Each name twice: a white outline, then the text."""
    base = alt.Chart(inline(names)).encode(x="x:Q", y="y:Q", text="name:N")
    halo = base.mark_text(
        fontSize=12,
        fontWeight="bold",
        stroke=PAPER,
        strokeWidth=5,
        strokeJoin="round",
        opacity=0.95,
    )
    return [halo, base.mark_text(fontSize=12, fontWeight="bold")]


def ring(bundle: Bundle, latent: int | None, frame: Viewport, map_name: MapName) -> list[alt.Chart]:
    """A ring around one latent, with its id."""
    if latent is None or not 0 <= latent < bundle.latents.num_rows:
        return []
    x, y = (bundle.latents[name][latent].as_py() for name in MAP_COLUMNS[map_name])
    if x is None or not (frame[0] <= x <= frame[1] and frame[2] <= y <= frame[3]):
        return []
    base = alt.Chart({"values": [{"x": x, "y": y, "latent": latent}]}).encode(x="x:Q", y="y:Q")
    ring = base.mark_point(shape="circle", size=190, stroke=HIGHLIGHT, strokeWidth=2, filled=False)
    halo = base.mark_text(dy=-18, fontWeight="bold", stroke=PAPER, strokeWidth=4).encode(
        text="latent:N"
    )
    return [ring, halo, base.mark_text(dy=-18, fontWeight="bold").encode(text="latent:N")]
