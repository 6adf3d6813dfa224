"""`/healthz`: whether a server process answers, and whether it is prepared and warm.

Streamlit's own `/_stcore/health` answers as soon as the process does.
"""

import os
from importlib import metadata

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from pages.server.preparation import PREPARED
from pages.server.warm_up import WARM


def health(request: Request) -> JSONResponse:
    """The version, the process, and whether its preparation and its warm-up have ended."""
    content = {"status": "ok", "version": _version(), "process": os.getpid()}
    ends = {"prepared": PREPARED.is_set(), "warm": WARM.is_set()}
    return JSONResponse(content | ends, headers={"Cache-Control": "no-store"})


def _version() -> str:
    try:
        return metadata.version("clearwater")
    except metadata.PackageNotFoundError:  # a checkout that was not installed
        return "unknown"


ROUTES = (Route("/healthz", health, methods=["GET"]),)
