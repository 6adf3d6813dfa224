"""The clusters of a selection."""

import altair as alt
import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle, LevelName
from analysis.clusters.stability import WEAK, recovery, weak
from analysis.runtime.numbers import count, fraction
from charts.cluster_level import level_of, level_words
from charts.core.cache import cached
from charts.core.drawing import Drawing, named, template
from charts.core.figure import Figure, caption_of
from charts.core.interactions import CLUSTER
from charts.core.numbers import COUNT, PERCENT, stability_tooltips
from charts.core.small_bars import at_least_seen, least_height_note
from charts.core.text import unique_name_of_cluster
from charts.core.theme import NARROW, QUIET_INK, UNSELECTED, bar_scale, layered, name_limit

MOST_CLUSTERS = 20
ROW = 24
"""Pixels of a bar and the room around it."""


@cached
def cluster_bars(
    bundle: Bundle, mask: np.ndarray | None = None, level: LevelName | None = None
) -> Figure:
    """Clusters by the number of their selected latents, with size and stability.

    `mask` [n_latents] bool is the selection, None all latents. A click gives CLUSTER.
    """
    clustering = level_of(bundle, level)
    chosen = np.ones(len(clustering.of_latent), bool) if mask is None else np.asarray(mask, bool)
    table = clustering.table
    counts = np.bincount(clustering.of_latent[chosen & (clustering.of_latent >= 0)], minlength=1)
    ids = table["cluster"].to_numpy()
    selected = np.array([counts[i] if i < len(counts) else 0 for i in ids], dtype=np.int64)
    rows = table.select(["cluster", "label", "size", "stability", "bootstrap"])
    rows = rows.append_column("recovery", recovery(table)).append_column("weak", weak(table))
    rows = rows.append_column("selected", pa.array(selected))
    rows = rows.append_column("share", pa.array(selected / np.maximum(table["size"].to_numpy(), 1)))
    rows = rows.filter(pa.array(selected > 0))
    rows = rows.sort_by([("selected", "descending"), ("cluster", "ascending")])
    left_out = max(rows.num_rows - MOST_CLUSTERS, 0)
    rows = rows.slice(0, MOST_CLUSTERS)
    unclustered = chosen & (clustering.of_latent < 0)
    noise = int(unclustered.sum())
    seen = at_least_seen(rows["selected"], max(rows["size"].to_pylist(), default=1))
    off_map = int((unclustered & bundle.latents["x"].is_null().to_numpy()).sum())
    return Figure(
        name="clusters",
        title="Clusters of the selection" if mask is not None else "Largest clusters",
        chart=_drawing(rows, seen, clustering.colours),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="latent",
            latents=int(chosen.sum()),
            cluster_level=level_words(clustering.name),
            without_cluster=noise,
        ),
        selections=(CLUSTER.name,),
        note=(
            "Recovery (0 to 1): the smaller of the overlaps with clusters of other seeds and of "
            f"resampled latents. A cluster below {WEAK:g}, or not above those of random data, is "
            "weak evidence"
            + (f". {count(left_out)} smaller clusters are not drawn" if left_out else "")
            + f". {count(noise)} of these latents belong to no cluster"
            + (f", {count(off_map)} of them because they are not on the map" if off_map else "")
            + "."
            + least_height_note(rows["selected"], seen)
        ),
    )


def _drawing(rows: pa.Table, seen: pa.Array, colours: dict[int, str]) -> Drawing:
    ids = rows["cluster"].to_pylist()
    recovered = zip(rows["recovery"].to_pylist(), rows["weak"].to_pylist(), strict=True)
    names = [
        unique_name_of_cluster(i, label, 30)
        for i, label in zip(ids, rows["label"].to_pylist(), strict=True)
    ]
    data = rows.append_column("name", pa.array(names, pa.string()))
    data = data.append_column("colour", pa.array([colours[i] for i in ids], pa.string()))
    data = data.append_column(
        "text",
        pa.array(
            [f"recovery {fraction(s)}" + (", weak" if w else "") for s, w in recovered],
            pa.string(),
        ),
    )
    longest = max(rows["size"].to_pylist(), default=1)
    data = data.append_column("seen", seen)
    data = data.append_column("end", pa.array(np.full(rows.num_rows, longest * 2.1)))
    return _chart(rows.num_rows > 0).draw({"rows": data})


@template
def _chart(has_rows: bool) -> alt.LayerChart:
    """The bars. All that a selection changes is in the rows: see `density.py`.

    Without rows the chart has the height of one: a picture cannot have a height of 0.
    """
    base = alt.Chart(named("rows")).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=name_limit(190))),
        tooltip=[
            alt.Tooltip("name:N", title="cluster"),
            alt.Tooltip("selected:Q", title="selected latents", format=COUNT),
            alt.Tooltip("size:Q", title="all latents", format=COUNT),
            alt.Tooltip("share:Q", title="share selected", format=PERCENT),
            *stability_tooltips(),
        ],
    )
    x = alt.X(
        "size:Q",
        title="latents (grey: not selected; pale: weak)",
        axis=alt.Axis(format=COUNT, tickCount=5, tickMinStep=1),
        scale=bar_scale([0, alt.ExprRef("length(data('rows')) ? data('rows')[0].end : 1")]),
    )
    bar = {"band": 0.72}
    light = base.mark_bar(height=bar, color=UNSELECTED, cursor="pointer").encode(x=x)
    full = (
        base.mark_bar(height=bar, cursor="pointer")
        .encode(
            x=alt.X("seen:Q"),
            color=alt.Color("colour:N", scale=None),
            opacity=alt.condition("datum.weak", alt.value(0.45), alt.value(0.95)),
        )
        .properties(name="cluster_bars")
        .add_params(CLUSTER.parameter())
    )
    texts = (
        base.mark_text(align="left", dx=6, color=QUIET_INK, fontSize=11)
        .transform_calculate(
            written=f"{NARROW} ? replace(datum.text, 'recovery ', '') : datum.text"
        )
        .encode(x=x, text="written:N")
    )
    return layered(light, full, texts, height=alt.Step(ROW) if has_rows else ROW)
