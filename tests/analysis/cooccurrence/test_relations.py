"""Relations against planted truth and hand-made boundary cases; nulls on independent latents."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats

from analysis.bundle import (
    TABLES,
    Activations,
    Bundle,
    KeptTokens,
    RelationFamily,
    kept_tokens,
    write_table,
)
from analysis.cooccurrence import position_profile, relations, siblings, significance
from analysis.cooccurrence.association import TwoByTwo
from analysis.cooccurrence.fdr import benjamini_hochberg
from analysis.cooccurrence.null_models import PairTests
from analysis.cooccurrence.relations import StoredLatents, find_relations
from analysis.cooccurrence.significance import document_tests, shift_tests, token_tests
from tests.analysis.cooccurrence import plain_profiles
from tests.planted_relations import LATENTS, PlantedRelations, planted_relations, write_world

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


def precision_and_recall(pairs: Pairs, truth: Pairs) -> tuple[float, float]:
    return len(pairs & truth) / len(pairs), len(pairs & truth) / len(truth)


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
    pairs = listed(found[0], "implication") | listed(found[0], "duplicate")
    assert len(pairs - true) <= 0.05 * len(pairs)
    # A quarter of each family is true, so many pairs are called; each has other false pairs.
    kept = kept_tokens(world.tables)
    independent = np.random.default_rng(0).permutation(list(combinations(world.free, 2)))[:9_600]
    p_independent = shift_tests(world.activations, kept, independent).p_more
    p_true = shift_tests(world.activations, kept, np.array(sorted(true))).p_more
    shares = []
    for p_false in p_independent.reshape(40, 240):
        called = benjamini_hochberg(np.concatenate([p_true, p_false]), 320) <= 0.05
        assert called[:80].all()
        shares.append(called[80:].sum() / called.sum())
    assert 0.01 < np.mean(shares) <= 0.05


def test_bursts_mislead_only_the_token_level_test(world: PlantedRelations) -> None:
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

    # Absorption happens inside a topic. Over all tokens hardly any joint token is expected, and
    # leaks make more. Between latents of different documents n1 n2 / N expects many, but the shift
    # expects none.
    plain, shifted = expectations(world.absorbed)
    assert (plain >= relations.LEAST_EXPECTED).mean() < 0.9
    assert (shifted.observed <= relations.FAR_BELOW * plain).mean() < 0.5
    assert (shifted.expected >= relations.LEAST_EXPECTED).all()
    plain, shifted = expectations(world.apart)
    assert (plain >= relations.LEAST_EXPECTED).mean() > 0.5
    assert (shifted.expected == 0).all()


def test_masked_bos_makes_no_pair(
    world: PlantedRelations, found: tuple[pa.Table, list[RelationFamily]], tmp_path: Path
) -> None:
    def on_bos(table: pa.Table) -> int:
        every = zip(table["a"].to_pylist(), table["b"].to_pylist(), strict=True)
        return sum(a in world.on_bos or b in world.on_bos for a, b in every)

    assert on_bos(found[0]) == 0
    bare = planted_relations(tmp_path / "bare", mask_bos=False)
    find_relations(bare.activations, bare.n_tokens, bare.tables, bare.decoder)
    assert on_bos(pq.read_table(bare.tables / "relations.parquet")) > 1_000


def test_columns_follow_their_definitions(
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


def test_p_is_that_of_the_shift_and_q_is_larger(
    world: PlantedRelations, found: tuple[pa.Table, list[RelationFamily]]
) -> None:
    rows = found[0].to_pandas()
    for relation in ("duplicate", "implication", "absorption_candidate"):
        own = rows[rows["relation"] == relation]
        tests = shift_tests(
            world.activations, kept_tokens(world.tables), own[["a", "b"]].to_numpy(dtype=np.int64)
        )
        p = tests.p_fewer if relation == "absorption_candidate" else tests.p_more
        assert own["p_value"].tolist() == p.tolist()
        assert (own["p_value"] < own["q_value"]).any()


def test_exclusive_is_tested_on_the_parents_tokens(
    world: PlantedRelations, found: tuple[pa.Table, list[RelationFamily]]
) -> None:
    rows = found[0].to_pandas()
    document = pq.read_table(world.tables / "tokens.parquet")["document"].to_numpy()
    row = next(rows[rows["relation"] == "exclusive"].itertuples())
    parent, a, b = (world.activations.of_latent(int(i))[0] for i in (row.parent, row.a, row.b))
    kept = kept_tokens(world.tables)
    bins = plain_profiles.bins_of_documents(kept.lengths.tolist())[kept.before[parent]]
    expected = plain_profiles.expected_joint(
        document[parent], bins, np.isin(parent, a), np.isin(parent, b)
    )
    assert row.expected_shifted == pytest.approx(expected)


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
    # Members 1 to 9 of a group fire only on words of member 0. Those that fire on most of these
    # words are between duplicate and implication.
    implications = listed(planted_bundle.relations.all(), "implication")
    assert {(10 * group + 7, 10 * group) for group in range(16)} <= implications
    assert planted_bundle.relations.of(7)["a"].to_pylist() == rows["a"][rows["a"] == 7].tolist()


def stored_of(counts: list[int], n_tokens: int, folder: Path) -> StoredLatents:
    """Latents of which only the numbers of active tokens are known."""
    activations = Activations(folder, np.cumsum(counts), np.array([0]))
    return StoredLatents(
        activations, KeptTokens.of(np.empty(0), np.empty(0, dtype=np.bool_)), n_tokens
    )


def candidates_of(
    counts: list[int], rows: list[tuple[int, int, int]], n_tokens: int, folder: Path
) -> tuple[dict[tuple[int, int], bool], int]:
    """Candidates (a, b) with whether they are duplicates, and how many are between.

    `rows` are (latent, partner, joint tokens).
    """
    latent, partner, joint = zip(*rows, strict=True)
    table = {
        "latent": pa.array(latent, pa.int32()),
        "partner": pa.array(partner, pa.int32()),
        "joint_tokens": pa.array(joint, pa.int64()),
        "joint_documents": pa.array([1] * len(rows), pa.int32()),
        "activation_cosine": pa.array([0.0] * len(rows), pa.float32()),
        "activation_pearson": pa.array([0.0] * len(rows), pa.float32()),
    }
    write_table(folder, "partners", pa.table(table))
    candidates = relations._candidates(
        stored_of(counts, n_tokens, folder), folder / "partners.parquet"
    )
    pairs = map(tuple, candidates.pairs.tolist())
    return dict(zip(pairs, candidates.duplicate.tolist(), strict=True)), candidates.between


def test_a_pair_is_a_duplicate_an_implication_or_between(tmp_path: Path) -> None:
    # Latent 0 fires on 1,000 tokens. Latent 3 is between, 4 is too rare, 6 fires too often without.
    counts = [1_000, 1_000, 760, 850, 20, 640, 700]
    rows = [(0, 1, 1_000), (0, 2, 760), (3, 0, 850), (4, 0, 20), (0, 5, 600), (6, 0, 600)]
    pairs, between = candidates_of(counts, rows, 100_000, tmp_path)
    assert pairs == {(0, 1): True, (2, 0): False, (5, 0): False}
    assert between == 1


def test_a_pair_with_two_rows_counts_once(tmp_path: Path) -> None:
    rows = [(0, 1, 500), (1, 0, 500), (2, 3, 850), (3, 2, 850)]
    pairs, between = candidates_of([500, 500, 850, 1_000], rows, 100_000, tmp_path)
    assert pairs == {(0, 1): True}
    assert between == 1


def test_nearly_always_is_wilsons_lower_bound_of_nine_tenths(tmp_path: Path) -> None:
    n = 640
    bounds = [stats.binomtest(k, n).proportion_ci(method="wilson").low for k in range(n + 1)]
    fewest = int(np.searchsorted(bounds, 0.9))
    assert 0.9 < fewest / n < 0.95
    counts = [n, 5_000, n, 5_000]
    rows = [(0, 1, fewest), (2, 3, fewest - 1)]
    assert candidates_of(counts, rows, 100_000, tmp_path)[0] == {(0, 1): False}


def test_nearly_always_needs_a_lift_of_two(tmp_path: Path) -> None:
    # The lift of an implication is N / n2: exactly 2 for latent 1, below for latent 2.
    rows = [(0, 1, 400), (0, 2, 400)]
    pairs, _ = candidates_of([400, 5_000, 5_001], rows, 10_000, tmp_path)
    assert pairs == {(0, 1): False}


def test_the_reverse_of_an_implication_is_below_eight_tenths(tmp_path: Path) -> None:
    rows = [(0, 1, 799), (2, 1, 800)]
    pairs, between = candidates_of([799, 1_000, 800], rows, 100_000, tmp_path)
    assert pairs == {(0, 1): False}
    assert between == 1


def test_similar_decoders_have_a_cosine_above_three_tenths(tmp_path: Path) -> None:
    limit = np.float32(0.3)
    cosines = [limit, np.nextafter(limit, np.float32(1)), np.float32(0.9), np.float32(-0.9)]
    table = {
        "latent": pa.array([0, 3, 4, 5], pa.int32()),
        "rank": pa.array([0, 0, 0, 0], pa.int16()),
        "neighbour": pa.array([1, 2, 3, 6], pa.int32()),
        "cosine": pa.array(cosines, pa.float32()),
    }
    write_table(tmp_path, "neighbours", pa.table(table))
    pairs = relations._alike(tmp_path / "neighbours.parquet", 7)
    assert pairs.tolist() == [[2, 3], [3, 4]]


@pytest.fixture
def one_bin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put all tokens in one bin, because hand-made corpora say the same at every position."""

    def bins_of(_: KeptTokens, tokens: np.ndarray) -> np.ndarray:
        return np.zeros(len(tokens), dtype=np.uint8)

    for module in (position_profile, siblings, significance):
        monkeypatch.setattr(module, "bins_of", bins_of)


