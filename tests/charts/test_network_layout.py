"""The layout of a network, and the names that fit, against scikit-network and brute force."""

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from sknetwork.embedding import Spring

from charts.core.text import cells
from charts.network_layout import CELL, GAP, LINE, NEVER, least_widths, spread


def test_the_layout_is_reproducible_bounded_and_groups_connected_nodes() -> None:
    rng = np.random.default_rng(0)
    block = np.repeat(np.arange(3), 10)
    a, b = np.nonzero(np.triu((block[:, None] == block) & (rng.random((30, 30)) < 0.6), 1))
    place = spread(30, a, b)
    assert np.array_equal(place, spread(30, a, b))
    assert np.abs(place).max() <= 1
    apart = np.linalg.norm(place[:, None] - place[None], axis=2)
    same = block[:, None] == block
    assert apart[same].mean() < 0.5 * apart[~same].mean()
    assert spread(1, np.array([], int), np.array([], int)).shape == (1, 2)


@pytest.mark.parametrize(("nodes", "edges"), [(2, 1), (10, 12), (41, 130), (50, 130)])
def test_the_layout_is_that_of_scikit_network(nodes: int, edges: int) -> None:
    rng = np.random.default_rng(nodes)
    every = np.column_stack(np.triu_indices(nodes, 1))
    a, b = every[np.sort(rng.choice(len(every), edges, replace=False))].T
    turn = np.arange(nodes) * np.pi * (3 - 5**0.5)
    start = (
        np.column_stack([np.cos(turn), np.sin(turn)]) * (np.arange(nodes)[:, None] / nodes) ** 0.5
    )
    adjacency = coo_matrix((np.ones(edges), (a, b)), shape=(nodes, nodes)).tocsr()
    place = Spring(n_iter=200).fit(adjacency + adjacency.T, position_init=start).embedding_
    place -= place[0]
    assert spread(nodes, a, b) == pytest.approx(place / np.abs(place).max(axis=0), abs=1e-6)


def test_gravity_keeps_groups_without_edges_between_them_together() -> None:
    a = np.array([0, 1, 2, 10, 11, 12, 19])
    place = spread(21, a, a + 1, gravity=0.6)
    assert np.allclose(place.mean(axis=0), 0, atol=0.2) and np.abs(place).max() <= 1
    free = spread(21, a, a + 1)
    assert np.linalg.norm(place, axis=1).std() < np.linalg.norm(free, axis=1).std()


@pytest.mark.parametrize("width", [320, 500, 760, 1400])
def test_names_that_are_drawn_at_a_width_do_not_touch(width: int) -> None:
    rng = np.random.default_rng(2)
    place = rng.uniform(-1, 1, (60, 2))
    names = ["name " * int(k) for k in rng.integers(1, 5, 60)]
    edge, height = 1.15, 560
    widths = least_widths(place, names, edge, height, 2000)
    shown = np.flatnonzero(widths <= width)
    x, y = (place[:, 0] + edge) * width / (2 * edge), place[:, 1] * height / (2 * edge)
    half = np.array([CELL * cells(name) / 2 for name in names])
    for i in shown:
        for j in shown[shown < i]:
            assert abs(y[i] - y[j]) >= LINE or abs(x[i] - x[j]) >= half[i] + half[j]
    assert 0 in shown and len(shown) < 60


def test_a_name_gives_way_only_where_there_is_no_room() -> None:
    place = np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 0.5], [0.5, 0.0], [0.1, 0.9]])
    widths = least_widths(place, ["one", "same place", "above", "beside", ""], 1.0, 600, 2000)
    assert widths[0] < 30 and widths[2] < 60, "nothing is near"
    assert widths[1] == NEVER and widths[4] == NEVER
    half = CELL * (3 + 6) / 2
    assert widths[3] == pytest.approx((half + 6) * 2 / 0.5)


def test_a_chart_is_at_least_as_wide_as_each_name_in_it() -> None:
    place = np.array([[0.0, 0.0], [-0.9, 0.9], [0.5, 0.5]])
    names = ["a name that is alone on its line", "near the left edge", "日本"]
    widths = least_widths(place, names, 1.15, 560, 2000)
    # Near an edge the name is on one side of its place, and is given twice the room.
    assert widths == pytest.approx([CELL * 32, 2 * CELL * 18, CELL * 4])
    assert least_widths(place[:1], names[:1], 1.15, 560, CELL * 32 - 1).tolist() == [NEVER]
    assert least_widths(place[:1], names[:1], 1.15, 560, CELL * 32).tolist() == [CELL * 32]


def test_names_a_line_apart_do_not_give_way() -> None:
    names, alone = ["above", "below"], CELL * 5
    for apart, is_free in ((1.0, True), (0.99, False)):
        place = np.array([[0.1, 0.0], [0.0, apart]])
        widths = least_widths(place, names, 1.0, 2 * LINE, 2000)  # 1 is one line
        assert (widths[1] == pytest.approx(alone)) == is_free
        assert is_free or widths[1] == pytest.approx((alone + GAP) * 2 / 0.1)


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize(("across", "times"), [(0.7, 1), (0.75, 2)])
def test_a_name_near_either_edge_may_take_twice_as_much(
    side: int, across: float, times: int
) -> None:
    place = np.array([[side * across, 0.0], [side * 0.2, 0.0]])
    widths = least_widths(place, ["edge", "in"], 1.15, 560, 2000)
    needed = CELL * 4 / 2 * times + CELL * 2 / 2 + GAP
    assert widths[1] == pytest.approx(needed * 2 * 1.15 / (across - 0.2))
