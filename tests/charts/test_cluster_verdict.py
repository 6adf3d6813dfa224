"""The verdict on a cluster: one of few texts, decided by its stability, its null and its name."""

import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from analysis.clusters.stability import weak
from charts.cluster_verdict import reproducible_words, verdict_on, verdicts, verdicts_of_level


def rows_of(
    stability: float | None, bootstrap: float | None, believable: bool | None, lift: float | None
) -> pa.Table:
    return pa.table(
        {
            "stability": pa.array([stability], pa.float32()),
            "bootstrap": pa.array([bootstrap], pa.float32()),
            "believable": pa.array([believable], pa.bool_()),
            "member_lift": pa.array([lift], pa.float32()),
        }
    )


@pytest.mark.parametrize(
    ("stability", "bootstrap", "believable", "lift", "verdict"),
    [
        (0.9, 0.8, True, 12.0, "reproducible"),
        (0.9, 0.8, True, 5.0, "reproducible"),
        (0.9, 0.8, True, None, "reproducible"),
        (0.9, 0.8, True, 4.9, "reproducible, name fits few"),
        (0.9, 0.8, True, 1.01, "reproducible, name fits few"),
        (0.9, 0.8, True, 1.0, "reappears; no shared words"),
        (0.9, 0.8, True, 0.0, "reappears; no shared words"),
        (0.9, 0.8, None, 12.0, "reappears, chance not drawn"),
        (0.5, 0.5, True, 12.0, "reproducible"),
        (0.49, 0.8, False, 12.0, "weak group: other seeds differ"),
        (0.9, 0.49, False, 12.0, "weak group: resamples differ"),
        (0.49, 0.49, False, 1.0, "weak group: does not reappear"),
        (0.49, 0.9, None, 12.0, "weak group: other seeds differ"),
        (0.9, 0.8, False, 12.0, "weak group: chance does as well"),
        (0.9, None, None, 12.0, "reappears, chance not drawn"),
        (None, None, None, 12.0, "not measured"),
    ],
)
def test_a_cluster_has_one_verdict(
    stability: float | None,
    bootstrap: float | None,
    believable: bool | None,
    lift: float | None,
    verdict: str,
) -> None:
    assert verdicts(rows_of(stability, bootstrap, believable, lift)) == [verdict]


def test_the_verdict_is_weak_where_the_charts_draw_a_cluster_pale(planted_bundle: Bundle) -> None:
    clusters = planted_bundle.clusters
    is_weak = [text.startswith("weak group: ") for text in verdicts(clusters)]
    assert is_weak == weak(clusters).to_pylist()
    assert len(is_weak) == clusters.num_rows > 0
    assert [verdict_on(row) for row in clusters.to_pylist()] == verdicts(clusters)


def test_the_verdicts_of_a_level_are_those_of_all_its_clusters(planted_bundle: Bundle) -> None:
    for level in planted_bundle.manifest.clustering:
        rows = [
            row
            for row in planted_bundle.clusters.to_pylist()
            if (row["space"], row["level"]) == level.name
        ]
        assert list(verdicts_of_level(planted_bundle, level.name)) == list(map(verdict_on, rows))


def test_the_believable_ones_are_counted_if_clusters_were_compared_with_chance() -> None:
    compared = ["reproducible", "weak group: does not reappear", "reproducible, name fits few"]
    assert reproducible_words(compared) == "2 reproducible"
    assert reproducible_words(["weak group: chance does as well"]) == "0 reproducible"
    wordless = [*compared, *2 * ["reappears; no shared words"]]
    assert reproducible_words(wordless) == "4 reproducible, 2 of them without shared words"
    for unknown in (
        ["reappears, chance not drawn", "weak group: other seeds differ"],
        ["not measured"],
    ):
        assert reproducible_words(unknown) == ""
    assert reproducible_words([]) == ""