def found_in(
    folder: Path, documents: list[tuple[int, list[list[int]]]], decoder: np.ndarray
) -> tuple[pa.Table, dict[str, RelationFamily]]:
    """Relations of a hand-made corpus: for each document its length and each latent's positions."""
    active = np.zeros((sum(length for length, _ in documents), len(decoder)), dtype=bool)
    start = 0
    for length, latents in documents:
        for latent, positions in enumerate(latents):
            active[start + np.array(positions, dtype=int), latent] = True
        start += length
    document = np.repeat(np.arange(len(documents)), [length for length, _ in documents])
    kept = np.ones(len(document), dtype=bool)
    tables = folder / "tables"
    activations = write_world(tables, document, kept, active, decoder.astype(np.float32))
    families = find_relations(activations, len(document), tables, decoder.astype(np.float32))
    table = pq.read_table(tables / "relations.parquet")
    return table, {family.relation: family for family in families}


Documents = list[tuple[int, list[list[int]]]]

ALIKE = np.array([[1.0, 0.0], [0.6, 0.8]])
APART: Documents = [(2, [[0], [1]])]
TOGETHER: Documents = [(2, [[0], [0]])]
NEARLY_HALF: Documents = [(21, [[0], list(range(1, 11))])]
"""10 / 21 joint tokens are expected."""
EMPTY: Documents = [(400, [[], []])]


