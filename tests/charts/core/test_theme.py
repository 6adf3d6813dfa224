"""The configuration of every chart."""

from charts.core.theme import CLUSTER_COLOURS


def test_there_are_enough_different_hues() -> None:
    assert len(set(CLUSTER_COLOURS)) == len(CLUSTER_COLOURS) >= 20
