"""What a server in the mode *team* has more: its checks at the start, and the gate."""

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

import streamlit as st
from starlette.middleware import Middleware
from streamlit import config
from streamlit.auth_util import validate_auth_credentials
from streamlit.errors import StreamlitAuthError
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.secrets import secrets_singleton

from analysis.runtime.errors import InputError
from analysis.serve.access.people import people_of
from analysis.serve.server_settings import check_reach
from analysis.serve.structured_log import log_in_lines
from pages.server.gate import NAME_HEADER, Gate

if TYPE_CHECKING:
    from analysis.serve.server_settings import ServerSettings

FORWARDED = "FORWARDED_ALLOW_IPS"
"""Environment variable of uvicorn: proxies whose X-Forwarded-For replaces their address."""
SHORTEST_SECRET = 24
"""Characters of the secret that signs the cookies of people who have logged in."""


def check_team(settings: "ServerSettings") -> None:
    """Raise InputError with one sentence if nobody could log in, or anybody."""
    if settings.people is not None:
        people_of(settings.people)
    if settings.login == "headers":
        check_reach(settings, st.get_option("server.address") or "0.0.0.0")
        if os.environ.get(FORWARDED) != "":
            raise InputError(
                f"With login = headers, the environment must have {FORWARDED} as an empty text, so "
                "that no header replaces the address of the proxy; clearwater serve sets it."
            )
    else:
        _check_openid_connect(settings.provider or "default")


def gate(settings: "ServerSettings") -> Middleware:
    """The first middleware of the server."""
    return Middleware(Gate, settings, st.get_option("server.baseUrlPath") or "")


def begin() -> None:
    """Prepare the running server.

    Streamlit resumes a session only for the user to whom it belongs, and never runs the file of a
    page without `dashboard.py`, which it would do for the first reader of a process.
    """
    log_in_lines()
    PagesManager.uses_pages_directory = False
    config.set_option("server.trustedUserHeaders", {NAME_HEADER: "name in Clearwater"})


def _check_openid_connect(provider: str) -> None:
    if find_spec("authlib") is None or find_spec("httpx") is None:
        raise InputError(
            "The mode team with login = oidc needs Authlib; install it with "
            "pip install -r requirements-team.txt."
        )
    try:
        validate_auth_credentials(provider)
    except StreamlitAuthError as error:
        raise InputError(
            f"The login is not configured: {' '.join(str(error).split())} See docs/deployment.md."
        ) from error
    except Exception as error:  # Streamlit raises several kinds for a file that is no TOML
        raise InputError("secrets.toml cannot be read; correct it.") from error
    secret = str(secrets_singleton["auth"]["cookie_secret"])
    if len(secret) < SHORTEST_SECRET:
        raise InputError(
            f"The cookie_secret in secrets.toml is shorter than {SHORTEST_SECRET} characters; make "
            "a random one: python -c 'import secrets; print(secrets.token_hex())'."
        )
