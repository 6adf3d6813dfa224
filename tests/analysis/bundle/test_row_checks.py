"""Rows outside what the schema declares are refused, and the column is named."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from analysis.bundle import TABLES, Bundle
from analysis.bundle.ranges import Limits
from analysis.bundle.row_checks import check_rows
from analysis.runtime.errors import InputError
from tests.bundles.hand_made import limits

BY_LATENT = ("neighbours", "partners", "relations", "contexts", "logits", "latent_profiles")
EMPTY = ("logits", "document_values", "latent_profiles", "cluster_profiles")


def test_every_table_of_a_bundle_passes(planted_bundle: Bundle) -> None:
    known = Limits.of(planted_bundle.manifest, planted_bundle.tokens.num_rows)
    for table in TABLES:
        if table.startswith("activations"):
            continue
        part = getattr(planted_bundle, table)
        rows = part.all() if table in BY_LATENT else part
        assert rows.num_rows or table in EMPTY
        check_rows(planted_bundle.path / f"{table}.parquet", rows, known)


def rows(table: str, **columns: list[Any]) -> pa.Table:
    """Columns of a table, in their declared types but nullable."""
    schema = TABLES[table]
    fields = [schema.field(name).with_nullable(True) for name in columns]
    return pa.table(list(columns.values()), schema=pa.schema(fields))


def problem(table: str, **columns: list[Any]) -> str:
    with pytest.raises(InputError) as caught:
        check_rows(Path("b") / f"{table}.parquet", rows(table, **columns), limits())
    text = str(caught.value)
    assert text.startswith(f"b/{table}.parquet: ") and text.endswith("or build it again.")
    return text


def passes(table: str, **columns: list[Any]) -> None:
    check_rows(Path("b") / f"{table}.parquet", rows(table, **columns), limits())


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("table", "column", "good", "bad"),
    [
        ("memberships", "latent", [0, 9], [10, -1]),
        ("memberships", "level", [0, 1], [2, -1]),
        ("memberships", "cluster", [0, 4], [5, -1]),
        ("clusters", "size", [0, 10], [11, -1]),
        ("clusters", "active_documents", [0, 7], [8]),
        ("clusters", "active_tokens", [0, 100], [101]),
        ("clusters", "stability", [0.0, 1.0, 1.00005], [1.01, -0.01, NAN]),
        ("clusters", "member_lift", [0.0, 1e30, None], [-0.1, INF, NAN]),
        ("clusters", "x", [-1e30, 1e30, None], [INF, -INF, NAN]),
        ("cluster_components", "component", [0, 8], [-1]),
        ("activations_by_latent", "token", [0, 119], [120]),
        ("activations_by_token", "latent", [0, 9], [10]),
    ],
)
def test_ranges(table: str, column: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        passes(table, **{column: [value]})
    for value in bad:
        assert f"the column {column} has values that are not " in problem(
            table, **{column: [good[0], value]}
        )


def test_nulls() -> None:
    assert "the column size lacks values" in problem("clusters", size=[1, None])
    message = "the column loadings has lists that lack values"
    assert message in problem("cluster_loadings", cluster=[0], loadings=[[1.0, None]])
    terms = [[{"term": "sea", "score": None, "latents": 1}]]
    assert "the column terms has lists that lack values" in problem("clusters", terms=terms)


def test_entries_of_lists_and_terms_are_finite() -> None:
    assert "are not finite" in problem("cluster_loadings", cluster=[0], loadings=[[NAN]])
    for score in (NAN, INF):
        terms = [[{"term": "sea", "score": score, "latents": 1}]]
        assert "the column terms has values that are not finite" in problem("clusters", terms=terms)
    passes("clusters", terms=[[{"term": "sea", "score": 1.0, "latents": 1}], []])


def test_long_lists() -> None:
    passes("cluster_loadings", cluster=[0], loadings=[[1.0] * 4_096])
    assert "or have more than 4,096" in problem(
        "cluster_loadings", cluster=[0], loadings=[[1.0] * 4_097]
    )


def test_words() -> None:
    passes("relations", a=[1, 2], relation=["duplicate", "exclusive"])
    assert "the column relation has words other than duplicate, implication" in problem(
        "relations", a=[1, 2], relation=["duplicate", "twin"]
    )


def test_types() -> None:
    table = pa.table({"size": pa.array([1.5])})
    with pytest.raises(InputError, match="the column size is of type double, not int32"):
        check_rows(Path("b/clusters.parquet"), table, limits())


def latents(count: int = 3, **changes: list[Any]) -> dict[str, list[Any]]:
    empty: dict[str, list[Any]] = {
        "latent": list(range(count)),
        "x": [None] * count,
        "y": [None] * count,
        "x_cooccurrence": [0.0] * count,
        "y_cooccurrence": [0.0] * count,
    }
    return empty | changes


def test_rows_of_latents() -> None:
    passes("latents", **latents())
    assert "row i is not latent i" in problem("latents", **latents(latent=[0, 2, 1]))
    assert "only one of x and y" in problem("latents", **latents(x=[None, 1.0, None]))
    assert "only one of x_cooccurrence and" in problem(
        "latents", **latents(y_cooccurrence=[0.0, None, 0.0])
    )


def test_rows_of_clusters() -> None:
    good: dict[str, list[Any]] = {"cluster": [0, 1, 3], "level": [0, 0, 1], "parent": [3, 3, None]}
    good["space"] = ["decoder"] * 3
    passes("clusters", **good)
    assert "is not sorted by cluster" in problem("clusters", **(good | {"cluster": [0, 0, 3]}))
    assert "a parent that is not a cluster" in problem(
        "clusters", **(good | {"parent": [2, 3, None]})
    )
    assert "a parent at the level of its cluster" in problem(
        "clusters", **(good | {"parent": [1, 3, None]})
    )
    for space in (["decoder", "decoder", "cooccurrence"], ["cooccurrence", "decoder", "decoder"]):
        assert "a parent in another space" in problem("clusters", **(good | {"space": space}))


@pytest.mark.parametrize(
    ("table", "column"),
    [("relations", "a"), ("partners", "latent"), ("logits", "latent"), ("contexts", "latent")],
)
def test_tables_sorted_by_latent(table: str, column: str) -> None:
    passes(table, **{column: [1, 1, 4]})
    assert "is not sorted by latent" in problem(table, **{column: [1, 4, 1]})


def test_rows_of_documents_and_tokens() -> None:
    passes("documents", document=[3, 5])
    assert "is not sorted by document" in problem("documents", document=[3, 3])
    passes("tokens", document=[3, 3, 5], position=[0, 1, 0])
    for document, position in (([3, 3, 5], [0, 0, 0]), ([5, 3, 3], [0, 0, 1])):
        assert "is not sorted by document and position" in problem(
            "tokens", document=document, position=position
        )
    passes("tokens", kept=[True, False], active_latents=[3, 0])
    assert "active latents on masked tokens" in problem(
        "tokens", kept=[True, False], active_latents=[3, 1]
    )


def test_loadings_of_a_cluster_have_one_length() -> None:
    passes("cluster_loadings", cluster=[0, 0, 1], loadings=[[1.0], [2.0], []])
    assert "different lengths in one cluster" in problem(
        "cluster_loadings", cluster=[0, 0, 1], loadings=[[1.0], [], []]
    )


@pytest.mark.parametrize(
    ("table", "first", "second"),
    [
        ("neighbours", "latent", "rank"),
        ("memberships", "latent", "cluster"),
        ("cluster_components", "cluster", "component"),
        ("cluster_loadings", "cluster", "latent"),
        ("cluster_pairs", "cluster", "other"),
    ],
)
def test_tables_sorted_by_several_columns(table: str, first: str, second: str) -> None:
    good: dict[str, list[Any]] = {first: [0, 0, 1], second: [0, 1, 0]}
    passes(table, **good)
    for swapped in ([1, 0, 2], [0, 2, 1], [2, 1, 0]):
        rows_ = {name: [values[i] for i in swapped] for name, values in good.items()}
        assert f"is not sorted by {first}, {second}" in problem(table, **rows_)
    twice = {name: [values[0], values[0]] for name, values in good.items()}
    assert "is not sorted by" in problem(table, **twice)


def test_only_active_latents_have_statistics() -> None:
    good: dict[str, list[Any]] = {"active_tokens": [0, 3]}
    good |= {name: [None, 1.0] for name in ("mean", "std", "median", "p90", "max")}
    passes("latents", **good)
    for name in ("mean", "max"):
        for values in ([None, None], [1.0, 1.0]):
            assert f"for which {name} contradicts" in problem("latents", **good | {name: values})


@pytest.mark.parametrize(
    ("table", "column", "what"),
    [
        ("document_values", "document", "document"),
        ("latent_profiles", "latent", "latent"),
        ("cluster_profiles", "cluster", "cluster"),
    ],
)
def test_profiles_are_in_order(table: str, column: str, what: str) -> None:
    passes(table, **{column: [0, 0, 1]})
    assert f"is not sorted by {what}" in problem(table, **{column: [0, 1, 0]})
