"""The login page, which is all that is drawn for somebody without rights, and the logout."""

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from analysis.serve.access.rights import may
from analysis.serve.server_settings import server_settings
from pages.widgets.current_user import current_identity, current_user
from pages.widgets.failures import guarded
from pages.widgets.markdown import plain

ADDRESSES = ("overview", "map", "clusters", "cooccurrence", "pair", "latent", "operation")
"""Links to pages lead to the login page too; the first one is also at the address of the server."""


def is_admitted() -> bool:
    """Whether this session belongs to a user who has a role."""
    return current_user() is not None


def show_login() -> None:
    """Draw the login page at the address of every page."""
    entries = [
        st.Page(_login, title="Log in", url_path=name, default=name == ADDRESSES[0])
        for name in ADDRESSES
    ]
    page = st.navigation(entries, position="hidden")
    with guarded("drawing the login page"):
        page.run()


def extra_pages() -> list[StreamlitPage]:
    """The pages that only some users have: the one of the operators of a team."""
    if not server_settings().is_team or not may(current_user(), None, "operate"):
        return []
    return [st.Page("pages/operation.py", title="Operation", icon=":material/monitor_heart:")]


def account() -> None:
    """The name and the role of the user, and the logout; nothing in the mode *local*."""
    user = current_user()
    if not server_settings().is_team or user is None:
        return
    st.caption(f"{plain(user.name, 80)} · {user.role}")
    _logout_button()


def _login() -> None:
    identity = current_identity()
    st.title("Clearwater", anchor=False)
    if identity is not None:
        st.warning(
            f"You are logged in as {plain(identity.name, 80)}, who has no role on this server. Ask "
            "the operator of this server for one."
        )
        _logout_button()
        return
    st.markdown("Log in to see the bundles of this server.")
    st.button("Log in", type="primary", icon=":material/login:", on_click=_start_login)


def _logout_button() -> None:
    settings = server_settings()
    if settings.login == "oidc":
        st.button("Log out", type="tertiary", icon=":material/logout:", on_click=_log_out)
    elif settings.logout_address:
        st.link_button(
            "Log out", settings.logout_address, type="tertiary", icon=":material/logout:"
        )


@guarded("logging in")
def _start_login() -> None:
    st.login(server_settings().provider or None)


@guarded("logging out")
def _log_out() -> None:
    st.logout()
