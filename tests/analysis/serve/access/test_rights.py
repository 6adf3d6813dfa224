"""`may`, against the table in words: roles, grants, and what is always refused."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as some

from analysis.bundle import Bundle
from analysis.serve.access.rights import (
    ACTIONS,
    ALL,
    LOCAL,
    ROLES,
    Action,
    BundleKey,
    Grant,
    Role,
    User,
    bundle_key,
    may,
)

BUNDLE = BundleKey("9d4a", "mine")
EVERYTHING = frozenset(ACTIONS)
OF_ROLE: dict[Role, set[Action]] = {
    "reader": {"see", "export"},
    "annotator": {"see", "export", "annotate"},
    "operator": {"see", "export", "annotate", "operate"},
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", ACTIONS)
def test_a_role_has_its_actions_on_a_bundle_that_is_granted(role: Role, action: Action) -> None:
    user = User("ada", role, (Grant("mine", EVERYTHING),))
    assert may(user, BUNDLE, action) is (action in OF_ROLE[role])
    assert may(user, None, action) is (action in OF_ROLE[role])


@pytest.mark.parametrize("action", ACTIONS)
def test_nobody_may_nothing_and_the_local_user_may_everything(action: Action) -> None:
    assert not may(None, BUNDLE, action)
    assert not may(None, None, action)
    assert may(LOCAL, BUNDLE, action)


def test_a_bundle_without_a_grant_is_seen_by_operators_only() -> None:
    other = (Grant("other", EVERYTHING),)
    assert [may(User("ada", role, other), BUNDLE, "see") for role in ROLES] == [False, False, True]


def test_the_id_precedes_the_name_which_precedes_all_others() -> None:
    nothing, see = frozenset[Action](), frozenset[Action]({"see"})
    by_id, by_name = Grant("9d4a", see), Grant("mine", nothing)
    assert may(User("ada", "reader", (by_name, by_id)), BUNDLE, "see")
    assert not may(User("ada", "reader", (Grant(ALL, see), by_name)), BUNDLE, "see")
    assert may(User("ada", "reader", (Grant(ALL, see),)), BUNDLE, "see")


def test_what_is_not_seen_is_not_exported() -> None:
    user = User("ada", "annotator", (Grant("mine", frozenset({"export", "annotate"})),))
    assert not any(may(user, BUNDLE, action) for action in ACTIONS)


@given(
    some.sampled_from(ROLES),
    some.lists(
        some.tuples(some.sampled_from(("9d4a", "mine", ALL)), some.sets(some.sampled_from(ACTIONS)))
    ),
    some.sampled_from(ACTIONS),
)
def test_a_higher_role_may_at_least_as_much(
    role: Role, granted: list[tuple[str, set[Action]]], action: Action
) -> None:
    grants = tuple(Grant(name, frozenset(actions)) for name, actions in granted)
    if may(User("ada", role, grants), BUNDLE, action):
        higher = ROLES[ROLES.index(role) :]
        assert all(may(User("ada", more, grants), BUNDLE, action) for more in higher)
        assert may(User("ada", role, grants), BUNDLE, "see")


def test_users_with_other_rights_are_other_users() -> None:
    one = User("ada", "reader", (Grant("mine", frozenset({"see"})),))
    assert one == User("ada", "reader", (Grant("mine", frozenset({"see"})),))
    assert one != User("ada", "reader", (Grant("mine", frozenset()),))
    assert len({one, User("ada", "reader")}) == 2


def test_the_names_of_roles_and_actions_are_all_used() -> None:
    assert set(get_args(Role)) == set(OF_ROLE) and OF_ROLE["operator"] == set(get_args(Action))


def test_the_key_of_a_bundle_is_its_id_and_its_folder(planted_bundle: Bundle) -> None:
    assert bundle_key(planted_bundle) == (planted_bundle.manifest.bundle_id, "planted")