@pytest.mark.parametrize(
    ("documents", "tested", "absorbed"),
    [
        # n documents of two tokens, in which each latent fires on one: n / 2 joint tokens are
        # expected, and the shift makes each of the 2^n outcomes equally likely.
        pytest.param(6 * APART, 1, True, id="three are expected"),
        pytest.param(5 * APART + NEARLY_HALF, 0, False, id="fewer than three are expected"),
        pytest.param(30 * APART + 10 * TOGETHER, 1, True, id="half of those expected"),
        pytest.param(149 * APART + 51 * TOGETHER, 1, False, id="51 of 100 expected"),
        pytest.param(4 * APART + 2 * TOGETHER, 1, False, id="not significant"),
        pytest.param(10 * APART + 30 * TOGETHER, 1, False, id="more than expected"),
    ],
)
@pytest.mark.usefixtures("one_bin")
def test_absorption_shares_at_most_half_of_three_or_more_expected_tokens(
    documents: Documents, tested: int, absorbed: bool, tmp_path: Path
) -> None:
    table, families = found_in(tmp_path, documents + EMPTY, ALIKE)
    assert families["absorption_candidate"].tested == tested
    assert listed(table, "absorption_candidate") == ({(0, 1)} if absorbed else set())


@pytest.mark.parametrize(("length", "absorbed"), [(20, True), (19, False)])
@pytest.mark.usefixtures("one_bin")
def test_a_relation_is_listed_up_to_a_false_discovery_rate_of_five_percent(
    length: int, absorbed: bool, tmp_path: Path
) -> None:
    # One document; only one of its shifts gives no joint token, so p is 1 / length.
    a = [0, 1, 2, 4, 5, 8, 10, 13, 14, 16]
    b = [i for i in range(length) if i not in a]
    joint = [sum((i + s) % length in a for i in b) for s in range(length)]
    assert joint.count(0) == 1 and sum(joint) / length >= 3
    table, families = found_in(tmp_path, [(length, [a, b]), *EMPTY], ALIKE)
    assert families["absorption_candidate"].tested == 1
    assert bool(listed(table, "absorption_candidate")) == absorbed
    if absorbed:
        assert table["p_value"].to_pylist() == table["q_value"].to_pylist() == [0.05]


