"""Clusters of a level, against the membership table."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.bundle import Bundle, LevelName
from analysis.runtime.errors import InputError
from analysis.selection import MAP_COLUMNS
from charts.cluster_level import in_no_cluster, level_of, level_words, medians
from charts.core.theme import CLUSTER_COLOURS, NO_CLUSTER


@pytest.mark.parametrize("level", [0, 1])
def test_every_latent_has_the_cluster_of_its_level_or_none(tiny: Bundle, level: int) -> None:
    members = tiny.memberships.to_pandas().query("space == 'decoder' and level == @level")
    wanted = np.full(tiny.latents.num_rows, -1)
    wanted[members["latent"]] = members["cluster"]
    of_latent = level_of(tiny, LevelName("decoder", level)).of_latent
    assert of_latent.dtype == np.int32
    np.testing.assert_array_equal(of_latent, wanted)
    assert (wanted < 0).any()


@pytest.mark.parametrize("level", [0, 1])
def test_clusters_are_those_of_the_level_largest_first(tiny: Bundle, level: int) -> None:
    table = level_of(tiny, LevelName("decoder", level)).table
    stored = tiny.clusters.to_pandas().query("space == 'decoder' and level == @level")
    order = sorted(zip(-stored["size"], stored["cluster"], strict=True))
    assert table["cluster"].to_pylist() == [cluster for _, cluster in order]
    assert table["size"].to_pylist() == [-size for size, _ in order]


@pytest.mark.parametrize("columns", MAP_COLUMNS.values())
def test_the_centre_of_a_cluster_is_the_median_of_its_members_on_the_map(
    tiny: Bundle, columns: tuple[str, str]
) -> None:
    level = level_of(tiny)
    ids = np.append(level.table["cluster"].to_numpy()[::-1], 10_000)
    place = tiny.latents.select(list(columns)).to_pandas().to_numpy()
    wanted = np.full((len(ids), 2), np.nan)
    for i, cluster in enumerate(ids):
        own = place[(level.of_latent == cluster) & np.isfinite(place).all(axis=1)]
        if len(own):
            wanted[i] = np.median(own, axis=0)
    assert np.isfinite(wanted).all(axis=1).sum() > 4 and np.isnan(wanted[-1]).all()
    np.testing.assert_array_equal(medians(tiny, level.of_latent, ids, columns), wanted)


def test_a_cluster_is_called_by_its_label_or_its_id(tiny: Bundle) -> None:
    clustering = level_of(tiny)
    table = clustering.table
    named = table.set_column(
        table.schema.get_field_index("label"),
        "label",
        [["", "  ", None, "river, sea", *["a\nb"] * (table.num_rows - 4)]],
    )
    ids = table["cluster"].to_pylist()
    names = type(clustering)(
        clustering.name, clustering.of_latent, named, clustering.colours
    ).names()
    assert [names[i] for i in ids[:3]] == [f"cluster {i}" for i in ids[:3]]
    assert [names[i] for i in ids[3:]] == ["river, sea", *["a↵b"] * (len(ids) - 4)]


def test_each_cluster_has_a_colour_which_is_not_that_of_no_cluster(tiny: Bundle) -> None:
    clustering = level_of(tiny)
    assert set(clustering.colours) == set(clustering.of_latent[clustering.of_latent >= 0].tolist())
    assert NO_CLUSTER not in clustering.colours.values()
    # Eight clusters are fewer than there are hues, so that no two share one.
    assert len(set(clustering.colours.values())) == 8
    assert set(clustering.colours.values()) <= set(CLUSTER_COLOURS)


def test_a_level_that_does_not_exist_is_refused(tiny: Bundle) -> None:
    with pytest.raises(InputError, match="no decoder level 2; choose one of decoder level 0, d"):
        level_of(tiny, LevelName("decoder", 2))


def test_a_level_is_of_one_space_and_the_one_shown_first_is_the_default(tiny: Bundle) -> None:
    together = level_of(tiny, LevelName("cooccurrence", 0))
    stored = tiny.memberships.to_pandas().query("space == 'cooccurrence'")
    members = np.flatnonzero(together.of_latent >= 0)
    assert members.tolist() == stored["latent"].tolist()
    assert together.of_latent[members].tolist() == stored["cluster"].tolist()
    assert level_of(tiny).name == ("decoder", 0)
    manifest = tiny.manifest.model_copy(update={"clusters_shown_first": "cooccurrence"})
    assert level_of(replace(tiny, manifest=manifest)).name == ("cooccurrence", 0)
    assert level_words(together.name) == "co-occurrence level 0"


def test_the_latents_in_no_cluster_include_those_that_were_not_clustered(tiny: Bundle) -> None:
    level = tiny.manifest.clustering[0]
    members = tiny.memberships.to_pandas().query("space == @level.space and level == @level.level")
    without = tiny.latents.num_rows - members["latent"].nunique()
    assert in_no_cluster(tiny, level) == without > 0
    # Latents that were not clustered are no noise, but are in no cluster either.
    assert in_no_cluster(tiny, level.model_copy(update={"noise": without - 3})) == without
