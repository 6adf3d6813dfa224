"""Who somebody is, as a login says: from the claims of OpenID Connect, or from a proxy's headers.

The claims have been verified by whoever signed the cookie that holds them, and the headers by the
rules of `proxy.py`; here they are only read.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from analysis.serve.access.rights import ROLES, Role
from analysis.serve.server_settings import ServerSettings

EVERYBODY = "*"
GROUP = "group:"
"""Before the name of a group in the file of people."""
LONGEST_NAME = 200
"""Characters."""
MOST_GROUPS = 1000
ROLE_PREFIX = "clearwater-"
"""May stand before a role in a claim, such as `clearwater-operator`."""


@dataclass(frozen=True)
class Identity:
    """A name that the login vouches for, and what it says of this person."""

    name: str
    groups: frozenset[str] = frozenset()
    role: Role | None = None
    """The role that the login gives; None: the file of people decides alone."""
    expires: float | None = None
    """Seconds since 1970 after which it no longer counts; None: the connection decides."""

    def counts_at(self, now: float) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires


def identity_of_claims(
    claims: Mapping[str, Any], settings: ServerSettings, now: float | None = None
) -> Identity | None:
    """The identity that the claims of an ID token give; None if they do not count now.

    A token without an expiry, one that has expired, one without a name, and an e-mail address that
    the provider calls unverified do not count.
    """
    expires, name = claims.get("exp"), claims.get(settings.name_claim)
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        return None
    if settings.name_claim == "email" and claims.get("email_verified") is False:
        return None
    if not isinstance(name, str) or not is_name(name.strip()):
        return None
    identity = Identity(
        name.strip(),
        frozenset(_words(claims.get(settings.groups_claim))),
        highest_role(_words(claims.get(settings.role_claim)) if settings.role_claim else []),
        float(expires),
    )
    return identity if identity.counts_at(time.time() if now is None else now) else None


def is_name(text: str) -> bool:
    """Whether a text can be the name of somebody: short, visible, and no entry of another kind."""
    plain = text != EVERYBODY and not text.lower().startswith(GROUP)
    return 0 < len(text) <= LONGEST_NAME and text.isprintable() and plain


def highest_role(words: list[str]) -> Role | None:
    """The role with the most rights among words; None if none of them is a role."""
    plain = {word.removeprefix(ROLE_PREFIX) for word in words}
    return next((role for role in reversed(ROLES) if role in plain), None)


def written(identity: Identity) -> str:
    """An identity as a text in ASCII that `read` reads."""
    return json.dumps(asdict(identity) | {"groups": sorted(identity.groups)})


def read(text: str) -> Identity:
    """The identity that `written` has written."""
    values = json.loads(text)
    return Identity(**values | {"groups": frozenset(values["groups"])})


def _words(value: object) -> list[str]:
    """The words of a claim: a list of them, or one text with commas or spaces between them."""
    if isinstance(value, str):
        return value.replace(",", " ").split()[:MOST_GROUPS]
    if isinstance(value, list):
        every = cast("list[object]", value)
        return [word for word in every[:MOST_GROUPS] if isinstance(word, str)]
    return []