@pytest.mark.usefixtures("one_bin")
def test_a_false_discovery_rate_just_above_five_percent_is_too_high(tmp_path: Path) -> None:
    # Of 39 shifts of one document, two give no joint token: p is 2 / 39, or 0.0513.
    length = 39
    a = [0, 1, 2, 6, 8, 9, 14, 17, 19, 24, 29, 34]
    b = [i for i in range(length) if i not in a and (i + 33) % length not in a]
    joint = [sum((i + s) % length in a for i in b) for s in range(length)]
    assert joint.count(0) == 2 and joint[0] == 0 and sum(joint) / length >= 3
    table, families = found_in(tmp_path, [(length, [a, b]), *EMPTY], ALIKE)
    assert families["absorption_candidate"].tested == 1
    assert table.num_rows == 0


@pytest.mark.usefixtures("one_bin")
def test_q_of_absorption_corrects_only_for_the_pairs_that_are_tested(tmp_path: Path) -> None:
    # As above, with a second pair of similar decoder vectors that never shares a document.
    a = [0, 1, 2, 4, 5, 8, 10, 13, 14, 16]
    b = [i for i in range(20) if i not in a]
    documents = [(20, [a, b, [], []]), (400, [[], [], [7], []]), (400, [[], [], [], [7]])]
    decoder = np.kron(np.eye(2), ALIKE)
    table, families = found_in(tmp_path, documents, decoder)
    assert families["absorption_candidate"].tested == 1
    assert listed(table, "absorption_candidate") == {(0, 1)}
    assert table["q_value"].to_pylist() == table["p_value"].to_pylist() == [0.05]


@pytest.mark.parametrize("dead", [0, 1])
@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.usefixtures("one_bin")
def test_duplicates_are_corrected_for_all_pairs_of_latents_that_fire(
    dead: int, others: int, tmp_path: Path
) -> None:
    # The first document decides: one shift of twenty gives as many joint tokens. The second adds
    # certainty, as all its shifts give the same.
    a = [0, 1, 2, 4, 5, 8, 10, 13, 14, 16]
    whole = list(range(40))
    silent: list[list[int]] = [[]] * dead
    documents = [
        (20, [a, a, *([[]] * others), *silent]),
        (40, [whole, whole, *([[]] * others), *silent]),
        (400, [[], [], *([[7]] * others), *silent]),
    ]
    decoder = np.random.default_rng(0).standard_normal((2 + others + dead, 64))
    table, families = found_in(tmp_path, documents, decoder)
    assert families["duplicate"].tested == 1
    assert (
        f"All {3 if others else 1} pairs of the {2 + others} latents"
        in families["duplicate"].family
    )
    assert listed(table, "duplicate") == (set() if others else {(0, 1)})


