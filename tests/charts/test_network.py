"""The network of a latent, against independent counts."""

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from sknetwork.embedding import Spring

from analysis.bundle import Bundle, Space
from charts import network
from charts.network import EDGES_EACH, _strongest, neighbourhood, spread
from tests.charts.drawn import drawn_rows


def test_a_network_has_the_strongest_partners_and_true_edges(tiny: Bundle) -> None:
    latent = 20
    figure = neighbourhood(tiny, latent, "jaccard", partners=12)
    active = tiny.latents["active_tokens"].to_numpy()
    stored = tiny.partners.all().to_pandas()
    joint = {(r.latent, r.partner): r.joint_tokens for r in stored.itertuples()}
    own = [
        (both / (active[a] + active[b] - both), -b) for (a, b), both in joint.items() if a == latent
    ]
    wanted = [-b for _, b in sorted(own, reverse=True)[:12]]
    assert figure.rows["latent"].to_pylist() == [latent, *wanted]
    spec = figure.chart.to_dict()
    lines = spec["datasets"][spec["layer"][0]["data"]["name"]]
    for line in lines:
        both = joint.get((line["a"], line["b"]), joint.get((line["b"], line["a"])))
        assert line["joint_tokens"] == both
        assert line["jaccard"] == pytest.approx(
            both / (active[line["a"]] + active[line["b"]] - both), abs=1e-9
        )
    of_chosen = {line["b"] for line in lines if line["of_chosen"]}
    assert of_chosen == set(wanted)
    assert len({(line["a"], line["b"]) for line in lines}) == len(lines)
    assert len(lines) <= 12 + 12 * EDGES_EACH


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


def test_a_latent_without_partners_is_the_only_node(tiny: Bundle) -> None:
    figure = neighbourhood(tiny, 0)
    assert figure.rows["latent"].to_pylist() == [0]
    assert figure.chart.to_dict()


def test_edges_of_the_chosen_latent_and_the_four_strongest_of_each_are_drawn() -> None:
    # A complete graph of seven nodes. Edges between nodes with small numbers are stronger.
    low, high = np.triu_indices(7, 1)
    value = np.asarray(100 - 10 * low - high, dtype=np.float64)
    drawn = (
        set(zip(low[keep].tolist(), high[keep].tolist(), strict=True))
        if (keep := _strongest(low, high, value, 7)).any()
        else set()
    )
    wanted = {(0, node) for node in range(1, 7)}
    for node in range(1, 7):
        own = [(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True) if node in (a, b)]
        wanted |= set(sorted(own, key=lambda edge: 10 * edge[0] + edge[1])[:4])
    assert drawn == wanted
    assert (5, 6) not in drawn


def test_a_pair_with_two_conditionals_has_the_larger_one(tiny: Bundle) -> None:
    figure = neighbourhood(tiny, 20, "p_b_given_a", partners=10)
    active = tiny.latents["active_tokens"].to_numpy()
    stored = tiny.partners.all().to_pandas()
    both = {(r.latent, r.partner) for r in stored.itertuples()}
    checked = 0
    for line in drawn_rows(figure, "a", "b", "of_chosen"):
        a, b, joint = line["a"], line["b"], line["joint_tokens"]
        given = [active[i] for i, pair in ((a, (a, b)), (b, (b, a))) if pair in both]
        assert line["p_b_given_a"] == pytest.approx(joint / min(given))
        checked += len(given) == 2 and active[a] != active[b]
    assert checked > 5


def test_the_chosen_latent_and_thirteen_partners_have_their_name_in_the_drawing(
    tiny: Bundle,
) -> None:
    assert network.MOST_PARTNERS == 40
    nodes = drawn_rows(neighbourhood(tiny, 20), "chosen", "text", "name")
    assert len(nodes) > 14
    assert [node["text"] for node in nodes[:14]] == [node["name"] for node in nodes[:14]]
    assert not any(node["text"] for node in nodes[14:])
    assert [node["chosen"] for node in nodes] == [True] + [False] * (len(nodes) - 1)


def test_the_caption_and_the_note_count_partners_and_edges(tiny: Bundle) -> None:
    figure = neighbourhood(tiny, 20, "jaccard", partners=12)
    assert f"The 12 strongest partners with at least {3} joint tokens" in str(figure.note)
    nodes = set(figure.rows["latent"].to_pylist())
    stored = tiny.partners.all().to_pandas().query("joint_tokens >= 3")
    among = {
        frozenset((r.latent, r.partner))
        for r in stored.itertuples()
        if r.latent in nodes and r.partner in nodes
    }
    lines = drawn_rows(figure, "a", "b", "of_chosen")
    assert figure.caption.parameters["edges"] == f"{len(lines)} of {len(among)} stored"


@pytest.mark.parametrize(
    ("space", "column"),
    [(None, "cluster"), ("decoder", "cluster"), ("cooccurrence", "cluster_cooccurrence")],
)
def test_the_groups_are_the_clusters_of_the_space(
    tiny: Bundle, space: Space | None, column: str
) -> None:
    rows = neighbourhood(tiny, 20, space=space, partners=8).rows.to_pylist()
    stored = tiny.latents[column].to_pylist()
    assert [row["group"] for row in rows] == [stored[row["latent"]] for row in rows]


def test_a_latent_without_a_cluster_has_a_dash_in_its_tooltip(tiny: Bundle) -> None:
    figure = neighbourhood(tiny, 20)
    texts = {row["latent"]: row["group_text"] for row in drawn_rows(figure, "group_text")}
    groups = dict(zip(*(figure.rows[c].to_pylist() for c in ("latent", "group")), strict=True))
    assert texts == {i: "–" if g is None else str(g) for i, g in groups.items()}
