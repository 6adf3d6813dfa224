"""What chance looks like: the map and the pairs of a null draw, and their data for other views.

A bundle holds one draw of each space in which there is nothing to find (`null_latents`). Charts of
it say so in their titles. `cluster_tree.null_tree` shows its clusters.
"""

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle, Space
from analysis.decoder.map_verdict import MapName, null_of_map, quality_of_map
from analysis.runtime.arrays import Float32s, Int32s
from analysis.runtime.numbers import count, percent
from charts.cluster_level import NULLS
from charts.core.cache import cached
from charts.core.drawing import Drawing, named, slot, template
from charts.core.figure import Figure, caption_of
from charts.core.numbers import FRACTION, ID
from charts.core.theme import CLUSTER_COLOURS, NO_CLUSTER, QUIET_INK, UNSELECTED, layered
from charts.map_names import HEIGHT

ROW = 20
"""Pixels of a pair."""
MARGIN = 0.03


def has_null_view(bundle: Bundle, space: Space) -> bool:
    """Whether the bundle holds a null draw of a space; older bundles do not."""
    return _of_space(bundle, space).num_rows > 0


def null_places(bundle: Bundle, map_name: MapName) -> tuple[Float32s, Float32s]:
    """x and y float32 [n_latents] on the map of the null draw; NaN if not on it."""
    rows = _of_space(bundle, map_name)
    places = np.full((2, bundle.latents.num_rows), np.nan, dtype=np.float32)
    for axis, name in enumerate(("x", "y")):
        places[axis, rows["latent"].to_numpy()] = rows[name].to_numpy()
    return places[0], places[1]


def null_cluster_of_latents(bundle: Bundle, space: Space) -> Int32s:
    """int32 [n_latents], each latent's row in `bundle.null_clusters` in the draw; -1 for none."""
    rows = _of_space(bundle, space)
    clusters = np.full(bundle.latents.num_rows, -1, dtype=np.int32)
    clusters[rows["latent"].to_numpy()] = pc.fill_null(rows["cluster"], -1).to_numpy()
    return clusters


@cached
def null_map(bundle: Bundle, map_name: MapName = "decoder") -> Figure:
    """The map of the null draw, coloured by the clusters of that draw. It has no interactions."""
    x, y = null_places(bundle, map_name)
    clusters = null_cluster_of_latents(bundle, map_name)
    on_it = np.flatnonzero(np.isfinite(x))
    own = clusters[on_it]
    colours = np.array([*CLUSTER_COLOURS, NO_CLUSTER])
    rows = pa.table(
        {
            "latent": pa.array(on_it, pa.int32()),
            "x": x[on_it],
            "y": y[on_it],
            "cluster": pa.array(own, pa.int32(), mask=own < 0),
            "colour": colours[np.where(own < 0, -1, own % len(CLUSTER_COLOURS))],
        }
    )
    return Figure(
        name=f"map-{map_name}-null",
        title="What chance looks like: the map of random data",
        chart=_map(rows),
        rows=rows.drop_columns(["colour"]),
        caption=caption_of(
            bundle, unit="latent", latents=rows.num_rows, null=NULLS[map_name], colour="cluster"
        ),
        note=_map_note(bundle, map_name, len(np.unique(own[own >= 0]))),
    )


@cached
def null_pairs(bundle: Bundle, limit: int = 30) -> Figure:
    """The strongest partners by phi if every latent is shifted alone, beside those of the data."""
    rows = _strongest(_of_space(bundle, "cooccurrence"), limit)
    strongest = _data_strength(bundle)
    drawn = _of_space(bundle, "cooccurrence")["strength"].drop_null().to_numpy()
    return Figure(
        name="pairs-null",
        title="What chance looks like: the strongest pairs of random data",
        chart=_pairs(rows),
        rows=rows,
        caption=caption_of(
            bundle, unit="token", measure="phi", pairs=rows.num_rows, null=NULLS["cooccurrence"]
        ),
        note=(
            f"One draw of {NULLS['cooccurrence']}: bursts and topics stay, and every token that "
            "two latents share is chance. The phi of a latent with its strongest partner has the "
            f"median {_short(drawn)} here, and {_short(strongest)} in the data."
        ),
    )


def _of_space(bundle: Bundle, space: Space) -> pa.Table:
    rows = bundle.null_latents
    return rows.filter(pc.equal(rows["space"].cast(pa.string()), space))


