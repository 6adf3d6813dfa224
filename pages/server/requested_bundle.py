"""From a request of a browser to an open bundle, for every route that serves data of one."""

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request

if TYPE_CHECKING:
    from analysis.bundle import Bundle


def requested_bundle(request: Request) -> "Bundle":
    """The bundle that `bundle` and `content` in the path of a request name.

    A bundle is looked up by its id among those that this server offers, as the pages do. `content`
    is the identity of its files: what a browser keeps is never that of other files.

    Raises HTTPException if this server does not offer it or has other files now, and InputError if
    it cannot be read.
    """
    # Imported here because the server imports nothing of the pages at its start.
    from pages.widgets.bundles import offered_bundle  # noqa: PLC0415

    bundle = offered_bundle(request.path_params["bundle"])
    if bundle is None:
        raise HTTPException(404, "This server has no such bundle.")
    if bundle.identity != request.path_params["content"]:
        raise HTTPException(404, "The files of this bundle have changed; reload the page.")
    return bundle
