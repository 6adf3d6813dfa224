"""Relations against planted truth, and the nulls against latents that have nothing in common."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.bundle import TABLES, Bundle, RelationFamily, kept_tokens, write_table
from analysis.cooccurrence import relations
from analysis.cooccurrence.association import TwoByTwo, wilson_interval
from analysis.cooccurrence.relations import find_relations
from analysis.cooccurrence.significance import (
    PairTests,
    benjamini_hochberg,
    document_tests,
    shift_tests,
    token_tests,
)
from tests.planted_relations import LATENTS, PlantedRelations, planted_relations

Pairs = set[tuple[int, int]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> PlantedRelations:
    return planted_relations(tmp_path_factory.mktemp("relations") / "masked")


@pytest.fixture(scope="module")
def found(world: PlantedRelations) -> tuple[pa.Table, list[RelationFamily]]:
    families = find_relations(world.activations, world.n_tokens, world.tables, world.decoder)
    return pq.read_table(world.tables / "relations.parquet"), families


def listed(table: pa.Table, relation: str) -> Pairs:
    chosen = table.filter(pa.compute.equal(table["relation"], relation))
    return set(zip(chosen["a"].to_pylist(), chosen["b"].to_pylist(), strict=True))


def precision_and_recall(said: Pairs, truth: Pairs) -> tuple[float, float]:
    return len(said & truth) / len(said), len(said & truth) / len(truth)


@pytest.mark.parametrize(
    ("relation", "truth", "least_precision", "least_recall"),
    [
        ("implication", "implications", 0.95, 0.95),
        ("duplicate", "duplicates", 0.95, 0.95),
        ("absorption_candidate", "absorbed", 0.95, 0.9),
        ("exclusive", "exclusive", 0.95, 0.95),
    ],
)
def test_planted_truth_is_found(
    world: PlantedRelations,
    found: tuple[pa.Table, list[RelationFamily]],
    relation: str,
    truth: str,
    least_precision: float,
    least_recall: float,
) -> None:
    precision, recall = precision_and_recall(listed(found[0], relation), getattr(world, truth))
    assert precision >= least_precision
    assert recall >= least_recall


def test_false_discovery_is_below_its_rate(
    world: PlantedRelations, found: tuple[pa.Table, list[RelationFamily]]
) -> None:
    true = world.implications | world.duplicates
    said = listed(found[0], "implication") | listed(found[0], "duplicate")
    assert len(said - true) <= 0.05 * len(said)
    # Families of which a quarter is true, so that calls are many; each has other false pairs.
    kept = kept_tokens(world.tables)
    nothing = np.random.default_rng(0).permutation(list(combinations(world.free, 2)))[:9_600]
    p_nothing = shift_tests(world.activations, kept, nothing).p_more
    p_true = shift_tests(world.activations, kept, np.array(sorted(true))).p_more
    shares = []
    for p_false in p_nothing.reshape(40, 240):
        called = benjamini_hochberg(np.concatenate([p_true, p_false]), 320) <= 0.05
        assert called[:80].all()
        shares.append(called[80:].sum() / called.sum())
    assert 0.01 < np.mean(shares) <= 0.05


def test_bursts_deceive_the_token_level_alone(world: PlantedRelations) -> None:
    every = np.array(list(combinations(world.free, 2)))
    pairs = np.random.default_rng(1).permutation(every)[:600]
    kept = kept_tokens(world.tables)
    shifted = shift_tests(world.activations, kept, pairs)
    documents = document_tests(world.activations, kept, pairs)
    first, second = np.diff(world.activations.latent_ends, prepend=0)[pairs].T
    tokens = token_tests(TwoByTwo.from_margins(shifted.observed, first, second, world.n_tokens))
    for honest in (shifted, documents):
        assert 0.02 <= (honest.p_more <= 0.05).mean() <= 0.08
        assert 0.02 <= (honest.p_fewer <= 0.05).mean() <= 0.08
    assert (tokens.p_more <= 0.05).mean() > 0.15
    assert (tokens.p_fewer <= 0.05).mean() > 0.15


def test_the_gate_of_absorption_is_on_the_shifted_expectation(world: PlantedRelations) -> None:
    counts = np.diff(world.activations.latent_ends, prepend=0)
    kept = kept_tokens(world.tables)

    def expectations(pairs: Pairs) -> tuple[np.ndarray, PairTests]:
        array = np.array(sorted(pairs))
        plain = counts[array].prod(axis=1) / world.n_tokens
        return plain, shift_tests(world.activations, kept, array)

    # Absorption is inside a topic: over all tokens a meeting is hardly expected there, and leaks
    # make more of them; between latents of different documents many are, and the shift knows that
    # there can be none.
    plain, shifted = expectations(world.absorbed)
    assert (plain >= relations.LEAST_EXPECTED).mean() < 0.9
    assert (shifted.observed <= relations.FAR_BELOW * plain).mean() < 0.5
    assert (shifted.expected >= relations.LEAST_EXPECTED).all()
    plain, shifted = expectations(world.apart)
    assert (plain >= relations.LEAST_EXPECTED).mean() > 0.5
    assert (shifted.expected == 0).all()


def test_bos_makes_no_pair_where_it_is_masked(
    world: PlantedRelations, found: tuple[pa.Table, list[RelationFamily]], tmp_path: Path
) -> None:
    def on_bos(table: pa.Table) -> int:
        every = zip(table["a"].to_pylist(), table["b"].to_pylist(), strict=True)
        return sum(a in world.on_bos or b in world.on_bos for a, b in every)

    assert on_bos(found[0]) == 0
    bare = planted_relations(tmp_path / "bare", mask_bos=False)
    find_relations(bare.activations, bare.n_tokens, bare.tables, bare.decoder)
    assert on_bos(pq.read_table(bare.tables / "relations.parquet")) > 1_000


def test_every_column_is_what_it_says(
    world: PlantedRelations, found: tuple[pa.Table, list[RelationFamily]]
) -> None:
    table, families = found
    rows = table.to_pandas()
    assert table.schema.equals(TABLES["relations"])
    assert rows["a"].is_monotonic_increasing
    symmetric = rows["relation"] != "implication"
    assert (rows["a"] < rows["b"])[symmetric].all()
    tokens = [set(world.activations.of_latent(i)[0].tolist()) for i in range(LATENTS)]
    for row in rows.itertuples():
        joint, n1, n2 = len(tokens[row.a] & tokens[row.b]), len(tokens[row.a]), len(tokens[row.b])
        assert row.joint_tokens == joint
        assert row.expected == pytest.approx(n1 * n2 / world.n_tokens)
        assert row.p_b_given_a == pytest.approx(joint / n1)
        assert row.p_a_given_b == pytest.approx(joint / n2)
        assert row.lift == pytest.approx(joint * world.n_tokens / (n1 * n2))
        assert row.cosine == pytest.approx(world.decoder[row.a] @ world.decoder[row.b], abs=1e-5)
        assert 0 < row.p_value <= row.q_value <= 0.05
    parents = dict(world.implications)
    exclusive = rows[~rows["parent"].isna()]
    assert set(exclusive["relation"]) == {"exclusive"}
    assert [parents[a] for a in exclusive["a"]] == exclusive["parent"].tolist()
    assert {family.relation: family.listed for family in families} == dict(
        rows["relation"].value_counts()
    )
    firing = int((np.diff(world.activations.latent_ends, prepend=0) > 0).sum())
    assert f"{firing * (firing - 1) // 2:,} pairs" in families[0].family


def test_exclusive_is_tested_on_the_parents_tokens(
    world: PlantedRelations, found: tuple[pa.Table, list[RelationFamily]]
) -> None:
    rows = found[0].to_pandas()
    document = pq.read_table(world.tables / "tokens.parquet")["document"].to_numpy()
    row = next(rows[rows["relation"] == "exclusive"].itertuples())
    parent, a, b = (world.activations.of_latent(int(i))[0] for i in (row.parent, row.a, row.b))
    expected = sum(
        np.isin(parent[document[parent] == d], a).sum()
        * np.isin(parent[document[parent] == d], b).sum()
        / (document[parent] == d).sum()
        for d in np.unique(document[parent])
    )
    assert row.expected_shifted == pytest.approx(expected)


def test_a_pair_is_a_duplicate_an_implication_or_between(tmp_path: Path) -> None:
    # Latent 0 fires on 1,000 tokens; latent i on some of them and on others: see below.
    inside = {1: (1_000, 0), 2: (760, 0), 3: (850, 0), 4: (20, 0), 5: (600, 40), 6: (600, 100)}
    counts = np.array([1_000, *(sum(own) for own in inside.values())])
    partners = {
        "latent": np.array([0, 0, 3, 4, 0, 6], dtype=np.int32),
        "partner": np.array([1, 2, 0, 0, 5, 0], dtype=np.int32),
        "joint_tokens": np.array([1_000, 760, 850, 20, 600, 600]),
        "joint_documents": np.ones(6, dtype=np.int32),
        "activation_cosine": np.zeros(6, dtype=np.float32),
    }
    write_table(tmp_path, "partners", pa.table(partners))
    activations = relations.Activations(tmp_path, np.cumsum(counts), np.array([0]))
    search = relations._Search(
        activations,
        relations.KeptTokens.of(np.empty(0), np.empty(0, bool)),
        100_000,
        1,
        relations._silent,
    )
    candidates = relations._candidates(search, tmp_path / "partners.parquet")
    said = dict(zip(map(tuple, candidates.pairs.tolist()), candidates.duplicate, strict=True))
    # Latent 3 is between, 4 is too rare to be sure of, 6 is too often elsewhere.
    assert said == {(0, 1): True, (2, 0): False, (5, 0): False}
    assert candidates.between == 1
    assert wilson_interval(20, 20)[0] < 0.9 < wilson_interval(600, 640)[0]


def test_same_bytes_for_any_memory(
    world: PlantedRelations,
    found: tuple[pa.Table, list[RelationFamily]],
) -> None:
    file = world.tables / "relations.parquet"
    before = file.read_bytes()
    families = find_relations(
        world.activations, world.n_tokens, world.tables, world.decoder, memory_bytes=500_000
    )
    assert file.read_bytes() == before
    assert families == found[1]


def test_siblings_beyond_the_bounds_are_counted(
    world: PlantedRelations,
    found: tuple[pa.Table, list[RelationFamily]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pairs = np.array(sorted(world.implications))
    joint = np.arange(len(pairs))
    implications = relations._Found(
        found[1][1], pairs, joint, np.ones(60), np.ones(60), np.ones(60)
    )
    families, left_out = relations._families(implications)
    assert [len(family.children) for family in families] == [3] * 20 and left_out == 0
    monkeypatch.setattr(relations, "MOST_CHILDREN", 2)
    monkeypatch.setattr(relations, "MOST_SIBLING_PAIRS", 15)
    families, left_out = relations._families(implications)
    assert len(families) == 15 and left_out == 45
    # The most active on the parent stay.
    assert families[0].children.tolist() == sorted(pairs[:3, 0].tolist())[1:]


def test_without_any_pair_the_table_is_empty(world: PlantedRelations, tmp_path: Path) -> None:
    for name in ("partners", "neighbours"):
        write_table(tmp_path, name, TABLES[name].empty_table())
    (tmp_path / "tokens.parquet").symlink_to(world.tables / "tokens.parquet")
    families = find_relations(world.activations, world.n_tokens, tmp_path, world.decoder)
    assert pq.read_table(tmp_path / "relations.parquet").num_rows == 0
    assert [(family.tested, family.listed) for family in families] == [(0, 0)] * 4


def test_a_bundle_has_its_relations(planted_bundle: Bundle) -> None:
    rows = planted_bundle.relations.all().to_pandas()
    assert [family.relation for family in planted_bundle.manifest.relations] == [
        "duplicate",
        "implication",
        "exclusive",
        "absorption_candidate",
    ]
    # Every planted member 1 to 9 is on the parent's words alone; those that are too frequent there
    # are between duplicate and implication.
    said = listed(planted_bundle.relations.all(), "implication")
    assert {(10 * group + 7, 10 * group) for group in range(16)} <= said
    assert planted_bundle.relations.of(7)["a"].to_pylist() == rows["a"][rows["a"] == 7].tolist()
