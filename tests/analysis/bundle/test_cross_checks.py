"""Tables that contradict each other are refused."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import cross_checks
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
    with pytest.raises(InputError, match="has densities that do not follow"):
        check([10, 20], [0.1, 0.2001])


CLUSTERS = pa.table(
    {"cluster": [2, 0, 1], "level": pa.array([1, 0, 0], pa.int8()), "size": [3, 1, 2]}
)
LATENTS = pa.table({"cluster": pa.array([1, None, 0, 1], pa.int32())})


@pytest.mark.parametrize(
    ("latent", "level", "cluster", "message"),
    [
        ([0, 2, 3, 0, 2, 3], [0, 0, 0, 1, 1, 1], [1, 0, 1, 2, 2, 2], ""),
        ([0, 2, 3, 0, 2, 3], [0, 0, 0, 1, 1, 0], [1, 0, 1, 2, 2, 2], "at another level"),
        ([0, 2, 3, 0, 2], [0, 0, 0, 1, 1], [1, 0, 1, 2, 2], "other numbers of members"),
        ([0, 1, 3, 0, 2, 3], [0, 0, 0, 1, 1, 1], [1, 0, 1, 2, 2, 2], "than the table latents"),
    ],
)
def test_memberships_are_those_of_the_clusters(
    latent: list[int], level: list[int], cluster: list[int], message: str
) -> None:
    table = pa.table({"latent": latent, "level": level, "cluster": cluster})
    if not message:
        cross_checks.check_memberships(FILE, table, CLUSTERS, LATENTS)
        return
    with pytest.raises(InputError, match=message):
        cross_checks.check_memberships(FILE, table, CLUSTERS, LATENTS)


def test_pairs_of_clusters() -> None:
    def check(level: int, cluster: int, other: int) -> None:
        table = pa.table({"level": [level], "cluster": [cluster], "other": [other]})
        cross_checks.check_cluster_pairs(FILE, table, CLUSTERS)

    check(0, 0, 1)
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
