"""Streamlit's cookie of who has logged in, as Streamlit itself writes it."""

import json
from hashlib import sha256
from typing import Any

import pytest
from streamlit.auth_util import set_cookie_with_chunks
from streamlit.runtime.secrets import secrets_singleton
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from pages.server.login_cookie import LARGEST, claims_of_cookies

SECRET = "signs the cookies of this test"
ORIGIN = "https://lab.example"
CLAIMS = {"email": "ada@lab.example", "exp": 5, "is_logged_in": True, "origin": ORIGIN}


@pytest.fixture(autouse=True)
def configured(monkeypatch: pytest.MonkeyPatch) -> None:
    auth = {"cookie_secret": SECRET, "redirect_uri": f"{ORIGIN}/oauth2callback"}
    monkeypatch.setattr(secrets_singleton, "load_if_toml_exists", lambda: True)
    monkeypatch.setattr(secrets_singleton, "_secrets", {"auth": auth})


def cookies(claims: Any, secret: str = SECRET) -> dict[str, str]:
    """The cookies that Streamlit sets for claims, in pieces if they are long."""
    written: dict[str, str] = {}

    def signed(name: str, value: str) -> bytes:
        return create_signed_value(secret, name, value)

    set_cookie_with_chunks(
        lambda name, value: written.__setitem__(name, signed(name, value).decode()),
        signed,
        USER_COOKIE_NAME,
        claims,
        cookie_attr_size=100,
    )
    return written


def test_the_claims_are_read_also_from_several_cookies() -> None:
    assert claims_of_cookies(cookies(CLAIMS)) == CLAIMS
    long = CLAIMS | {"groups": [sha256(bytes([n])).hexdigest() for n in range(99)]}
    assert len(cookies(long)) > 2
    assert claims_of_cookies(cookies(long)) == long


@pytest.mark.parametrize(
    "claims",
    [
        CLAIMS | {"is_logged_in": False},
        CLAIMS | {"is_logged_in": "true"},
        CLAIMS | {"origin": "https://other.example"},
        {"email": "ada@lab.example"},
        CLAIMS | {"groups": "a" * LARGEST},
        [CLAIMS],
    ],
)
def test_claims_that_do_not_count(claims: Any) -> None:
    assert claims_of_cookies(cookies(claims)) == {}


def test_cookies_that_were_not_signed_here() -> None:
    assert claims_of_cookies({}) == {}
    assert claims_of_cookies(cookies(CLAIMS, "another secret")) == {}
    assert claims_of_cookies({USER_COOKIE_NAME: json.dumps(CLAIMS)}) == {}
    (value,) = cookies(CLAIMS).values()
    assert claims_of_cookies({USER_COOKIE_NAME: value[:-1] + "é"}) == {}
