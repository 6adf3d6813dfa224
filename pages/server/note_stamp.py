"""`/map-data/…/notes`: whether anything was written since a page has read its notes."""

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pages.server.map_data import BASE, NOT_KEPT, of_bundle

if TYPE_CHECKING:
    from analysis.bundle import Bundle


@of_bundle
def note_stamp(bundle: "Bundle", request: Request) -> Response:
    """The stamp of the notes database as text (`pages.widgets.noted.stamp_text`)."""
    from pages.widgets.noted import stamp_text  # noqa: PLC0415

    return PlainTextResponse(stamp_text(), headers=NOT_KEPT)


ROUTES = (Route(f"{BASE}/notes", note_stamp, methods=["GET"]),)
