"""`/map-data/…/search`: the best hits for a text, while a reader types."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pages.server.map_data import BASE, NOT_KEPT, of_bundle

if TYPE_CHECKING:
    from analysis.bundle import Bundle

LATER = 202
"""The status while the index is being made; there are no hits yet."""
KEPT_SHORTLY = {"Cache-Control": "private, max-age=300"}


@of_bundle
def search_hits(bundle: "Bundle", request: Request) -> Response:
    """The hits of every kind as one list (`charts.search_lines`); none for an empty text."""
    from analysis.selection.search import is_ready  # noqa: PLC0415
    from charts.search_lines import search_lines  # noqa: PLC0415

    if not is_ready(bundle):
        return JSONResponse([], LATER, NOT_KEPT)
    lines = search_lines(bundle, request.query_params.get("text", ""))
    return JSONResponse([asdict(line) for line in lines], headers=KEPT_SHORTLY)


ROUTES = (Route(f"{BASE}/search", search_hits, methods=["GET"]),)
