"""`/map-modules/<version>/<file>`: the JavaScript of the map, as the files in `pages/latent_map/`.

The version is a hash of all files, so browsers keep a file for ever, and modules that import each
other are always of one version.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

FOLDER = Path(__file__).resolve().parents[1] / "latent_map"
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}

Stamp = tuple[tuple[str, int, int], ...]
"""Name, time of change in ns and size of every file."""


def modules() -> dict[str, bytes]:
    """The content of every module by its file name."""
    return _read(_stamp())[1]


def version() -> str:
    """The hash of all modules."""
    return _read(_stamp())[0]


def _stamp() -> Stamp:
    """Which files there are now; a developer changes them while the server runs."""
    files = sorted(FOLDER.glob("*.js"))
    return tuple((f.name, f.stat().st_mtime_ns, f.stat().st_size) for f in files)


@lru_cache(maxsize=1)
def _read(stamp: Stamp) -> tuple[str, dict[str, bytes]]:
    content = {name: (FOLDER / name).read_bytes() for name, _, _ in stamp}
    digest = hashlib.sha256()
    for name, text in content.items():
        digest.update(f"{name}\0{len(text)}\0".encode() + text)
    return digest.hexdigest()[:16], content


def module(request: Request) -> Response:
    """One module of this version; a sentence with status 404 if there is none."""
    asked, name = request.path_params["version"], request.path_params["name"]
    content = modules().get(name)
    if content is None:
        return PlainTextResponse("The map has no such module.", 404)
    if asked != version():
        return PlainTextResponse("The server has another version; reload the page.", 404)
    return Response(content, media_type="text/javascript; charset=utf-8", headers=FOR_EVER)


ROUTES = (Route("/map-modules/{version}/{name}", module, methods=["GET"]),)
