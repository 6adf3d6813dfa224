"""The graph above the shift, against a dense brute force."""

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from analysis.cooccurrence import shift_graph as module
from analysis.cooccurrence.position_profile import stretches
from analysis.cooccurrence.shift_graph import shift_graph, shift_graphs
from tests.analysis.conftest import Stored
from tests.analysis.cooccurrence.dense import gram_of, incidence_of
from tests.analysis.cooccurrence.test_null_models import kept_documents
from tests.charts.conftest import make_bundle
from tests.planted import DEAD, DENSE, INDEPENDENT
from tests.threads import COUNTS, threads

CHOSEN = np.array([i for i in range(200) if i not in DEAD and i not in DENSE and i % 7])


def plain(stored: Stored, k: int) -> list[list[int]]:
    """The neighbours of every chosen latent, as latents, from the dense matrix of kept tokens.

    The rule and its numbers are those of docs/statistics.md.
    """
    bits = stored.bits[:, CHOSEN]
    joint, n, N = gram_of(bits > 0), bits.sum(axis=0), len(bits)
    phis = np.asarray(np.corrcoef(bits.T))
    in_stretch = np.add.reduceat(bits, np.append(0, stretches(stored.kept).ends[:-1]))
    lengths = np.diff(stretches(stored.kept).ends, prepend=0)
    expected = in_stretch.T @ (in_stretch / lengths[:, None])
    rows = []
    for a in range(len(CHOSEN)):
        passing = []
        for b in range(len(CHOSEN)):
            j, e = joint[a, b], expected[a, b]
            phi = phis[a, b]
            if a == b or j < 3 or phi <= 0 or j <= e:
                continue
            if j * np.log(j / e) - j + e > np.log(len(CHOSEN) / 0.05):
                passing.append((-round(phi, 9), CHOSEN[b]))
        rows.append([int(latent) for _, latent in sorted(passing)[:k]])
    assert stored.kept.total == N and (n > 0).all()
    return rows


def test_neighbours_are_the_strongest_partners_that_meet_more_often_than_shifts_explain(
    stored: Stored, tmp_path: Path
) -> None:
    graph = shift_graph(stored.activations, stored.kept, CHOSEN, tmp_path / "joint", k=12)
    assert not (tmp_path / "joint").exists()
    near = [[int(CHOSEN[i]) for i in row if i >= 0] for row in graph.neighbours]
    wanted = plain(stored, 12)
    assert near == wanted
    assert 5 < np.mean([len(row) for row in wanted]) < 11
    bits = stored.bits[:, CHOSEN]
    for a in (0, 60, len(CHOSEN) - 1):
        for b, phi in zip(graph.neighbours[a], graph.cosines[a], strict=True):
            known = np.corrcoef(bits[:, a], bits[:, b])[0, 1] if b >= 0 else np.nan
            assert phi == pytest.approx(known, rel=1e-5, nan_ok=True)


@pytest.mark.parametrize("order", [*permutations((7, 2, 9))])
def test_of_equally_strong_partners_the_smaller_ids_come_first(order: tuple[int, ...]) -> None:
    near = module._Candidates(np.empty(2, np.int32), np.empty(2), np.empty(2, np.uint32))
    held = 0
    for b in order:
        held = module._insert(near, held, np.int32(b), 0.5, 3)
    assert (held, near.latents.tolist()) == (2, [2, 7])


def test_every_partner_is_kept_if_wanted(stored: Stored, tmp_path: Path) -> None:
    above, graph = shift_graphs(
        stored.activations, stored.kept, CHOSEN, tmp_path / "joint", k=7, every=12
    )
    alone = shift_graph(stored.activations, stored.kept, CHOSEN, tmp_path / "joint", k=7)
    np.testing.assert_array_equal(above.neighbours, alone.neighbours)
    np.testing.assert_array_equal(above.cosines, alone.cosines)
    bits = stored.bits[:, CHOSEN]
    phi: np.ndarray = np.asarray(np.corrcoef(bits.T))
    np.fill_diagonal(phi, 0)
    phi[gram_of(bits > 0) == 0] = 0
    expected = -np.sort(-np.where(phi > 0, phi, np.nan), axis=1)[:, :12]
    np.testing.assert_allclose(graph.cosines, expected, rtol=1e-4)
    assert "above the shift" not in graph.how


