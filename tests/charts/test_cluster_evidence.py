"""Evidence for the label of a cluster, against independent counts."""

from typing import Any

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from charts.cluster_contexts import cluster_contexts
from charts.cluster_evidence import cluster_evidence
from charts.component_plane import component_plane

CLUSTER = 3


def members(bundle: Bundle, cluster: int) -> np.ndarray:
    rows = bundle.memberships.to_pandas()
    return rows["latent"][rows["cluster"] == cluster].to_numpy()


def test_evidence_counts_the_members_with_each_term(tiny: Bundle) -> None:
    figure = cluster_evidence(tiny, CLUSTER)
    row = tiny.clusters.to_pylist()[CLUSTER]
    first = figure.rows.to_pylist()[0]
    assert first["term"] == row["terms"][0]["term"]
    assert first["members"] == row["terms"][0]["latents"]
    assert first["share"] == pytest.approx(row["terms"][0]["latents"] / row["size"])


@pytest.mark.parametrize("draw", [cluster_evidence, cluster_contexts, component_plane])
def test_an_unknown_cluster_is_refused(tiny: Bundle, draw: Any) -> None:
    with pytest.raises(InputError, match="no cluster 99"):
        draw(tiny, 99)
