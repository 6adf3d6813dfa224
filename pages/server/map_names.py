"""`/map-data/…/names/…`: the names of clusters on a map, and of the latents in one of its tiles."""

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pages.server.map_data import BASE, level_of_request, map_of_request, of_bundle
from pages.server.map_modules import FOR_EVER

if TYPE_CHECKING:
    from analysis.bundle import Bundle


@of_bundle
def clusters(bundle: "Bundle", request: Request) -> Response:
    """The names of the clusters of all levels of a space (`charts.names_by_zoom`)."""
    from charts.names_by_zoom import cluster_names  # noqa: PLC0415

    names = cluster_names(
        bundle, map_of_request(bundle, request), level_of_request(request.query_params)
    )
    return JSONResponse(names._asdict(), headers=FOR_EVER)


@of_bundle
def latents(bundle: "Bundle", request: Request) -> Response:
    """The best names of the latents in a tile (`charts.names_by_zoom`)."""
    from charts.names_by_zoom import latent_names  # noqa: PLC0415

    place = [request.path_params[name] for name in ("zoom", "column", "row")]
    if not all(part.isascii() and part.isdecimal() and len(part) < 7 for part in place):
        raise HTTPException(404, "A tile is a zoom, a column and a row.")
    zoom, column, row = map(int, place)
    tile = latent_names(bundle, map_of_request(bundle, request), zoom, column, row)
    return JSONResponse(tile, headers=FOR_EVER)


ROUTES = (
    Route(f"{BASE}/names/{{map}}", clusters, methods=["GET"]),
    Route(f"{BASE}/names/{{map}}/{{zoom}}/{{column}}/{{row}}", latents, methods=["GET"]),
)
