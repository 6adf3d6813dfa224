"""`/map-data/…/neighbourhood/…`: the nearest decoder vectors and partners of a latent on a map."""

from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pages.server.map_data import BASE, latent_of_request, map_of_request, of_bundle
from pages.server.map_modules import FOR_EVER

if TYPE_CHECKING:
    from analysis.bundle import Bundle


@of_bundle
def neighbourhood(bundle: "Bundle", request: Request) -> Response:
    """What surrounds a latent (`charts.latent_card`); null if the latent is not on the map."""
    from charts.latent_card import map_neighbourhood  # noqa: PLC0415

    measure = request.query_params.get("measure", "phi")
    on_map = map_of_request(bundle, request)
    latent = cast("int", latent_of_request(request.path_params["latent"]))
    around = map_neighbourhood(bundle, latent, on_map, measure)
    return JSONResponse(None if around is None else asdict(around), headers=FOR_EVER)


ROUTES = (Route(f"{BASE}/neighbourhood/{{map}}/{{latent}}", neighbourhood, methods=["GET"]),)
