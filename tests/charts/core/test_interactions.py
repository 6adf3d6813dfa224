"""Interactions declare a parameter and read its events."""

import altair as alt
import pytest

from charts.core import interactions
from charts.core.interactions import (
    BOX,
    CELL_BRUSH,
    CLUSTER,
    CLUSTER_BRUSH,
    DENSITY,
    INTERACTIONS,
    PAIR,
    PAIR_BRUSH,
    Click,
    Interval,
    NameBrush,
)

Interaction = Click | Interval | NameBrush


def test_every_interaction_is_listed_once_and_names_are_unique() -> None:
    declared = [
        x for x in vars(interactions).values() if isinstance(x, Click | Interval | NameBrush)
    ]
    assert sorted(declared, key=repr) == sorted(INTERACTIONS, key=repr)
    names = [interaction.name for interaction in INTERACTIONS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("interaction", INTERACTIONS, ids=lambda interaction: interaction.name)
def test_the_parameter_has_the_name_and_the_fields(
    interaction: Click | Interval | NameBrush,
) -> None:
    declared = interaction.parameter().param
    assert isinstance(declared, alt.SchemaBase)
    parameter = declared.to_dict()
    assert parameter["name"] == interaction.name
    if isinstance(interaction, Click):
        assert parameter["select"] == {"type": "point", "fields": list(interaction.fields)}
    else:
        wanted = {"type": "interval", "encodings": list(interaction.encodings)}
        assert parameter["select"] == wanted
        assert len(interaction.encodings) == len(interaction.fields)


def test_a_click_gives_its_fields_in_order() -> None:
    assert PAIR.read([{"partner": 4, "latent": 7, "more": 1}]) == {"latent": 7, "partner": 4}
    assert CLUSTER.read([{"cluster": None}]) == {"cluster": None}
    assert PAIR.read([{"latent": 7}]) is None
    assert PAIR.read([]) is None
    assert PAIR.read(None) is None


def test_an_interval_gives_its_ends_in_ascending_order() -> None:
    assert BOX.read({"y": [1, 2.5], "x": [4.0, -3]}) == [(-3.0, 4.0), (1.0, 2.5)]
    assert DENSITY.read({"log10_density": [-1, -4]}) == [(-4.0, -1.0)]
    assert BOX.read({"x": [0, 1]}) is None
    assert BOX.read({}) is None
    assert BOX.read(None) is None


def test_a_drag_over_names_gives_the_ids_at_their_starts() -> None:
    event = {"a": ["12 · 7 days", "3"], "b": ["3", "400 · x\n9"]}
    assert CELL_BRUSH.read(event) == {"ids": [3, 9, 12, 400]}
    pairs = {"pair": ["12 · 7 days\n+ 40 · a + 5", "12\n+ 2"]}
    assert PAIR_BRUSH.read(pairs) == {"ids": [2, 12, 40]}
    assert PAIR_BRUSH.read({"pair": []}) is None
    assert PAIR_BRUSH.read({}) is None
    assert PAIR_BRUSH.read(None) is None


def test_a_drag_over_clusters_gives_the_ids_in_their_names() -> None:
    event = {"a": ["days (of 7) (12)", "cluster 3"], "b": ["cluster 3", "cluster 9 (40)", "x"]}
    assert CLUSTER_BRUSH.read(event) == {"ids": [3, 12, 40]}
    assert CLUSTER_BRUSH.read({"a": ["12 · days"], "b": []}) is None
