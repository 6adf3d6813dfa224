"""From a request of a browser to an open bundle, for every route that serves data of one."""

from typing import TYPE_CHECKING

from starlette.requests import Request

if TYPE_CHECKING:
    from analysis.bundle import Bundle


class RefusedError(Exception):
    """A request that gets a status and one sentence instead of data."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


def requested_bundle(request: Request) -> "Bundle":
    """The bundle that `bundle` and `content` in the path of a request name.

    A bundle is looked up by its id among those that this server offers, as the pages do. `content`
    is the identity of its files: what is kept by a browser is never that of other files.

    Raises RefusedError if this server does not offer it, cannot read it, or has other files now.
    """
    # Imported here because the server imports nothing of the pages at its start.
    from analysis.runtime.errors import InputError  # noqa: PLC0415
    from pages.widgets.bundles import offered_bundle  # noqa: PLC0415

    try:
        bundle = offered_bundle(request.path_params["bundle"])
    except InputError as error:
        raise RefusedError(500, error.public) from error
    if bundle is None:
        raise RefusedError(404, "This server has no such bundle.")
    if bundle.identity != request.path_params["content"]:
        raise RefusedError(404, "The files of this bundle have changed; reload the page.")
    return bundle
