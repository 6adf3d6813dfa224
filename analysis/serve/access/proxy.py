"""Headers in which a proxy names its user, and when they are trusted.

A request is trusted if it comes from an address in `proxies` and, where a secret is set, carries
it. Everybody else who can open a connection could send the same headers.
"""

import hmac
from collections.abc import Mapping, Sequence

from analysis.serve.access.identity import MOST_GROUPS, Identity, highest_role, is_name
from analysis.serve.addresses import is_in, is_loopback
from analysis.serve.server_settings import ServerSettings

SECRET_HEADER = "x-clearwater-proxy-secret"
LONGEST_CONNECTION = 12 * 3600
"""Seconds that a connection counts as one of the user whom the proxy has named at its start."""
Headers = Mapping[str, Sequence[str]]
"""The values of each header, by its name in lower case."""


def is_from_proxy(peer: str, headers: Headers, settings: ServerSettings) -> bool:
    """Whether a request from the address `peer` has come through a trusted proxy."""
    if not any(is_in(peer, proxy) for proxy in settings.proxies):
        return False
    if not settings.proxy_secret:
        return is_loopback(peer)
    given = headers.get(SECRET_HEADER, ())
    return len(given) == 1 and hmac.compare_digest(
        given[0].encode(), settings.proxy_secret.encode()
    )


def identity_of_headers(headers: Headers, settings: ServerSettings, now: float) -> Identity | None:
    """The user whom the headers of a trusted proxy name; None if they name nobody, or two."""
    names = headers.get(settings.user_header.lower(), ())
    if len(names) != 1 or not is_name(names[0].strip()):
        return None
    groups = [
        group.strip()
        for value in headers.get(settings.groups_header.lower(), ())
        for group in value.split(",")
        if group.strip()
    ][:MOST_GROUPS]
    roles = headers.get(settings.role_claim.lower(), ()) if settings.role_claim else ()
    words = [word.strip() for value in roles for word in value.split(",")]
    return Identity(
        names[0].strip(), frozenset(groups), highest_role(words), now + LONGEST_CONNECTION
    )