@pytest.mark.usefixtures("one_bin")
def test_a_pair_of_siblings_is_listed_with_the_parent_of_smallest_q(tmp_path: Path) -> None:
    # Latents 0 and 1 exclude each other on the first ten tokens of documents. Both parents, 2 and
    # 3, fire there, but parent 3 not in all documents, so its q is larger.
    even, odd, every = [0, 2, 4, 6, 8], [1, 3, 5, 7, 9], list(range(10))
    both = (20, [even, odd, every, every])
    one = (20, [even, odd, every, []])
    lonely = (20, [[], [], every, every])
    documents = [both] * 46 + [one] * 2 + [lonely] * 20 + [(3_000, [[], [], [], []])]
    decoder = np.eye(4)
    table, families = found_in(tmp_path, documents, decoder)
    assert {(0, 2), (1, 2), (0, 3), (1, 3)} <= listed(table, "implication")
    assert families["exclusive"].tested == 2
    exclusive = table.filter(pa.compute.equal(table["relation"], "exclusive")).to_pylist()
    assert [(row["a"], row["b"], row["parent"]) for row in exclusive] == [(0, 1, 2)]
    assert exclusive[0]["joint_tokens"] == 0
    assert exclusive[0]["expected_shifted"] == pytest.approx(48 * 5 * 5 / 10)
    # Half of the ten shifts of a document give no joint token. Of two tests, p is the smaller one.
    assert exclusive[0]["p_value"] == pytest.approx(0.5**48, rel=1e-9, abs=0)
    assert exclusive[0]["q_value"] == pytest.approx(2 * 0.5**48, rel=1e-9, abs=0)


@pytest.mark.usefixtures("one_bin")
def test_of_parents_with_equal_q_the_one_with_the_smallest_id_is_listed(tmp_path: Path) -> None:
    even, odd, every = [0, 2, 4, 6, 8], [1, 3, 5, 7, 9], list(range(10))
    documents = [(20, [every, even, odd, every])] * 40 + [(20, [every, [], [], every])] * 20
    table, families = found_in(tmp_path, [*documents, (3_000, [[]] * 4)], np.eye(4))
    assert families["exclusive"].tested == 2
    exclusive = table.filter(pa.compute.equal(table["relation"], "exclusive")).to_pylist()
    assert [(row["a"], row["b"], row["parent"]) for row in exclusive] == [(1, 2, 0)]


@pytest.mark.parametrize(
    ("pair_documents", "tested"),
    [
        # Each document of two tokens adds a half, as above; the last one adds 10 / 21.
        pytest.param([(2, [[0, 1], [0], [1]])] * 6, 1, id="three are expected"),
        pytest.param(
            [(2, [[0, 1], [0], [1]])] * 5 + [(21, [list(range(21)), [0], list(range(1, 11))])],
            0,
            id="fewer than three are expected",
        ),
    ],
)
@pytest.mark.usefixtures("one_bin")
def test_siblings_are_tested_if_three_joint_tokens_are_expected(
    pair_documents: Documents, tested: int, tmp_path: Path
) -> None:
    # The parent is latent 0. Its children, 1 and 2, mostly fire in different documents.
    run = list(range(50))
    apart: Documents = [(400, [run, run, []]), (400, [run, [], run])] * 2
    table, families = found_in(tmp_path, apart + pair_documents, np.eye(3))
    assert listed(table, "implication") == {(1, 0), (2, 0)}
    assert families["exclusive"].tested == tested
    exclusive = table.filter(pa.compute.equal(table["relation"], "exclusive")).to_pylist()
    assert [(row["a"], row["b"], row["parent"]) for row in exclusive] == [(1, 2, 0)] * tested


@pytest.mark.usefixtures("one_bin")
def test_exclusive_siblings_are_not_listed_as_absorption_candidates(tmp_path: Path) -> None:
    even, odd, every = [0, 2, 4, 6, 8], [1, 3, 5, 7, 9], list(range(10))
    documents = [(20, [even, odd, every])] * 30 + [(900, [[], [], []])]
    decoder = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    table, families = found_in(tmp_path, documents, decoder)
    assert listed(table, "exclusive") == {(0, 1)}
    assert listed(table, "absorption_candidate") == set()
    assert families["absorption_candidate"].tested == 1
    assert "1 such pairs are exclusive siblings" in families["absorption_candidate"].rule
