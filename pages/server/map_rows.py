"""`/map-data/…/rows/…`: the selected rows of a map as a file, Parquet or CSV with its side file."""

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pages.server.map_data import (
    BASE,
    latent_of_request,
    level_of_request,
    map_of_request,
    of_bundle,
    regime_of_request,
)
from pages.server.requested_bundle import record_export, require_right

if TYPE_CHECKING:
    from analysis.bundle import Bundle
    from charts.core.export import Kind

KINDS: tuple["Kind", ...] = ("parquet", "csv", "csv-metadata", "spreadsheet")
PROVENANCE = "provenance"
"""Only what a picture that the browser draws has to hold, to be made again."""


@of_bundle
def rows(bundle: "Bundle", request: Request) -> Response:
    """The rows of the latents of a map that a selection has, as the map's figure plots them."""
    from analysis.selection import evaluate, parse  # noqa: PLC0415
    from charts.core.export import MIME, export, filename  # noqa: PLC0415
    from charts.core.provenance import provenance_of  # noqa: PLC0415
    from charts.map import selected_rows  # noqa: PLC0415
    from pages.widgets.noted import noted_for, notes_of_colour  # noqa: PLC0415

    require_right(request, bundle, "export")
    query = request.query_params
    kind = request.path_params["kind"]
    if kind not in (*KINDS, PROVENANCE):
        raise HTTPException(404, "Rows are exported as parquet, csv, csv-metadata or spreadsheet.")
    text, colour = query.get("select", ""), query.get("colour", "cluster")
    selection = parse(text)
    noted = noted_for(bundle, selection)
    figure = selected_rows(
        bundle,
        text,
        colour=colour,
        level=level_of_request(query),
        map_name=map_of_request(bundle, request),
        latent=latent_of_request(query.get("latent")),
        measure=query.get("measure", "phi"),
        regime=regime_of_request(query.get("regime")),
        profile=query.get("profile", ""),
        own_text=query.get("own_text", ""),
        notes=notes_of_colour(bundle, colour),
        selected=None if noted is None else evaluate(selection, bundle, noted),
    )
    if kind == PROVENANCE:
        return Response(provenance_of(figure).model_dump_json(), media_type="application/json")
    name = filename(figure, kind)
    record_export(request, bundle, name)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return Response(export(figure, kind), media_type=MIME[kind], headers=headers)


ROUTES = (Route(f"{BASE}/rows/{{map}}.{{kind}}", rows, methods=["GET"]),)
