"""The route of the card of a latent."""

import json
from dataclasses import asdict

import pytest
from starlette.exceptions import HTTPException

from analysis.bundle import Bundle
from charts.latent_card import latent_card
from pages.server import map_cards
from tests.pages.server.conftest import asked, body

pytestmark = pytest.mark.usefixtures("offered")


def test_a_card_is_that_of_the_latent_and_the_level(planted_bundle: Bundle) -> None:
    level = planted_bundle.manifest.clustering[-1].name
    query = {"space": level.space, "level": level.level}
    sent = json.loads(body(map_cards.card(asked(planted_bundle, query, latent="3"))))
    assert sent == json.loads(json.dumps(asdict(latent_card(planted_bundle, 3, level))))
    assert sent["latent"] == 3 and sent["context"]


def test_a_latent_is_a_whole_number_that_the_bundle_has(planted_bundle: Bundle) -> None:
    with pytest.raises(HTTPException):
        map_cards.card(asked(planted_bundle, latent="x"))
    answer = map_cards.card(asked(planted_bundle, latent="99999"))
    assert answer.status_code == 400 and b"there is no latent 99999" in bytes(answer.body)
