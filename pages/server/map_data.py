"""`/map-data/…`: what the map in the browser draws, as binary columns.

Each address holds the identity of the bundle's files, so browsers keep the answers for ever.
"""

import gzip
import math
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, cast, get_args

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pages.server.map_modules import FOR_EVER
from pages.server.requested_bundle import requested_bundle

if TYPE_CHECKING:
    from analysis.bundle import Bundle, LevelName
    from analysis.decoder.map_verdict import MapName

BASE = "/map-data/{bundle}/{content}"
BINARY = {
    **FOR_EVER,
    # Places do not shrink: compressing megabytes of them would cost half a second for nothing.
    "Content-Encoding": "identity",
}
COMPRESSED = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
NOT_KEPT = {"Cache-Control": "no-store"}
LARGEST_ID = 2**31 - 1
LONGEST_SENTENCE = 1000
"""Characters: a sentence may repeat a part of the request."""
Answer = Callable[["Bundle", Request], Response]


def of_bundle(answer: Answer) -> Callable[[Request], Response]:
    """A route from a function of the bundle that the request names.

    What cannot be answered has a status and one sentence. Any other exception is logged, as on a
    page (`pages.widgets.failures`).
    """

    @wraps(answer)
    def route(request: Request) -> Response:
        # Imported here because the server imports nothing of the pages at its start.
        from analysis.runtime.errors import InputError  # noqa: PLC0415
        from charts.core.text import cut, visible  # noqa: PLC0415
        from pages.widgets.failures import report  # noqa: PLC0415

        try:
            return answer(requested_bundle(request), request)
        except HTTPException:
            raise
        except InputError as error:
            return PlainTextResponse(cut(visible(error.public), LONGEST_SENTENCE), 400)
        except Exception as error:
            return PlainTextResponse(report(error, "sending a part of the map"), 500)

    return route


@of_bundle
def positions(bundle: "Bundle", request: Request) -> Response:
    """The places of the latents on a map: uint16 x [n], then uint16 y [n] (`charts.map_points`)."""
    from charts.map_points import map_points  # noqa: PLC0415

    points = map_points(bundle, map_of_request(bundle, request))
    return _binary(points.steps.tobytes())


@of_bundle
def column(bundle: "Bundle", request: Request) -> Response:
    """The colour of every latent by a column, and its legend (`charts.packed_colours`)."""
    from charts.map_columns import colouring  # noqa: PLC0415
    from charts.note_colours import NOTE_COLOURS, digest_of  # noqa: PLC0415
    from charts.packed_colours import packed  # noqa: PLC0415
    from charts.text_colours import OWN_TEXT  # noqa: PLC0415
    from pages.widgets.noted import notes_of_colour  # noqa: PLC0415

    query, name = request.query_params, request.path_params["name"]
    notes = notes_of_colour(bundle, name)
    text = query.get("own_text", "") if name == OWN_TEXT else notes
    colours = colouring(
        bundle,
        name,
        level_of_request(query),
        latent_of_request(query.get("latent")),
        query.get("measure", "phi"),
        regime_of_request(query.get("regime")),
        query.get("profile", ""),
        text,
    )
    # Notes that were written since the page has read them are not those of this address.
    is_named = name not in NOTE_COLOURS or query.get("notes") == digest_of(notes)
    content, headers = packed(colours), BINARY if is_named else BINARY | NOT_KEPT
    if "gzip" in request.headers.get("accept-encoding", ""):
        # The fastest level: colours are few, and a million take 10 to 80 ms.
        content, headers = gzip.compress(content, 1, mtime=0), headers | COMPRESSED
    return _binary(content, headers)


def map_of_request(bundle: "Bundle", request: Request) -> "MapName":
    """The map that the path of a request names."""
    from charts.map_view import maps_of  # noqa: PLC0415

    name = request.path_params["map"]
    if name not in maps_of(bundle):
        raise HTTPException(404, "This bundle has no such map.")
    return cast("MapName", name)


def level_of_request(query: Mapping[str, str]) -> "LevelName | None":
    """The level of the clusters that a request names by `space` and `level`; None without one."""
    from analysis.bundle import LevelName, Space  # noqa: PLC0415

    space, level = query.get("space"), _whole_number(query.get("level", ""))
    if space is None:
        return None
    if space not in get_args(Space) or level is None:
        raise HTTPException(400, "A level of clusters is a space and a number.")
    return LevelName(cast("Space", space), level)


def latent_of_request(text: str | None) -> int | None:
    """A latent by its id; None without one."""
    if text is None:
        return None
    latent = _whole_number(text)
    if latent is None:
        raise HTTPException(400, "A latent is a whole number.")
    return latent


def _whole_number(text: str) -> int | None:
    """The number that a text is, in digits, from 0 to LARGEST_ID; None if it is something else."""
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(LARGEST_ID)):
        return None
    return int(text) if int(text) <= LARGEST_ID else None


def regime_of_request(text: str | None) -> tuple[float, float] | None:
    """A range of activation, such as "2.5,7"; None without one."""
    if text is None:
        return None
    try:
        low, high = map(float, text.split(","))
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError("a number is not finite")
    except ValueError as error:
        raise HTTPException(400, "A range of activation is two numbers.") from error
    return low, high


def _binary(content: bytes, headers: Mapping[str, str] = BINARY) -> Response:
    return Response(content, media_type="application/octet-stream", headers=headers)


ROUTES = (
    Route(f"{BASE}/positions/{{map}}", positions, methods=["GET"]),
    Route(f"{BASE}/column/{{name}}", column, methods=["GET"]),
)
