"""Whether a user may do something with a bundle: `may`, the one place that decides.

It is a pure function of its arguments. Who a user is comes from the login (`identity.py`), and the
user's role and rights come from a file (`people.py`).
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from analysis.bundle import Bundle

Role = Literal["reader", "annotator", "operator"]
Action = Literal["see", "export", "annotate", "operate"]
ROLES: tuple[Role, ...] = get_args(Role)
"""The one with the fewest rights first; each has the rights of those before it."""
ACTIONS: tuple[Action, ...] = get_args(Action)
LEAST_ROLE: dict[Action, Role] = {
    "see": "reader",
    "export": "reader",
    "annotate": "annotator",
    "operate": "operator",
}
"""The role that an action needs at least."""
ALL = "*"
"""In a grant: every bundle that no other grant names."""


class BundleKey(NamedTuple):
    """What tells a bundle from others: its id, and the name of its folder."""

    id: str
    name: str


class Grant(NamedTuple):
    """What a user may do with the bundle that has this name or id; `ALL`: with all others."""

    bundle: str
    actions: frozenset[Action]


@dataclass(frozen=True)
class User:
    """A user with the rights that they have now. Two are equal if name and rights are."""

    name: str
    role: Role
    grants: tuple[Grant, ...] = ()


LOCAL = User("", "operator")
"""The one user of the mode *local*, who may do everything."""


def may(user: User | None, bundle: BundleKey | None, action: Action) -> bool:
    """Whether a user may do this with a bundle; None for a bundle: with the server as a whole.

    None for a user is somebody who is not logged in or has no role, who may do nothing. Operators
    may do everything. For others, the grant on the id of the bundle decides, else the one on the
    name of its folder, else the one on `ALL`; a bundle without any of them is one that they do not
    see. A bundle that a user may not see is one with which they may do nothing.
    """
    if user is None or ROLES.index(user.role) < ROLES.index(LEAST_ROLE[action]):
        return False
    if bundle is None or user.role == "operator":
        return True
    allowed = _allowed(user, bundle)
    return "see" in allowed and action in allowed


def bundle_key(bundle: Bundle) -> BundleKey:
    """The key of an open bundle."""
    return BundleKey(bundle.manifest.bundle_id, bundle.path.name)


def _allowed(user: User, bundle: BundleKey) -> frozenset[Action]:
    of = {grant.bundle: grant.actions for grant in user.grants}
    for name in (bundle.id, bundle.name, ALL):
        if name in of:
            return of[name]
    return frozenset()
