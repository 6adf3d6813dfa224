"""The routes of the names on a map."""

import json

import pytest
from starlette.exceptions import HTTPException

from analysis.bundle import Bundle
from charts.names_by_zoom import cluster_names, latent_names
from pages.server import map_names
from tests.pages.server.conftest import asked, body

pytestmark = pytest.mark.usefixtures("offered")


def test_the_names_of_clusters_are_those_of_the_level(planted_bundle: Bundle) -> None:
    level = planted_bundle.manifest.clustering[-1].name
    query = {"space": level.space, "level": level.level}
    sent = json.loads(body(map_names.clusters(asked(planted_bundle, query, map="decoder"))))
    names = cluster_names(planted_bundle, "decoder", level)
    assert sent == {"frame": list(names.frame), "levels": names.levels, "names": names.names}
    assert names.names


def test_the_names_of_a_tile_are_those_of_its_latents(planted_bundle: Bundle) -> None:
    path = {"map": "decoder", "zoom": "1", "column": "1", "row": "0"}
    sent = json.loads(body(map_names.latents(asked(planted_bundle, None, **path))))
    assert sent == latent_names(planted_bundle, "decoder", 1, 1, 0)


@pytest.mark.parametrize("zoom", ["-1", "1.0", "x", "99999999", "²"])
def test_a_tile_is_three_whole_numbers(planted_bundle: Bundle, zoom: str) -> None:
    with pytest.raises(HTTPException):
        map_names.latents(asked(planted_bundle, map="decoder", zoom=zoom, column="0", row="0"))


def test_a_tile_outside_the_map_has_a_sentence(planted_bundle: Bundle) -> None:
    path = {"map": "decoder", "zoom": "1", "column": "2", "row": "0"}
    answer = map_names.latents(asked(planted_bundle, None, **path))
    assert answer.status_code == 400 and bytes(answer.body).endswith(b".")


def test_a_place_of_a_tile_has_at_most_six_digits(planted_bundle: Bundle) -> None:
    path = {"map": "decoder", "zoom": "1", "row": "0"}
    assert (
        map_names.latents(asked(planted_bundle, None, column="999999", **path)).status_code == 400
    )
    with pytest.raises(HTTPException) as refused:
        map_names.latents(asked(planted_bundle, None, column="1000000", **path))
    assert refused.value.status_code == 404
