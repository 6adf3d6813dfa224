"""`/map-data/…/card/…`: what a card on the map tells of a latent."""

from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pages.server.map_data import BASE, latent_of_request, level_of_request, of_bundle
from pages.server.map_modules import FOR_EVER

if TYPE_CHECKING:
    from analysis.bundle import Bundle


@of_bundle
def card(bundle: "Bundle", request: Request) -> Response:
    """The card of a latent (`charts.latent_card`)."""
    from charts.latent_card import latent_card  # noqa: PLC0415

    latent = cast("int", latent_of_request(request.path_params["latent"]))
    level = level_of_request(request.query_params)
    return JSONResponse(asdict(latent_card(bundle, latent, level)), headers=FOR_EVER)


ROUTES = (Route(f"{BASE}/card/{{latent}}", card, methods=["GET"]),)
