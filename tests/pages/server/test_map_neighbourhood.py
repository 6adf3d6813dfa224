"""The route of what surrounds a latent on a map."""

import json
from dataclasses import asdict

import pytest

from analysis.bundle import Bundle
from charts.latent_card import map_neighbourhood
from pages.server.map_neighbourhood import neighbourhood
from tests.pages.server.conftest import asked, body

pytestmark = pytest.mark.usefixtures("offered")


def test_a_neighbourhood_is_by_the_measure(planted_bundle: Bundle) -> None:
    path = {"map": "decoder", "latent": "3"}
    sent = json.loads(body(neighbourhood(asked(planted_bundle, {"measure": "jaccard"}, **path))))
    around = map_neighbourhood(planted_bundle, 3, "decoder", "jaccard")
    assert around is not None
    assert sent == json.loads(json.dumps(asdict(around)))
    phi = json.loads(body(neighbourhood(asked(planted_bundle, None, **path))))
    assert phi["measure"] != sent["measure"]


def test_an_unknown_measure_has_a_sentence(planted_bundle: Bundle) -> None:
    query = {"measure": "psi"}
    answer = neighbourhood(asked(planted_bundle, query, map="decoder", latent="3"))
    assert answer.status_code == 400 and b"no measure 'psi'" in bytes(answer.body)
