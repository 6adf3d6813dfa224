"""Families of siblings, and their tests on the parent's tokens, against brute force."""

from itertools import combinations

import numpy as np
import pytest

from analysis.bundle import Activations, KeptTokens, kept_tokens
from analysis.cooccurrence import siblings
from analysis.cooccurrence.siblings import Family, families_of, sibling_tests
from analysis.cooccurrence.significance import WORKING_BYTES
from analysis.runtime.progress import Progress
from tests.analysis.cooccurrence import plain_profiles
from tests.planted_relations import write_world

DOCUMENT = np.repeat(np.arange(12), 40)
PARENT, OTHER_PARENT = 0, 5


def activity() -> np.ndarray:
    """Bits [480, 9]: two parents of four and two children, which also fire elsewhere."""
    rng = np.random.default_rng(0)
    bits = rng.random((len(DOCUMENT), 9)) < 0.02
    bits[:, PARENT] = rng.random(len(bits)) < 0.5
    bits[:, OTHER_PARENT] = rng.random(len(bits)) < 0.3
    for child, parent in ((1, 0), (2, 0), (3, 0), (4, 0), (6, 5), (7, 5)):
        bits[:, child] |= bits[:, parent] & (rng.random(len(bits)) < 0.4)
    return bits


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Activations, KeptTokens]:
    folder = tmp_path_factory.mktemp("siblings") / "tables"
    decoder = np.random.default_rng(1).standard_normal((9, 4)).astype(np.float32)
    kept = np.ones(len(DOCUMENT), dtype=bool)
    return write_world(folder, DOCUMENT, kept, activity(), decoder), kept_tokens(folder)


FAMILIES = [Family(5, np.array([6, 7])), Family(0, np.array([1, 2, 3, 4]))]


def joint_counts(parent: int, a: int, b: int) -> tuple[int, float]:
    """Joint tokens on the parent's tokens, and their mean by the plain version of the null."""
    on_parent = activity()[:, parent]
    bits = activity()[on_parent]
    bins = plain_profiles.bins_of_documents([40] * 12)[on_parent]
    mean = plain_profiles.expected_joint(DOCUMENT[on_parent], bins, bits[:, a], bits[:, b])
    return int((bits[:, a] & bits[:, b]).sum()), mean


def test_siblings_are_counted_on_the_parents_tokens(world: tuple[Activations, KeptTokens]) -> None:
    tested = sibling_tests(*world, FAMILIES, least_expected=0.0)
    expected = [(5, 6, 7), *((0, a, b) for a, b in combinations((1, 2, 3, 4), 2))]
    triples = zip(tested.parent.tolist(), tested.a.tolist(), tested.b.tolist(), strict=True)
    assert list(triples) == expected
    assert len(tested) == 7
    for i, (parent, a, b) in enumerate(expected):
        observed, mean = joint_counts(parent, a, b)
        assert tested.tests.observed[i] == observed
        assert tested.tests.expected[i] == pytest.approx(mean)


def test_only_pairs_with_the_least_expected_count_are_tested(
    world: tuple[Activations, KeptTokens],
) -> None:
    every = sibling_tests(*world, FAMILIES, least_expected=0.0).tests.expected
    bound = float(np.sort(every)[3])
    tested = sibling_tests(*world, FAMILIES, least_expected=bound)
    assert tested.tests.expected.tolist() == every[every >= bound].tolist()
    assert len(tested) == 4


def test_same_tests_for_any_memory(world: tuple[Activations, KeptTokens]) -> None:
    reports: list[tuple[str, int, int]] = []
    progress = Progress("siblings", lambda *report: reports.append(report))
    whole = sibling_tests(*world, FAMILIES, least_expected=0.0, progress=progress)
    assert reports == [("siblings", 2, 2)]
    parts = sibling_tests(*world, FAMILIES, least_expected=0.0, memory_bytes=1, progress=progress)
    assert reports[1:] == [("siblings", 1, 2), ("siblings", 2, 2)]
    assert parts.a.tolist() == whole.a.tolist() and parts.parent.tolist() == whole.parent.tolist()
    assert parts.tests.p_fewer.tolist() == whole.tests.p_fewer.tolist()


def test_a_batch_holds_the_activations_of_its_families() -> None:
    counts = np.array([10, 1, 1, 1, 1, 20, 2, 2])
    most = WORKING_BYTES * (24 + 14)
    batches = [
        [each.parent for each in batch] for batch in siblings._batches(FAMILIES, counts, most)
    ]
    assert batches == [[5, 0]]
    batches = [
        [each.parent for each in batch] for batch in siblings._batches(FAMILIES, counts, most - 1)
    ]
    assert batches == [[5], [0]]


def test_without_families_there_are_no_tests(world: tuple[Activations, KeptTokens]) -> None:
    tested = sibling_tests(*world, [], least_expected=0.0)
    assert len(tested) == 0 and tested.tests.observed.dtype == np.int64


def star(children: int, parent: int = 1_000) -> np.ndarray:
    """Implications of `children` latents to one parent."""
    return np.column_stack([np.arange(children), np.full(children, parent)])


def test_a_family_has_at_most_128_children_the_most_active_ones() -> None:
    joint = np.arange(130)[::-1].copy()
    joint[:3] = [5, 1_000, 4]
    families = families_of(star(130), joint)
    (family,) = families.families
    # Of 130 children the two that share the fewest tokens with the parent are left out.
    assert family.children.tolist() == sorted(np.argsort(joint, kind="stable")[2:].tolist())
    assert families.pairs_left_out == 130 * 129 // 2 - 128 * 127 // 2
    assert families_of(star(128), np.ones(128, dtype=np.int64)).pairs_left_out == 0


def test_of_equally_active_children_those_with_the_smallest_ids_are_compared() -> None:
    shuffled = star(130)[np.random.default_rng(0).permutation(130)]
    (family,) = families_of(shuffled, np.ones(130, dtype=np.int64)).families
    assert family.children.tolist() == list(range(128))


def test_small_families_come_first_and_fill_the_limit_exactly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    implications = np.concatenate([star(4, 100), star(3, 200), star(2, 300), star(1, 400)])
    joint = np.ones(len(implications), dtype=np.int64)
    monkeypatch.setattr(siblings, "MOST_SIBLING_PAIRS", 4)
    families = families_of(implications, joint)
    assert [family.parent for family in families.families] == [300, 200]
    assert families.pairs_left_out == 6
    monkeypatch.setattr(siblings, "MOST_SIBLING_PAIRS", 3)
    families = families_of(implications, joint)
    assert [family.parent for family in families.families] == [300]
    assert families.pairs_left_out == 9


def test_at_most_two_million_sibling_pairs_are_compared() -> None:
    # 247 families of 128 children have 2,007,616 pairs, 246 have 1,999,488.
    implications = np.concatenate([star(128, 1_000 + parent) for parent in range(247)])
    families = families_of(implications, np.ones(len(implications), dtype=np.int64))
    assert len(families.families) == 246
    assert families.pairs_left_out == 128 * 127 // 2


def test_inside_drops_tokens_outside_the_parent() -> None:
    parent = np.array([2, 5, 7, 9])
    inside = siblings._inside(parent, [np.array([1, 2, 9, 12]), np.array([3]), np.array([5, 7])])
    assert inside.tokens.tolist() == [0, 3, 1, 2]
    assert inside.ends.tolist() == [2, 2, 4]
