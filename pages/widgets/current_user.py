"""The user of this session or request, with the rights that they have now.

In the mode *team* the gate of the server (`pages/server/gate.py`) has found out who somebody is
before anything else runs, and says so in a header. A secret of this process is part of it, so
nobody else can write it.
"""

import secrets
import time

import streamlit as st

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from analysis.serve.access.identity import Identity, read, written
from analysis.serve.access.people import people_of
from analysis.serve.access.rights import LOCAL, Action, BundleKey, User, bundle_key, may
from analysis.serve.server_settings import server_settings

HEADER = "x-clearwater-identity"
_SECRET = secrets.token_hex(16)


def vouched(identity: Identity) -> str:
    """The value of the header that names an identity in this process."""
    return _SECRET + written(identity)


def vouched_for(text: str) -> Identity | None:
    """The identity that a header names; None if this process has not written it."""
    if not secrets.compare_digest(text[: len(_SECRET)].encode(), _SECRET.encode()):
        return None
    return read(text[len(_SECRET) :])


def current_identity() -> Identity | None:
    """Who this session is logged in as now; None for nobody, and in the mode *local*."""
    identity = vouched_for(st.context.headers.get(HEADER, ""))
    return identity if identity is not None and identity.counts_at(time.time()) else None


def current_user() -> User | None:
    """The user of this session; None for somebody who is not logged in or has no role."""
    return LOCAL if not server_settings().is_team else user_of(current_identity())


def user_of(identity: Identity | None) -> User | None:
    """The user with this identity now; None if it has expired or has no role.

    The mode must be *team*.
    """
    people = server_settings().people
    if identity is None or people is None or not identity.counts_at(time.time()):
        return None
    return people_of(people).user(identity)


def i_may(bundle: Bundle | BundleKey, action: Action) -> bool:
    """Whether the user of this session may do this with a bundle."""
    key = bundle_key(bundle) if isinstance(bundle, Bundle) else bundle
    return may(current_user(), key, action)


def require(bundle: Bundle, action: Action) -> None:
    """Raise InputError if the user of this session may not do this with a bundle."""
    if not i_may(bundle, action):
        raise InputError(REFUSED[action])


REFUSED: dict[Action, str] = {
    "see": "This server has no such bundle.",
    "export": "You may look at this bundle, but not export from it; ask the operator.",
    "annotate": "You may read notes here, but not write them; ask the operator.",
    "operate": "Only operators may do this.",
}
