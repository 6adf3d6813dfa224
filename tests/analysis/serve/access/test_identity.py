"""Claims of ID tokens: whom they name, and when they do not count."""

from typing import Any

import pytest

from analysis.serve.access.identity import (
    LONGEST_NAME,
    Identity,
    highest_role,
    identity_of_claims,
    is_name,
    read,
    written,
)
from analysis.serve.server_settings import ServerSettings

NOW = 1_000_000.0
SETTINGS = ServerSettings(mode="team", role_claim="role")
CLAIMS: dict[str, Any] = {"email": "ada@lab.example", "exp": NOW + 60}


def identified(**claims: Any) -> Identity | None:
    return identity_of_claims(CLAIMS | claims, SETTINGS, NOW)


def test_the_claims_name_a_user_with_groups_and_a_role() -> None:
    identity = identified(groups=["a", "b", 3], role="clearwater-annotator", email_verified=True)
    assert identity == Identity("ada@lab.example", frozenset("ab"), "annotator", NOW + 60)
    assert identified() == Identity("ada@lab.example", expires=NOW + 60)
    assert identified(groups="a, b c") == Identity(
        "ada@lab.example", frozenset("abc"), None, NOW + 60
    )


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW},
        {"exp": NOW - 1},
        {"exp": None},
        {"exp": True},
        {"exp": str(NOW + 60)},
        {"email": None},
        {"email": " "},
        {"email": "*"},
        {"email": "Group:inner"},
        {"email": "a\x00b"},
        {"email": "a" * (LONGEST_NAME + 1)},
        {"email_verified": False},
    ],
)
def test_claims_that_do_not_count(claims: dict[str, Any]) -> None:
    assert identified(**claims) is None


def test_a_name_from_another_claim_needs_no_verified_address() -> None:
    settings = ServerSettings(mode="team", name_claim="preferred_username")
    claims = {
        "preferred_username": "ada",
        "exp": NOW + 1,
        "email_verified": False,
        "role": "operator",
    }
    assert identity_of_claims(claims, settings, NOW) == Identity("ada", expires=NOW + 1)


def test_an_identity_counts_until_it_expires() -> None:
    identity = Identity("ada", expires=NOW)
    assert [identity.counts_at(now) for now in (NOW - 1, NOW, NOW + 1)] == [True, False, False]
    assert Identity("ada").counts_at(NOW)


def test_the_highest_role_counts() -> None:
    assert highest_role(["reader", "clearwater-operator", "annotator"]) == "operator"
    assert highest_role(["admin", "Operator", ""]) is None


@pytest.mark.parametrize("name", ["ada@lab.example", "Ада Лавлейс", "a" * LONGEST_NAME])
def test_an_identity_is_read_as_it_was_written(name: str) -> None:
    assert is_name(name)
    identity = Identity(name, frozenset({"a", "é"}), "reader", 12.5)
    assert written(identity).isascii()
    assert read(written(identity)) == identity
