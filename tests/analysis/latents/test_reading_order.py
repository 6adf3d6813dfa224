"""The reading order against brute force, and its mass against the dense matrix."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.sparse

from analysis.latents.reading_order import (
    Mass,
    families,
    mass_by_document,
    random_coverage,
    ranks_of_latents,
    reading_order,
)
from analysis.runtime.arrays import Floats, Ints
from tests.analysis.conftest import Stored


def of(dense: Floats) -> Mass:
    """A mass of [F, D] without empty documents."""
    return Mass(scipy.sparse.csr_array(dense), dense.sum(axis=0))


def by_brute_force(dense: Floats, items: list[Ints], most: int) -> list[int]:
    """Try every item at every step."""
    chosen: list[int] = []
    total, covered = dense.sum(axis=0), np.zeros(len(dense), dtype=bool)

    def value(mask: np.ndarray) -> float:
        return float(np.sqrt(dense[mask].sum(axis=0) / total).mean())

    while len(chosen) < most:
        gains = []
        for item in items:
            more = covered.copy()
            more[item] = True
            gains.append(value(more) - value(covered))
        best = int(np.argmax(np.round(gains, 12)))
        if gains[best] <= 1e-12:
            break
        chosen.append(best)
        covered[items[best]] = True
    return chosen


@pytest.mark.parametrize("seed", range(5))
def test_the_order_is_that_of_brute_force(seed: int) -> None:
    random = np.random.default_rng(seed)
    dense = random.gamma(0.3, size=(30, 8)) * (random.random((30, 8)) < 0.5) + 1e-9
    items = [np.arange(i, i + 1) for i in range(30)]
    items += [np.unique(random.integers(0, 30, 5)) for _ in range(6)]
    order = reading_order(of(dense), items, 12)
    assert order.item.tolist() == by_brute_force(dense, items, 12)
    covered = np.zeros(30, dtype=bool)
    for i, added, mass, documents in zip(
        order.item, order.latents, order.mass, order.documents, strict=True
    ):
        before = covered.sum()
        covered[items[i]] = True
        assert added == covered.sum() - before
        assert mass == pytest.approx(dense[covered].sum() / dense.sum())
        shares = dense[covered].sum(axis=0) / dense.sum(axis=0)
        assert documents == pytest.approx((shares >= 0.5).mean())


def test_documents_count_evenly_and_not_by_their_mass() -> None:
    """Latent 0 has most of the mass, all in one long document; latent 1 covers three short ones."""
    dense = np.array([[90.0, 0, 0, 0], [0, 1.0, 1.0, 1.0], [10.0, 0, 0, 0]])
    order = reading_order(of(dense), [np.array([i]) for i in range(3)])
    assert order.item.tolist() == [1, 0, 2]
    assert order.mass.tolist() == pytest.approx([3 / 103, 93 / 103, 1.0])
    assert order.documents.tolist() == [0.75, 1.0, 1.0]


def test_half_of_a_document_covers_it() -> None:
    order = reading_order(of(np.array([[2.0, 1.0], [2.0, 2.0]])), [np.array([0])])
    assert order.documents.tolist() == [0.5]


def test_items_that_add_nothing_are_left_out_and_ties_go_to_the_first() -> None:
    dense = np.array([[1.0, 0], [0, 1.0], [0, 0]])
    dense = np.vstack([dense, [[1.0, 0]]])
    items = [np.array([2]), np.array([3]), np.array([0]), np.array([0, 3]), np.array([1])]
    order = reading_order(of(dense), items)
    assert order.item.tolist() == [3, 4]
    tie = reading_order(of(np.array([[1.0], [1.0]])), [np.array([1]), np.array([0])])
    assert tie.item.tolist() == [0, 1]


def test_an_order_has_at_most_1000_items() -> None:
    mass = of(np.eye(1_010))
    items = [np.array([i]) for i in range(1_010)]
    assert len(reading_order(mass, items).item) == 1_000


def test_nothing_to_read() -> None:
    empty = Mass(scipy.sparse.csr_array((3, 0)), np.empty(0))
    order = reading_order(empty, [np.array([0]), np.array([1, 2])])
    assert len(order.item) == len(order.mass) == 0


def test_mass_is_the_sum_of_activations_times_the_norm(stored: Stored) -> None:
    document = pq.read_table(stored.planted.tokens)["document"].to_numpy()
    values = stored.values.astype(np.float64)
    active = values > 0
    ids = np.unique(document)
    counts = np.array([[active[document == d, i].any() for d in ids] for i in range(200)]).sum(1)
    live = np.ones(200, dtype=bool)
    live[190:] = False
    norms = np.linspace(1, 2, 200)
    every = 2 * int(counts[live].sum()) * 16  # bytes of the entries in half of the memory
    for memory, step in ((1 << 30, 1), (every, 1), (every - 1, 2), (every // 2, 2)):
        mass = mass_by_document(
            stored.activations, stored.kept, norms, live, counts, memory_bytes=memory
        )
        expected = np.array([values[document == d].sum(axis=0) * norms for d in ids]).T[:, ::step]
        expected[~live] = 0
        expected = expected[:, expected.sum(axis=0) > 0]
        assert mass.matrix.toarray() == pytest.approx(expected)
        assert mass.total == pytest.approx(expected.sum(axis=0))
    one = np.arange(200) == np.argmin(np.where(counts > 0, counts, len(ids)))
    only = mass_by_document(stored.activations, stored.kept, norms, one, counts)
    assert 0 < len(only.total) == counts[one][0] < len(ids)


def test_families_fold_chains_of_duplicates_and_children() -> None:
    duplicates = np.array([[1, 3], [3, 5]])
    implications = np.array([[0, 5], [4, 2], [0, 2]])
    families_of = [family.tolist() for family in families(6, duplicates, implications)]
    assert families_of == [[0], [0, 1, 3, 5], [0, 2, 4], [], [4], []]
    none = np.empty((0, 2), dtype=np.int64)
    assert [family.tolist() for family in families(2, none, none)] == [[0], [1]]


def test_random_orders_cover_their_share() -> None:
    """With equal latents, a random third of the items covers a third of the mass."""
    dense = np.ones((90, 4))
    items = [np.array([i]) for i in range(90)]
    assert random_coverage(of(dense), items, 30, seed=0) == pytest.approx(1 / 3)
    dense[0] = 1e6
    assert random_coverage(of(dense), items, 30, seed=0) == random_coverage(
        of(dense), items, 30, seed=0
    )
    assert 0 < random_coverage(of(dense), items, 30, seed=0) < 1


def test_random_coverage_is_the_mean_of_twenty_orders() -> None:
    mass = np.arange(1.0, 31.0) ** 2
    random = np.random.default_rng(5)
    shares = [mass[random.permutation(30)[:6]].sum() / mass.sum() for _ in range(20)]
    items = [np.array([i]) for i in range(30)]
    covered = random_coverage(of(mass[:, None]), items, 6, seed=5)
    assert covered == pytest.approx(np.mean(shares), rel=1e-12)


def test_a_latent_of_several_random_items_is_covered_once() -> None:
    mass = np.arange(1.0, 13.0)
    items = [np.arange(i, i + 3) for i in range(10)]  # neighbours share two latents
    random = np.random.default_rng(7)
    orders = [random.permutation(10)[:4] for _ in range(20)]
    covered = [set().union(*(items[i].tolist() for i in order)) for order in orders]
    shares = [sum(mass[latent] for latent in latents) / mass.sum() for latents in covered]
    share = random_coverage(of(mass[:, None]), items, 4, seed=7)
    assert share == pytest.approx(np.mean(shares), rel=1e-12)
    assert random_coverage(of(mass[:, None]), items, 10, seed=7) == pytest.approx(1)


def test_latents_are_ranked_by_their_item_and_then_by_their_mass() -> None:
    dense = np.array([[1.0], [5.0], [3.0], [9.0], [9.0], [0.0]])
    eligible = np.array([True, True, True, True, True, False])
    rank = ranks_of_latents(of(dense), [np.array([0, 2]), np.array([1, 2])], eligible)
    assert rank.tolist() == [1, 2, 0, 3, 4, -1]