def _strongest(rows: pa.Table, limit: int) -> pa.Table:
    """The pairs of a latent and its partner, each once, strongest first."""
    rows = rows.filter(pc.is_valid(rows["partner"]))
    a, b = rows["latent"].to_numpy(), rows["partner"].to_numpy()
    low, high, phi = np.minimum(a, b), np.maximum(a, b), rows["strength"].to_numpy()
    order = np.lexsort((high, low, -phi))
    _, first = np.unique(np.column_stack([low, high])[order], axis=0, return_index=True)
    chosen = order[np.sort(first)[:limit]]
    return pa.table({"latent": low[chosen], "partner": high[chosen], "phi": phi[chosen]})


def _data_strength(bundle: Bundle) -> np.ndarray:
    """The phi of each latent of the draw with its strongest stored partner in the data."""
    latents = _of_space(bundle, "cooccurrence")["latent"].to_numpy()
    stored = bundle.partners.of(latents)
    active = bundle.latents["active_tokens"].to_numpy().astype(np.float64)
    a, b = (active[stored[name].to_numpy()] for name in ("latent", "partner"))
    joint, n = stored["joint_tokens"].to_numpy(), float(bundle.manifest.tokens)
    with np.errstate(divide="ignore", invalid="ignore"):
        phi = (joint * n - a * b) / np.sqrt(a * (n - a) * b * (n - b))
    best = np.full(bundle.latents.num_rows, -np.inf)
    np.maximum.at(best, stored["latent"].to_numpy(), np.nan_to_num(phi, nan=-np.inf))
    return np.asarray(best[np.isfinite(best)])


def _short(values: np.ndarray) -> str:
    return f"{np.median(values):.2f}" if len(values) else "no value"


def _map_note(bundle: Bundle, map_name: MapName, clusters: int) -> str:
    manifest = bundle.manifest
    quality, of_data = null_of_map(manifest, map_name), quality_of_map(manifest, map_name)
    note = (
        f"One draw of {NULLS[map_name]}, laid out and clustered like the data. Every group, gap "
        f"and filament on this map is chance; so are its {count(clusters)} clusters."
    )
    if quality is None or of_data is None or None in (quality.knn_recall, of_data.knn_recall):
        return note
    return (
        f"{note} It keeps {percent(quality.knn_recall or 0.0)} of a latent's ten nearest, and the "
        f"map of the data {percent(of_data.knn_recall or 0.0)}."
    )


def _map(rows: pa.Table) -> Drawing:
    edges: dict[str, float] = {}
    for name in ("x", "y"):
        values = rows[name].to_numpy()
        least, most = (values.min(), values.max()) if len(values) else (0.0, 1.0)
        pad = MARGIN * float(most - least) or 1.0
        edges |= {f"{name}0": float(least) - pad, f"{name}1": float(most) + pad}
    size = float(np.clip(90_000 / max(rows.num_rows, 1), 9, 46))
    return _map_chart(size).draw({"rows": rows}, **edges)


@template
def _map_chart(size: float) -> alt.LayerChart:
    def scale(axis: str) -> alt.Scale:
        domain = [slot(f"{axis}0"), slot(f"{axis}1")]
        return alt.Scale(domain=domain, nice=False, zero=False)

    points = (
        alt.Chart(named("rows"))
        .mark_circle(size=size, opacity=0.7)
        .encode(
            x=alt.X("x:Q", axis=None, scale=scale("x")),
            y=alt.Y("y:Q", axis=None, scale=scale("y")),
            color=alt.Color("colour:N", scale=None, legend=None),
            tooltip=[alt.Tooltip("cluster:Q", title="cluster of chance", format=ID)],
        )
    )
    return layered(points, height=HEIGHT)


def _pairs(rows: pa.Table) -> Drawing:
    names = [
        f"{a} + {b}"
        for a, b in zip(rows["latent"].to_pylist(), rows["partner"].to_pylist(), strict=True)
    ]
    data = rows.append_column("pair", pa.array(names, pa.string()))
    return _pairs_chart().draw({"rows": data}, height=46 + ROW * max(rows.num_rows, 1))


@template
def _pairs_chart() -> alt.LayerChart:
    base = alt.Chart(named("rows")).encode(
        x=alt.X("phi:Q", title="phi", scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("pair:N", sort=None, title=None, axis=alt.Axis(labelFontSize=11)),
        tooltip=[alt.Tooltip("pair:N"), alt.Tooltip("phi:Q", format=FRACTION)],
    )
    bars = base.mark_bar(height={"band": 0.7}, color=UNSELECTED)
    texts = base.mark_text(align="left", dx=5, fontSize=11, color=QUIET_INK).encode(
        text=alt.Text("phi:Q", format=FRACTION)
    )
    return layered(bars, texts)
