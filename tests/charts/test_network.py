"""The network of a latent, against independent counts."""

import numpy as np
import pytest

from analysis.bundle import Bundle
from charts.network import EDGES_EACH, _strongest, neighbourhood, spread


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
