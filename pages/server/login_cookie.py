"""The claims in the cookie in which Streamlit keeps who has logged in.

Streamlit signs and reads it with functions that are not public. They are used here so that there is
one reader; `tests/pages/server/test_login_cookie.py` fails if they change.
"""

import json
from collections.abc import Mapping
from typing import Any

from streamlit.auth_util import get_origin_from_redirect_uri
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks

LARGEST = 64_000
"""Bytes of claims."""


def claims_of_cookies(cookies: Mapping[str, str]) -> dict[str, Any]:
    """The claims of the user who has logged in; empty for nobody, and for a wrong signature."""
    signed = _get_signed_cookie_with_chunks(dict(cookies), USER_COOKIE_NAME)
    if not signed or len(signed) > LARGEST:
        return {}
    try:
        claims = json.loads(signed)
    except ValueError:
        return {}
    if not isinstance(claims, dict) or claims.get("is_logged_in") is not True:
        return {}
    # A cookie counts only at the address for which it was made.
    return claims if claims.get("origin") == get_origin_from_redirect_uri() else {}
