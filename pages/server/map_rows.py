"""`/map-data/…/rows/…`: the selected rows of a map as a file, Parquet or CSV with its side file."""

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pages.server.map_data import BASE, level_of_request, map_of_request, of_bundle

if TYPE_CHECKING:
    from analysis.bundle import Bundle
    from charts.core.export import Kind

KINDS: tuple["Kind", ...] = ("parquet", "csv", "csv-metadata", "spreadsheet")


@of_bundle
def rows(bundle: "Bundle", request: Request) -> Response:
    """The rows of the latents of a map that a selection has, as the map's figure plots them."""
    from analysis.selection import evaluate, parse  # noqa: PLC0415
    from charts.core.export import MIME, export, filename  # noqa: PLC0415
    from charts.map import selected_rows  # noqa: PLC0415
    from pages.widgets.noted import noted_for  # noqa: PLC0415

    query = request.query_params
    kind = next((known for known in KINDS if known == request.path_params["kind"]), None)
    if kind is None:
        raise HTTPException(404, "Rows are exported as parquet, csv, csv-metadata or spreadsheet.")
    text = query.get("select", "")
    selection = parse(text)
    noted = noted_for(bundle, selection)
    figure = selected_rows(
        bundle,
        text,
        colour=query.get("colour", "cluster"),
        level=level_of_request(query),
        map_name=map_of_request(bundle, request),
        profile=query.get("profile", ""),
        selected=None if noted is None else evaluate(selection, bundle, noted),
    )
    headers = {
        "Content-Disposition": f'attachment; filename="{filename(figure, kind)}"',
        "Cache-Control": "no-store",
    }
    return Response(export(figure, kind), media_type=MIME[kind], headers=headers)


ROUTES = (Route(f"{BASE}/rows/{{map}}.{{kind}}", rows, methods=["GET"]),)
