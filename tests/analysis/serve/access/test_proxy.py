"""Headers of a proxy: only a listed one, only with its secret, and only one name."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from analysis.serve.access.identity import MOST_GROUPS, Identity
from analysis.serve.access.proxy import (
    LONGEST_CONNECTION,
    SECRET_HEADER,
    identity_of_headers,
    is_from_proxy,
)
from analysis.serve.server_settings import ServerSettings

SECRET = "s" * 24
LOCAL = ServerSettings(mode="team", login="headers")
FAR = ServerSettings(mode="team", login="headers", proxies=("10.1.0.0/16",), proxy_secret=SECRET)


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.1.2.3", False),
        ("", False),
    ],
)
def test_without_a_secret_only_this_machine_is_trusted(peer: str, trusted: bool) -> None:
    assert is_from_proxy(peer, {}, LOCAL) is trusted
    everywhere = ServerSettings(mode="team", login="headers", proxies=("0.0.0.0/0", "::/0"))
    assert is_from_proxy(peer, {}, everywhere) is trusted


@pytest.mark.parametrize(
    ("peer", "given", "trusted"),
    [
        ("10.1.2.3", [SECRET], True),
        ("10.2.2.3", [SECRET], False),
        ("127.0.0.1", [SECRET], False),
        ("10.1.2.3", [SECRET + "x"], False),
        ("10.1.2.3", ["é"], False),
        ("10.1.2.3", [], False),
        ("10.1.2.3", [SECRET, SECRET], False),
    ],
)
def test_with_a_secret_the_address_and_the_secret_must_fit(
    peer: str, given: list[str], trusted: bool
) -> None:
    assert is_from_proxy(peer, {SECRET_HEADER: given}, FAR) is trusted


def test_the_headers_name_a_user_and_groups() -> None:
    headers = {"x-forwarded-email": [" ada "], "x-forwarded-groups": ["a, b,", "c"]}
    expected = Identity("ada", frozenset("abc"), None, 5.0 + LONGEST_CONNECTION)
    assert identity_of_headers(headers, LOCAL, 5.0) == expected
    many = {**headers, "x-forwarded-groups": [",".join(map(str, range(MOST_GROUPS + 9)))]}
    named = identity_of_headers(many, LOCAL, 5.0)
    assert named is not None and len(named.groups) == MOST_GROUPS
    other = ServerSettings(
        mode="team", login="headers", user_header="X-User", groups_header="", role_claim="X-Role"
    )
    headers = {"x-user": ["ada"], "x-role": ["reader, operator"]}
    assert identity_of_headers(headers, other, 0.0) == Identity(
        "ada", frozenset(), "operator", float(LONGEST_CONNECTION)
    )


@given(
    some.sampled_from(["10.1.2.3", "127.0.0.1", "::1", "8.8.8.8", "", "x"]),
    some.dictionaries(
        some.sampled_from(["x-forwarded-email", SECRET_HEADER, "x-forwarded-for", "forwarded"]),
        some.lists(some.sampled_from([SECRET[:-1], SECRET + "\x00", "ann", "", "é"]), max_size=3),
    ),
)
def test_nobody_is_trusted_without_the_secret(peer: str, headers: dict[str, list[str]]) -> None:
    assert not is_from_proxy(peer, headers, FAR)


@pytest.mark.parametrize("names", [[], [""], ["ada", "bob"], ["ada", "ada"], ["*"], ["group:a"]])
def test_headers_that_name_nobody_or_two(names: list[str]) -> None:
    assert identity_of_headers({"x-forwarded-email": names}, LOCAL, 0.0) is None
