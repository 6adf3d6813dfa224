"""`/map-modules/<version>/<file>`: the JavaScript of the map, one file for each module.

The version is a hash of all files, so browsers keep a file for ever, and modules that import each
other are always of one version.
"""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}


async def module(request: Request) -> Response:
    """One module of this version; a sentence with status 404 if there is none."""
    # Imported here because the server imports nothing of the pages at its start.
    from pages.widgets.map_script import module_of, modules  # noqa: PLC0415

    name = request.path_params["name"]
    content = module_of(request.path_params["version"], name)
    if content is not None:
        return Response(content, media_type="text/javascript; charset=utf-8", headers=FOR_EVER)
    if name in modules():
        return PlainTextResponse("The server has another version; reload the page.", 404)
    return PlainTextResponse("The map has no such module.", 404)


ROUTES = (Route("/map-modules/{version}/{name}", module, methods=["GET"]),)