def test_most_neighbours_are_of_the_planted_group_and_independent_latents_have_few(
    stored: Stored, tmp_path: Path
) -> None:
    graph = shift_graph(stored.activations, stored.kept, CHOSEN, tmp_path / "joint", k=9)
    known = graph.neighbours >= 0
    group = np.where(CHOSEN < 160, CHOSEN // 10, -1)
    own = np.broadcast_to(group[:, None], known.shape)
    same = own[known] == group[graph.neighbours[known]]
    assert same[own[known] >= 0].mean() > 0.9
    independent = np.isin(CHOSEN, INDEPENDENT)
    assert known[independent].sum() <= 0.2 * independent.sum()


def test_shifted_latents_have_hardly_any_neighbours(stored: Stored, tmp_path: Path) -> None:
    for shift in (0, 7):
        graph = shift_graph(
            stored.activations, stored.kept, CHOSEN, tmp_path / "joint", k=9, shift=shift
        )
        assert (graph.neighbours >= 0).sum(axis=1).mean() < 0.5


def test_a_shift_turns_every_latent_inside_every_stretch_by_one_distance() -> None:
    rng = np.random.default_rng(0)
    ends = np.array([40, 41, 100])
    lists = [np.sort(rng.choice(100, size, replace=False)) for size in (30, 1, 100, 55)]
    latents = np.array([3, 4, 9, 70])
    latent_ends = np.cumsum([len(one) for one in lists])
    places = np.concatenate(lists).astype(np.int64)
    module._shift(places, latent_ends, latents, ends, 5)
    distances = set()
    for before, after in zip(lists, np.split(places, latent_ends[:-1]), strict=True):
        assert (np.diff(after) > 0).all()
        for begin, end in zip((0, 40, 41), ends, strict=True):
            inside = before[(before >= begin) & (before < end)] - begin
            moved = set(after[(after >= begin) & (after < end)] - begin)
            turns = [by for by in range(end - begin) if set((inside + by) % (end - begin)) == moved]
            assert turns
            distances.add((len(turns), turns[0]))
    assert len(distances) > 4


def test_masked_tokens_are_in_no_count_and_nothing_is_shifted_onto_them(tmp_path: Path) -> None:
    tiny = make_bundle(tmp_path)
    kept = tiny.kept_tokens
    assert kept.total < kept.rows
    latents = np.flatnonzero(tiny.latents["active_tokens"].to_numpy() > 0)
    positions = np.flatnonzero(tiny.tokens["kept"].to_numpy(zero_copy_only=False))
    active = np.zeros((kept.total, len(latents)))
    for i, latent in enumerate(latents):
        rows = tiny.activations.of_latent(int(latent))[0]
        active[np.searchsorted(positions, rows), i] = 1
    graph = shift_graph(tiny.activations, kept, latents, tmp_path / "joint", k=6)
    known = graph.neighbours >= 0
    assert known.sum() > 10
    for a, b in zip(*np.nonzero(known), strict=True):
        phi = np.corrcoef(active[:, a], active[:, graph.neighbours[a, b]])[0, 1]
        assert graph.cosines[a, b] == pytest.approx(phi, rel=1e-5)
    chosen = module._Chosen(tiny.activations, kept, latents, stretches(kept).ends, shift=2)
    for block in chosen.blocks_by_latent():
        assert np.isin(block.tokens, positions).all()


def test_shifts_differ_between_seeds_and_are_repeated_by_one() -> None:
    def shifted(seed: int) -> list[int]:
        places = np.arange(0, 1_000, 7, dtype=np.int64)
        module._shift(places, np.array([len(places)]), np.array([2]), np.array([300, 1_000]), seed)
        return list(places)

    assert shifted(1) == shifted(1) != shifted(2)


def test_no_byte_depends_on_threads_or_memory(stored: Stored, tmp_path: Path) -> None:
    made = []
    for count in COUNTS[:2]:
        with threads(count):
            made.append(
                shift_graph(
                    stored.activations, stored.kept, CHOSEN, tmp_path / "joint", k=9, shift=3,
                    memory_bytes=1 << (14 + 6 * count),
                )
            )  # fmt: skip
    assert made[0].neighbours.tobytes() == made[1].neighbours.tobytes()
    assert made[0].cosines.tobytes() == made[1].cosines.tobytes()


def test_no_latents_have_no_graph(stored: Stored, tmp_path: Path) -> None:
    none = np.empty(0, dtype=np.int64)
    graph = shift_graph(stored.activations, stored.kept, none, tmp_path / "joint", k=9)
    assert graph.neighbours.shape == (0, 9)
    spread = graph.spread(none, 4)
    assert spread.neighbours.shape == (4, 9) and (spread.neighbours == -1).all()


def neighbours_of(sets: Sequence[range], lengths: list[int], latent: int) -> list[int]:
    """The neighbours of a latent, of latents that are active on these tokens of documents."""
    bits = np.zeros((sum(lengths), len(sets)), dtype=bool)
    for own, tokens in enumerate(sets):
        bits[tokens, own] = True
    kept = kept_documents(lengths)
    above, _ = module._strongest(incidence_of(bits), kept, np.cumsum(lengths), len(sets) - 1)
    return sorted(int(b) for b in above.near[latent] if b >= 0)


@pytest.mark.parametrize(("joint", "neighbours"), [(3, [1]), (2, [])])
def test_neighbours_share_three_tokens(joint: int, neighbours: list[int]) -> None:
    assert neighbours_of([range(joint), range(joint)], [4_000], 0) == neighbours


def test_one_of_twenty_latents_would_have_a_neighbour_by_chance() -> None:
    """The bound of the docstring, with a 20th, for partners that are more and more frequent."""
    counts = range(43, 62)
    joint, tokens, latents = 3, 1_000, 1 + len(counts)
    sets = [range(joint), *(range(count) for count in counts)]
    expected = np.array([joint * count / tokens for count in counts])
    bound = joint * np.log(joint / expected) - joint + expected
    wanted = (1 + np.flatnonzero(bound > np.log(20 * latents))).tolist()
    assert 0 < len(wanted) < len(counts)
    assert neighbours_of(sets, [tokens], 0) == wanted


@pytest.mark.parametrize(("stronger", "neighbours"), [(63, [64]), (64, [])])
def test_the_64_strongest_partners_are_compared_with_the_shift(
    stronger: int, neighbours: list[int]
) -> None:
    """Latent 0 and the stronger partners are active on all of a short document."""
    sets = [range(20), *[range(10)] * stronger, range(10, 16)]
    assert neighbours_of(sets, [10, 990], 0) == neighbours


def test_what_may_be_expected_is_the_last_that_exceeds_the_bound() -> None:
    most = module._most_expected(9.0)
    assert len(most) == module.TABLED
    for joint in (1, 3, 50, 4_095):
        for factor, passes in ((0.999, True), (1.001, False)):
            expected = most[joint] * factor
            if passes or expected < joint:
                assert (joint * np.log(joint / expected) - joint + expected > 9.0) == passes
    assert (np.diff(most[1:]) > 0).all() and (most[1:] < np.arange(1, module.TABLED)).all()


@pytest.mark.parametrize(("expected", "neighbours"), [(4_780, [1]), (4_820, [])])
def test_joint_counts_beyond_the_table_are_judged_too(expected: int, neighbours: list[int]) -> None:
    """Latents that share 5,000 tokens: 192 below the joint count is enough."""
    joint, tokens = 5_000, 20_000
    other = round(expected * tokens / joint)
    sets = [range(joint), range(other)]
    wanted = joint * np.log(joint / expected) - joint + expected > np.log(2 / 0.05)
    assert wanted == bool(neighbours)
    assert neighbours_of(sets, [tokens], 0) == neighbours
