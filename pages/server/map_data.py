"""`/map-data/…`: what the map in the browser draws, as binary columns.

Each address holds the identity of the bundle's files, so browsers keep the answers for ever.
"""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, cast, get_args

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pages.server.map_modules import FOR_EVER
from pages.server.requested_bundle import RefusedError, requested_bundle

if TYPE_CHECKING:
    from analysis.bundle import Bundle, LevelName

BINARY = {
    **FOR_EVER,
    # Places do not shrink: compressing megabytes of them would cost half a second for nothing.
    "Content-Encoding": "identity",
}
Answer = Callable[["Bundle", Request], Response]


def of_bundle(answer: Answer) -> Callable[[Request], Response]:
    """A route from a function of the bundle that the request names.

    What cannot be answered has a status and one sentence.
    """

    @wraps(answer)
    def route(request: Request) -> Response:
        # Imported here because the server imports nothing of the pages at its start.
        from analysis.runtime.errors import InputError  # noqa: PLC0415

        try:
            return answer(requested_bundle(request), request)
        except RefusedError as error:
            return PlainTextResponse(error.sentence, error.status)
        except InputError as error:
            return PlainTextResponse(error.public, 400)

    return route


@of_bundle
def positions(bundle: "Bundle", request: Request) -> Response:
    """The places of the latents on a map: uint16 x [n], then uint16 y [n] (`charts.map_points`)."""
    from charts.map_points import map_points  # noqa: PLC0415

    points = map_points(bundle, _map_name(bundle, request.path_params["map"]))
    return _binary(points.steps.tobytes())


@of_bundle
def column(bundle: "Bundle", request: Request) -> Response:
    """The codes or numbers that colour the points (`charts.map_columns`)."""
    from charts.map_columns import map_column  # noqa: PLC0415

    asked = request.query_params
    name, on_map = request.path_params["name"], asked.get("map", "decoder")
    values = map_column(bundle, name, _level(asked), _map_name(bundle, on_map)).values
    return _binary(values.tobytes())


def _map_name(bundle: "Bundle", name: str) -> Any:
    from charts.map_view import maps_of  # noqa: PLC0415

    if name not in maps_of(bundle):
        raise RefusedError(404, "This bundle has no such map.")
    return name


def _level(asked: Any) -> "LevelName | None":
    """The level of the clusters that a request names by `space` and `level`."""
    from analysis.bundle import LevelName, Space  # noqa: PLC0415

    space, level = asked.get("space"), asked.get("level", "")
    if space is None:
        return None
    if space not in get_args(Space) or not level.isdecimal():
        raise RefusedError(400, "A level is a space and a number.")
    return LevelName(cast("Space", space), int(level))


def _binary(content: bytes) -> Response:
    return Response(content, media_type="application/octet-stream", headers=BINARY)


BASE = "/map-data/{bundle}/{content}"
ROUTES = (
    Route(f"{BASE}/positions/{{map}}", positions, methods=["GET"]),
    Route(f"{BASE}/column/{{name}}", column, methods=["GET"]),
)
