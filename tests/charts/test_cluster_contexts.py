"""Contexts of the members of a cluster, against independent counts."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from analysis.bundle import Bundle
from charts.cluster_contexts import MOST_POOLED, _ranking, cluster_contexts
from tests.charts.conftest import with_tables
from tests.charts.drawn import encodings

CLUSTER = 3


def pooled(bundle: Bundle, cluster: int, kind: str) -> pd.DataFrame:
    rows = bundle.contexts.all().to_pandas()
    rows = rows[(rows["kind"].astype(str) == kind) & rows["latent"].isin(members(bundle, cluster))]
    return rows.assign(
        ratio=rows["activation"] / bundle.latents["max"].to_pandas()[rows["latent"]].to_numpy()
    )


def members(bundle: Bundle, cluster: int) -> np.ndarray:
    rows = bundle.memberships.to_pandas()
    return rows["latent"][rows["cluster"] == cluster].to_numpy()


@pytest.mark.parametrize("kind", ["top", "random"])
def test_pooled_contexts_are_real_windows_of_members(tiny: Bundle, kind: Any) -> None:
    figure = cluster_contexts(tiny, CLUSTER, kind)
    rows = figure.rows.to_pandas()
    picked = rows[rows["is_picked"]]
    assert len(picked) == MOST_POOLED
    assert not picked.duplicated(["document", "position"]).any()
    known = pooled(tiny, CLUSTER, kind)
    stored = set(zip(known["latent"], known["document"], known["position"], strict=True))
    shown = list(zip(picked["latent"], picked["document"], picked["position"], strict=True))
    assert set(shown) <= stored
    most = tiny.latents["max"].to_pandas()
    assert np.allclose(
        rows["ratio"], rows["activation"] / most[rows["latent"]].to_numpy(), atol=1e-6
    )
    assert figure.rows.equals(cluster_contexts(tiny, CLUSTER, kind).rows)


def test_the_strongest_pooled_contexts_come_first(tiny: Bundle) -> None:
    rows = cluster_contexts(tiny, CLUSTER, "top").rows.to_pandas()
    shown = rows[rows["is_picked"]]["ratio"].to_numpy()
    every = pooled(tiny, CLUSTER, "top").drop_duplicates(["document", "position"])["ratio"]
    assert (np.diff(shown) <= 1e-6).all()
    assert shown[-1] >= np.sort(every)[::-1][len(shown) - 1] - 1e-6


def test_more_active_members_have_more_random_contexts(tiny: Bundle) -> None:
    counts = np.zeros(120)
    for cluster in range(8):
        rows = cluster_contexts(tiny, cluster, "random").rows.to_pandas()
        latents, n = np.unique(rows[rows["is_picked"]]["latent"], return_counts=True)
        counts[latents] += n
    active = tiny.latents["active_tokens"].to_numpy()
    alive = tiny.latents["cluster"].is_valid().to_numpy()
    half = active[alive] > np.median(active[alive])
    assert counts[alive][half].sum() > 1.5 * counts[alive][~half].sum()


def bundle_of(tiny: Bundle, latents: list[int], kind: str = "top") -> Bundle:
    """The tiny bundle with one context per latent at its maximum, in clusters 3 and 4."""
    maxima, row = tiny.latents["max"].to_pylist(), tiny.contexts.of(20).slice(0, 1).to_pylist()[0]
    contexts = pa.Table.from_pylist(
        [
            row | {"latent": one, "kind": kind, "activation": maxima[one], "position": i}
            for i, one in enumerate(latents)
        ],
        tiny.contexts.of(20).schema,
    )

    def of(chosen: np.ndarray, columns: list[str] | None = None) -> pa.Table:
        return contexts.filter(pc.is_in(contexts["latent"], pa.array(chosen, pa.int32())))

    members = {"cluster": [3] * len(latents) + [4] * len(latents), "latent": latents * 2}
    return with_tables(
        tiny,
        contexts=SimpleNamespace(of=of),
        memberships=pa.table(members),
    )


def picked(bundle: Bundle, cluster: int, kind: Any) -> list[int]:
    rows = cluster_contexts(bundle, cluster, kind).rows.to_pandas()
    return list(rows["latent"][rows["is_picked"]])


def test_equally_strong_contexts_are_ordered_by_active_tokens_then_by_id(tiny: Bundle) -> None:
    active = tiny.latents["active_tokens"].to_pylist()
    latents = list(range(20, 40))
    wanted = sorted(latents, key=lambda i: (-active[i], i))
    assert len({active[i] for i in latents}) < len(latents)
    assert picked(bundle_of(tiny, latents[::-1]), 3, "top") == wanted[:12]


def test_each_cluster_has_its_own_random_draw(tiny: Bundle) -> None:
    bundle = bundle_of(tiny, list(range(20, 60)), "random")
    one, other = picked(bundle, 3, "random"), picked(bundle, 4, "random")
    assert len(one) == len(other) == 12
    assert one != other


def test_a_member_is_as_likely_whatever_the_number_of_its_contexts(tiny: Bundle) -> None:
    """Two members with equally many active tokens: one with 50 contexts, one with a single one."""
    latents = pa.table({"max": [1.0, 1.0], "active_tokens": [7, 7]})
    stored = pa.table({"latent": [0] * 50 + [1], "document": [0] * 51, "position": list(range(51))})
    bundle = with_tables(tiny, latents=latents)
    first = [_ranking(bundle, stored, "random", cluster)[0] for cluster in range(300)]
    assert np.mean(np.array(first) == 50) == pytest.approx(0.5, abs=0.12)


def test_the_caption_counts_contexts_and_members(tiny: Bundle) -> None:
    stored, size = len(pooled(tiny, CLUSTER, "random")), len(members(tiny, CLUSTER))
    caption = cluster_contexts(tiny, CLUSTER, "random").caption
    assert caption.parameters["contexts"] == f"12 of {stored} random contexts of {size} members"


def test_each_line_is_named_by_its_member(tiny: Bundle) -> None:
    figure = cluster_contexts(tiny, CLUSTER)
    rows = figure.rows.to_pandas()
    latents = rows["latent"][rows["is_picked"]]
    (axis,) = {e["y"]["axis"]["labelExpr"] for e in encodings(figure) if e.get("y", {}).get("axis")}
    sides = json.loads(axis.removesuffix("[floor(datum.value)]"))
    assert [int(side.split(" ")[0]) for side in sides] == latents.tolist()
