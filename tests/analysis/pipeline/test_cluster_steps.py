"""The steps that cluster use the settings of the build, and the right latents."""

from typing import Any

import numpy as np
import pytest

from analysis.bundle import CLUSTER_COLUMNS, SPACES, Space
from analysis.clusters.null_draws import SAMPLE, SHOWN
from analysis.cooccurrence.shift_graph import shift_graphs
from analysis.decoder.graph import decoder_graph
from analysis.pipeline import cluster_steps as module
from analysis.pipeline.artifacts import (
    DRAW_NULLS,
    FIND_CLUSTERS,
    JOINT_FILES,
    LINKS,
    MEMBERSHIPS,
    NEAREST,
    NEIGHBOURS,
    NULL_CUTS,
    NULL_DRAWS,
    SHOWN_CLUSTERS,
    STATISTICS,
)
from tests.analysis.pipeline.conftest import Finished
from tests.planted import DEAD, DENSE


def flags(finished: Finished) -> np.ndarray:
    return np.array(finished.build.read(STATISTICS)["flag"].to_pylist())


def test_the_nearest_neighbours_begin_with_those_that_are_stored(finished: Finished) -> None:
    wide = finished.build.read(NEAREST).to_pandas()
    stored = finished.build.read(NEIGHBOURS).to_pandas()
    assert wide["rank"].max() == 17 and stored["rank"].max() == 8
    first = wide[wide["rank"] < 9].reset_index(drop=True)
    assert first.equals(stored)


def test_links_join_live_latents_only(finished: Finished) -> None:
    links = finished.build.read(LINKS).to_pandas()
    live = np.flatnonzero(flags(finished) == "live")
    assert set(links["latent"]) | set(links["neighbour"]) <= set(live)
    assert not set(links["latent"]) & {*DEAD, *DENSE}
    assert links["rank"].max() < 18 and (links["cosine"] > 0).all()
    assert not finished.build.path(JOINT_FILES).exists()


def test_all_cuts_of_all_draws_are_kept(finished: Finished) -> None:
    rows = finished.build.read(NULL_CUTS).to_pandas()
    assert finished.build.record(DRAW_NULLS).draws == dict.fromkeys(SPACES, 3)
    own = rows[rows["space"] == "decoder"]
    assert sorted(own["draw"].unique()) == [0, 1, 2]
    assert set(rows["smallest"]) >= {4}
    assert not finished.build.path(NULL_DRAWS).exists()


def test_levels_stand_beside_their_nulls(finished: Finished) -> None:
    levels = finished.build.record(FIND_CLUSTERS).levels
    assert {level.space for level in levels} == set(SPACES)
    counts = {
        "decoder": finished.build.fired.sum(),
        "cooccurrence": (flags(finished) == "live").sum(),
    }
    for level in levels:
        assert level.null_draws == 3 and level.null_latents == counts[level.space]
        assert level.null_stability is not None
    for space in SPACES:
        assert sum(level.shown_first for level in levels if level.space == space) == 1


def test_the_steps_use_the_settings_of_the_build(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module._settings(finished.build) == {"seed": 1, "minimum_cluster": 4, "epochs": 20}
    given: list[Any] = []

    def recorded(*arguments: object, **named: Any) -> None:
        given.append((*arguments, named))
        raise InterruptedError

    monkeypatch.setattr(module, "shift_graphs", recorded)
    decoder, together = module._draws(finished.build)
    for draw, shift in ((0, 1_000), (7, 1_007), (SAMPLE, None)):
        with pytest.raises(InterruptedError):
            module._Shifted(finished.build, together)(draw)
        assert given[-1][-1]["shift"] == shift and given[-1][-1]["k"] == 18
        assert given[-1][-1]["every"] == (9 if draw == SHOWN else 0)
        assert np.array_equal(given[-1][2], np.flatnonzero(flags(finished) == "live"))
    assert np.array_equal(decoder.latents, np.flatnonzero(finished.build.fired))


def test_the_strongest_partners_of_the_shown_draw_are_counted_once(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int | None] = []

    def recorded(*arguments: Any, **named: Any) -> Any:
        counted.append(named["shift"])
        return shift_graphs(*arguments, **named)

    monkeypatch.setattr(module, "shift_graphs", recorded)
    _, together = module._draws(finished.build)
    shifted = module._Shifted(finished.build, together)
    shifted(SHOWN)
    shifted(2)
    strongest = shifted.strongest_of_shown()
    assert counted == [1_000, 1_002] and strongest.k == 9
    resumed = module._Shifted(finished.build, together).strongest_of_shown()
    assert np.array_equal(strongest.neighbours, resumed.neighbours)


def test_the_nearest_vectors_of_the_shown_draw_are_searched_once(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[np.ndarray] = []

    def recorded(vectors: np.ndarray, **named: Any) -> Any:
        searched.append(vectors)
        return decoder_graph(vectors, **named)

    monkeypatch.setattr(module, "decoder_graph", recorded)
    decoder, _ = module._draws(finished.build)
    draws = module._Vectors(finished.build, decoder)
    draws(SHOWN)
    draws(2)
    near = draws.nearest_of_shown()
    assert len(searched) == 2 and near.k == 9
    shown = draws.vectors(SHOWN)
    assert np.array_equal(searched[0], shown) and not np.array_equal(searched[1], shown)
    cosines = shown @ shown.T / np.outer(*[np.linalg.norm(shown, axis=1)] * 2)
    np.fill_diagonal(cosines, -2)
    assert np.allclose(-np.sort(-cosines, axis=1)[:, :9], near.cosines, atol=1e-5)
    resumed = module._Vectors(finished.build, decoder).nearest_of_shown()
    assert np.array_equal(near.neighbours, resumed.neighbours)


def test_a_decoder_draw_is_noise_and_the_sample_is_the_decoder(finished: Finished) -> None:
    decoder, _ = module._draws(finished.build)
    graph_of = module._Vectors(finished.build, decoder)
    (graph, noise), (_, other), (_, own) = graph_of(0), graph_of(1), graph_of(SAMPLE)
    assert graph.k == 18 and len(graph.neighbours) == len(decoder.latents)
    assert own is not None and noise is not None and other is not None
    assert np.array_equal(own, finished.build.decoder[decoder.latents])
    assert noise.shape == other.shape == own.shape
    assert not np.array_equal(noise, other)


@pytest.mark.parametrize("space", SPACES)
def test_the_cluster_shown_first_is_null_where_there_is_none(
    finished: Finished, space: Space
) -> None:
    (first,) = (
        level
        for level in finished.build.record(FIND_CLUSTERS).levels
        if level.space == space and level.shown_first
    )
    members = finished.build.read(MEMBERSHIPS).to_pandas()
    members = members[(members["space"] == space) & (members["level"] == first.level)]
    of_latent = members.set_index("latent")["cluster"]
    shown = finished.build.read(SHOWN_CLUSTERS)[CLUSTER_COLUMNS[space]].to_pylist()
    assert shown == [of_latent.get(latent) for latent in range(200)]
    assert None in shown and len(set(shown)) > 2
