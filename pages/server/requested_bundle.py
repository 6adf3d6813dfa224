"""From a request of a browser to an open bundle, for every route that serves data of one."""

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request

if TYPE_CHECKING:
    from analysis.bundle import Bundle
    from analysis.serve.access.rights import Action, User

USER = "clearwater.user"
"""In the scope of a request in the mode *team*: its user, whom the gate has put there."""


def requested_bundle(request: Request) -> "Bundle":
    """The bundle that `bundle` and `content` in the path of a request name.

    A bundle is looked up by its id among those that this server offers, as the pages do. `content`
    is the identity of its files: what a browser keeps is never that of other files.

    Raises HTTPException if this server does not offer it to the user of the request or has other
    files now, and InputError if it cannot be read.
    """
    bundle = named_bundle(request)
    if bundle.identity != request.path_params["content"]:
        raise HTTPException(404, "The files of this bundle have changed; reload the page.")
    return bundle


def named_bundle(request: Request) -> "Bundle":
    """The same by its id alone, with whatever files it has now."""
    # Imported here because the server imports nothing of the pages at its start.
    from pages.widgets.bundles import offered_bundle  # noqa: PLC0415

    bundle = offered_bundle(request.path_params["bundle"], requesting_user(request))
    if bundle is None:
        raise HTTPException(404, "This server has no such bundle.")
    return bundle


def requesting_user(request: Request) -> "User | None":
    """Who has sent a request; in the mode *local* the only user."""
    from analysis.serve.access.rights import LOCAL  # noqa: PLC0415
    from analysis.serve.server_settings import server_settings  # noqa: PLC0415

    return request.scope.get(USER) if server_settings().is_team else LOCAL


def require_right(request: Request, bundle: "Bundle", action: "Action") -> None:
    """Raise HTTPException if the user of a request may not do this with a bundle."""
    from analysis.serve.access.rights import bundle_key, may  # noqa: PLC0415
    from pages.widgets.current_user import REFUSED  # noqa: PLC0415

    if not may(requesting_user(request), bundle_key(bundle), action):
        raise HTTPException(403, REFUSED[action])


def record_export(request: Request, bundle: "Bundle", what: str) -> None:
    """Write an export into the audit trail of a team."""
    from analysis.serve.audit import record  # noqa: PLC0415

    user = requesting_user(request)
    record("export", user.name if user else "", bundle.manifest.bundle_id, what)
