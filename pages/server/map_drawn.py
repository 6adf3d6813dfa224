"""`/map-drawn/<page>`: a browser has drawn the first map of a page, so the rest may follow.

The name of a page is in the data of the map and drawn at random. `batches.py` waits for it.
"""

import asyncio
import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ADDRESS = re.compile(rb"map-drawn/([A-Za-z0-9_-]{22})\b")
"""The address in a message with the data of a map."""
_awaited: dict[str, asyncio.Event] = {}


class Drawn:
    """A map that a browser is going to draw."""

    def __init__(self, page: str) -> None:
        self._page = page
        self._event = _awaited[page] = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Wait until it is drawn, for at most this long."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return

    def forget(self) -> None:
        """Wait for no report any more."""
        _awaited.pop(self._page, None)


def map_in(message: bytes) -> Drawn | None:
    """The map that a message of Streamlit contains, if its browser will report that it is drawn."""
    page = ADDRESS.search(message)
    return Drawn(page[1].decode()) if page else None


async def drawn(request: Request) -> Response:
    """Take the report of a browser."""
    event = _awaited.get(request.path_params["page"])
    if event is not None:
        event.set()
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


ROUTES = (Route("/map-drawn/{page}", drawn, methods=["GET"]),)
