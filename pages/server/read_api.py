"""`/api/v1/…`: bundles, tables, the latents of a selection and notes, for scripts and agents.

A selection has the same text as in the address bar, so a script points at the same latents as a
colleague's link. Rights are those of the pages: a bundle that somebody may not see does not exist,
and tables and notes need the right to export. See docs/api.md.
"""

import math
from collections.abc import Callable, Iterator
from functools import wraps
from typing import TYPE_CHECKING

import starlette.status as http
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pages.server.map_data import LONGEST_SENTENCE
from pages.server.rate_limit import RateLimit
from pages.server.requested_bundle import (
    named_bundle,
    record_export,
    requesting_user,
    require_right,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from analysis.bundle import Bundle

BASE = "/api/v1"
ARROW = "application/vnd.apache.arrow.stream"
MOST_ROWS = 100_000
"""Rows of a table in one answer."""
NOT_KEPT = {"Cache-Control": "no-store"}
LIMIT = RateLimit()
Answer = Callable[[Request], Response]
AnswerOfBundle = Callable[["Bundle", Request], Response]


def limited(answer: Answer) -> Answer:
    """An answer for users who do not ask too often; bad input is one sentence with status 400."""

    @wraps(answer)
    def route(request: Request) -> Response:
        # Imported here because the server imports nothing of the pages at its start.
        from analysis.runtime.errors import InputError  # noqa: PLC0415
        from analysis.serve.access.rights import LOCAL  # noqa: PLC0415
        from charts.core.text import cut, visible  # noqa: PLC0415
        from pages.widgets.failures import report  # noqa: PLC0415

        user = requesting_user(request)
        seconds = 0.0 if user is LOCAL or user is None else LIMIT.wait(user.name)
        if seconds:
            wait = {"Retry-After": str(math.ceil(seconds))}
            raise HTTPException(http.HTTP_429_TOO_MANY_REQUESTS, "Ask less often.", wait)
        try:
            return answer(request)
        except HTTPException:
            raise
        except InputError as error:
            return PlainTextResponse(cut(visible(error.public), LONGEST_SENTENCE), 400)
        except Exception as error:
            return PlainTextResponse(report(error, "answering a request of the API"), 500)

    return route


def of_bundle(answer: AnswerOfBundle) -> Answer:
    """An answer about the bundle whose id is in the path."""

    @limited
    @wraps(answer)
    def route(request: Request) -> Response:
        return answer(named_bundle(request), request)

    return route


@limited
def bundles(request: Request) -> Response:
    """The bundles that the user may see: id, name, and what they were made of."""
    from pages.widgets.bundles import offered_to  # noqa: PLC0415

    offered = offered_to(requesting_user(request))
    listed = [{"id": bundle_id, "name": one.path.name} for bundle_id, one in offered.items()]
    return JSONResponse({"bundles": listed}, headers=NOT_KEPT)


@of_bundle
def bundle(opened: "Bundle", request: Request) -> Response:
    """A bundle: its facts, and its tables with their columns, units and numbers of rows."""
    from analysis.bundle import TABLES  # noqa: PLC0415

    manifest = opened.manifest
    tables = {
        name: {"rows": stored.rows, "columns": _columns(TABLES[name])}
        for name, stored in opened.files.items()
        if name in TABLES
    }
    facts = {
        "id": manifest.bundle_id,
        "name": opened.name,
        "content": opened.identity,
        "sae": manifest.sae.name,
        "hook_point": manifest.sae.hook_point,
        "latents": manifest.sae.d_sae,
        "tokens": manifest.tokens,
        "documents": manifest.documents,
        "active_rule": manifest.active_rule,
        "tables": tables,
    }
    return JSONResponse(facts, headers=NOT_KEPT)


@of_bundle
def latents(opened: "Bundle", request: Request) -> Response:
    """The ids of the latents of a selection, and its text in the canonical form."""
    import numpy as np  # noqa: PLC0415

    from analysis.selection import evaluate, parse  # noqa: PLC0415
    from pages.widgets.noted import noted_for  # noqa: PLC0415

    selection = parse(request.query_params.get("select", ""))
    mask = evaluate(selection, opened, noted_for(opened, selection))
    ids = np.flatnonzero(mask).tolist()
    return JSONResponse({"select": str(selection), "latents": ids}, headers=NOT_KEPT)


@of_bundle
def table(opened: "Bundle", request: Request) -> Response:
    """Rows of a table as a stream of Arrow, from `offset`, at most `limit`; needs `export`."""
    require_right(request, opened, "export")
    name = request.path_params["table"]
    stored = opened.files.get(name)
    if stored is None:
        raise HTTPException(404, "This bundle has no such table.")
    query = request.query_params
    offset = _number(query.get("offset"), 0, stored.rows)
    limit = _number(query.get("limit"), MOST_ROWS, MOST_ROWS)
    rows = _rows(opened.pieces(name), offset, limit)
    record_export(request, opened, f"table {name}, {limit} rows from {offset}")
    more = {"X-Rows": str(stored.rows), **NOT_KEPT}
    if offset + rows.num_rows < stored.rows:
        more["X-Next-Offset"] = str(offset + rows.num_rows)
    return Response(_stream(rows), media_type=ARROW, headers=more)


@of_bundle
def notes(opened: "Bundle", request: Request) -> Response:
    """The notes on the SAE of a bundle as a stream of Arrow; needs `export`."""
    from analysis.notes.interchange import notes_table  # noqa: PLC0415
    from pages.widgets.noted import note_store, place_of  # noqa: PLC0415

    require_right(request, opened, "export")
    rows = notes_table(note_store(), place_of(opened).sae)
    record_export(request, opened, "notes")
    return Response(_stream(rows), media_type=ARROW, headers=NOT_KEPT)


def _columns(schema: "pa.Schema") -> dict[str, dict[str, str]]:
    return {
        field.name: {
            "type": str(field.type),
            "unit": field.metadata[b"unit"].decode(),
            "meaning": field.metadata[b"meaning"].decode(),
        }
        for field in schema
    }


def _number(text: str | None, default: int, most: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(2**63)):
        raise HTTPException(400, "offset and limit are whole numbers.")
    return min(int(text), most)


def _rows(pieces: "Iterator[pa.Table]", offset: int, limit: int) -> "pa.Table":
    """Rows offset to offset + limit of a table that comes in pieces."""
    import pyarrow as pa  # noqa: PLC0415

    taken: list[pa.Table] = []
    for piece in pieces:
        taken.append(piece.slice(offset, limit))
        limit -= taken[-1].num_rows
        offset = max(0, offset - piece.num_rows)
        if limit <= 0:
            break
    return pa.concat_tables(taken) if taken else pa.table({})


def _stream(rows: "pa.Table") -> bytes:
    import pyarrow as pa  # noqa: PLC0415

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    content: bytes = sink.getvalue().to_pybytes()
    return content


ROUTES = (
    Route(f"{BASE}/bundles", bundles, methods=["GET"]),
    Route(f"{BASE}/bundles/{{bundle}}", bundle, methods=["GET"]),
    Route(f"{BASE}/bundles/{{bundle}}/latents", latents, methods=["GET"]),
    Route(f"{BASE}/bundles/{{bundle}}/tables/{{table}}", table, methods=["GET"]),
    Route(f"{BASE}/bundles/{{bundle}}/notes", notes, methods=["GET"]),
)
