"""A file that the server makes when a reader asks for it, if they may have it then."""

from collections.abc import Callable
from functools import partial

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from analysis.serve.access.identity import Identity
from analysis.serve.access.rights import BundleKey, bundle_key, may
from analysis.serve.audit import record
from analysis.serve.jobs.job import Requester, on_behalf_of
from analysis.serve.server_settings import server_settings
from charts.core.figure import CaptionedTable
from pages.widgets.current_user import REFUSED, current_identity, i_may, user_of
from pages.widgets.requester import requester
from pages.widgets.waiting_jobs import problems_shown_on

File = Callable[[], bytes]


def may_be_exported(source: CaptionedTable | Bundle) -> bool:
    """Whether the user of this session may export a figure or a table, or from a bundle."""
    return i_may(_key(source), "export")


def authorised(source: CaptionedTable | Bundle, what: str, make: File) -> File:
    """What makes a file, after it has asked whether the user of this session may still have it.

    Streamlit calls it outside of a run of the page, possibly long after it. If it fails, the page
    shows the reason (`waiting_jobs.py`).
    """
    return partial(_made, requester(), current_identity(), _key(source), what, make)


def _made(
    who: Requester, identity: Identity | None, bundle: BundleKey, what: str, make: File
) -> bytes:
    with on_behalf_of(who), problems_shown_on(who.page):
        if server_settings().is_team:
            user = user_of(identity)
            if user is None or not may(user, bundle, "export"):
                raise InputError(REFUSED["export"])
            record("export", user.name, bundle.id, what)
        return make()


def _key(source: CaptionedTable | Bundle) -> BundleKey:
    if isinstance(source, Bundle):
        return bundle_key(source)
    return BundleKey(source.caption.bundle_id, source.caption.bundle)
