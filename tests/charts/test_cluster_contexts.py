"""Contexts of the members of a cluster, against independent counts."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.bundle import Bundle
from charts.cluster_contexts import MOST_POOLED, cluster_contexts

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
