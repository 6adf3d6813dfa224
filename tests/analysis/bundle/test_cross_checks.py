"""Tables that contradict each other are refused."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import ClusterLevel, LevelName, Manifest, cross_checks
from analysis.bundle.positions import KeptTokens
from analysis.runtime.errors import InputError
from tests.bundles.hand_made import manifest

FILE = Path("b/table.parquet")


def test_latents_follow_from_the_counts() -> None:
    def check(counts: list[int], density: list[float]) -> None:
        table = pa.table({"active_tokens": counts, "density": density})
        cross_checks.check_latents(FILE, table, manifest(), active=30)

    check([10, 20], [0.1, 0.2])
    with pytest.raises(InputError, match="counts 31 activations, but 30 are stored"):
        check([10, 21], [0.1, 0.21])
    check([10, 20], [0.1 + 9e-7, 0.2 - 9e-7])
    for wrong in (0.2 + 1.1e-6, 0.2 - 1.1e-6, 0.3):
        with pytest.raises(InputError, match="has densities that do not follow"):
            check([10, 20], [0.1, wrong])


SPACE_OF = ["decoder", "decoder", "decoder", "cooccurrence"]
"""The space of each cluster."""
CLUSTERS = pa.table(
    {
        "cluster": [2, 0, 1, 3],
        "space": SPACE_OF,
        "level": pa.array([1, 0, 0, 0], pa.int8()),
        "size": [3, 1, 2, 1],
    }
)
LATENTS = pa.table(
    {
        "cluster": pa.array([1, None, 0, 1], pa.int32()),
        "cluster_cooccurrence": pa.array([None, 3, None, None], pa.int32()),
    }
)
RIGHT = [(0, 0, 1), (2, 0, 0), (3, 0, 1), (0, 1, 2), (2, 1, 2), (3, 1, 2), (1, 0, 3)]
"""Latent, level and cluster."""


def spaces_manifest(first: int = 0) -> Manifest:
    """Two levels of the decoder, of which one is shown first, and one by co-occurrence."""
    levels = [(LevelName("decoder", i), first == i) for i in (0, 1)]
    rows = [
        ClusterLevel(
            space=space, level=level, clusters=1, noise=0, stability=1.0, shown_first=shown
        )
        for (space, level), shown in (*levels, (LevelName("cooccurrence", 0), True))
    ]
    return manifest().model_copy(update={"clustering": rows})


@pytest.mark.parametrize(
    ("row", "other", "message"),
    [
        (0, (0, 0, 1), ""),
        (5, (3, 0, 2), "at another level"),
        (6, (1, 1, 3), "at another level"),
        (5, None, "other numbers of members"),
        (1, (1, 0, 0), "than the table latents"),
        (6, (2, 0, 3), "than the table latents"),
    ],
)
def test_memberships_are_those_of_the_clusters(
    row: int, other: tuple[int, int, int] | None, message: str
) -> None:
    rows = [*RIGHT[:row], *([] if other is None else [other]), *RIGHT[row + 1 :]]
    latent, level, cluster = zip(*rows, strict=True)
    columns = {"latent": latent, "level": level, "cluster": cluster}
    table = pa.table({**columns, "space": [SPACE_OF[c] for c in cluster]})
    if not message:
        cross_checks.check_memberships(FILE, table, CLUSTERS, LATENTS, spaces_manifest())
        return
    with pytest.raises(InputError, match=message):
        cross_checks.check_memberships(FILE, table, CLUSTERS, LATENTS, spaces_manifest())


def test_the_clusters_of_latents_are_those_of_the_level_shown_first() -> None:
    latent, level, cluster = zip(*RIGHT, strict=True)
    columns = {"latent": latent, "level": level, "cluster": cluster}
    table = pa.table({**columns, "space": [SPACE_OF[c] for c in cluster]})
    with pytest.raises(InputError, match="than the table latents"):
        cross_checks.check_memberships(FILE, table, CLUSTERS, LATENTS, spaces_manifest(first=1))
    place = LATENTS.schema.get_field_index("cluster")
    coarse = LATENTS.set_column(place, "cluster", pa.array([2, None, 2, 2], pa.int32()))
    cross_checks.check_memberships(FILE, table, CLUSTERS, coarse, spaces_manifest(first=1))


def test_drawn_latents_are_in_drawn_clusters_of_their_space() -> None:
    clusters = pa.table({"cluster": [0, 1], "space": ["decoder", "cooccurrence"]})

    def check(cluster: list[int | None]) -> None:
        spaces = ["cooccurrence", "decoder", "decoder"]
        rows = pa.table({"cluster": pa.array(cluster, pa.int32()), "space": spaces})
        cross_checks.check_null_latents(FILE, rows, clusters)

    check([1, 0, None])
    check([None, None, None])
    with pytest.raises(InputError, match="has clusters that null_clusters does not have"):
        check([2, 0, None])
    with pytest.raises(InputError, match="has clusters of another space"):
        check([1, 1, None])


def test_pairs_of_clusters() -> None:
    def check(level: int, cluster: int, other: int, space: str = "decoder") -> None:
        columns = {"level": [level], "cluster": [cluster], "other": [other], "space": [space]}
        cross_checks.check_cluster_pairs(FILE, pa.table(columns), CLUSTERS)

    check(0, 0, 1)
    for other, space in ((1, "cooccurrence"), (3, "decoder"), (3, "cooccurrence")):
        with pytest.raises(InputError, match="not at their level"):
            check(0, 0, other, space)
    for level, other in ((1, 1), (0, 2)):
        with pytest.raises(InputError, match="not at their level"):
            check(level, 0, other)
    with pytest.raises(InputError, match="not in ascending order"):
        check(0, 1, 1)


def test_loadings_and_components() -> None:
    components = pa.table({"cluster": [0, 0, 3]})
    cross_checks.check_loadings(
        FILE, pa.table({"cluster": [0, 3, 1], "loadings": [[1.0, 2.0], [1.0], []]}), components
    )
    for cluster in (3, 1, 7):
        with pytest.raises(InputError, match="other numbers of loadings"):
            table = pa.table({"cluster": [cluster], "loadings": [[1.0, 2.0]]})
            cross_checks.check_loadings(FILE, table, components)


def test_every_relation_has_a_rule() -> None:
    def check(*relations: str) -> None:
        column = pa.array(relations, pa.string()).dictionary_encode()
        cross_checks.check_relations(FILE, pa.table({"relation": column}), manifest())

    check("duplicate", "duplicate")
    check()
    with pytest.raises(InputError, match="without a rule"):
        check("duplicate", "exclusive")


def test_contexts_are_of_known_documents() -> None:
    documents = pa.table({"document": [3, 5]})
    cross_checks.check_contexts(FILE, pa.table({"document": [5, 3, 5]}), documents)
    with pytest.raises(InputError, match="documents that the bundle does not have"):
        cross_checks.check_contexts(FILE, pa.table({"document": [5, 4]}), documents)


def test_kept_tokens_are_those_of_manifest_and_documents() -> None:
    kept = KeptTokens.of(np.repeat([3, 5], 60), np.arange(120) >= 20)
    good = pa.table({"document": [3, 5], "tokens": [40, 60]})
    cross_checks.check_kept(FILE, kept, good, manifest())
    with pytest.raises(InputError, match="has 100 kept tokens, but the manifest states 99"):
        cross_checks.check_kept(FILE, kept, good, manifest().model_copy(update={"tokens": 99}))
    for column, values, message in (
        ("document", [3, 6], "other documents"),
        ("tokens", [41, 59], "other numbers of kept tokens"),
    ):
        other = good.set_column(good.schema.get_field_index(column), column, [values])
        with pytest.raises(InputError, match=message):
            cross_checks.check_kept(FILE, kept, other, manifest())


def test_values_are_of_documents_of_the_bundle() -> None:
    documents = pa.table({"document": pa.array([3, 7], pa.int64())})

    def check(of: list[int]) -> None:
        values = pa.table({"document": pa.array(of, pa.int64())})
        cross_checks.check_document_values(FILE, values, documents)

    check([3, 3, 7])
    check([])
    with pytest.raises(InputError, match="has values of documents that the bundle does not have"):
        check([3, 4])
