"""Who may ask for which address, in the mode *team*. What is not listed here does not exist.

An address that is `public` shows nothing of a bundle: the frame of the pages, in which a login page
is drawn, and whether the server is healthy. A `member` is somebody who is logged in and has a role;
the routes of a bundle then ask `may` for that bundle. `metrics` also answers programs of this
machine. A test compares these lists with the routes of the server.
"""

from typing import Literal

Level = Literal["public", "member", "operator", "metrics"]
PAGES = ("clusters", "cooccurrence", "latent", "map", "operation", "overview", "pair")
"""The pages, by the last part of their addresses."""
EXACT: dict[str, Level] = {
    "/": "public",
    **dict[str, Level]({f"/{page}": "public" for page in PAGES}),
    "/favicon.png": "public",
    "/index.html": "public",
    "/manifest.json": "public",
    "/auth/login": "public",
    "/auth/logout": "public",
    "/oauth2callback": "public",
    "/healthz": "public",
    "/_stcore/health": "public",
    "/_stcore/host-config": "public",
    "/_stcore/stream": "public",
    "/_stcore/metrics": "operator",
    "/metrics": "metrics",
}
FOLDERS: dict[str, Level] = {
    "/static/": "public",
    "/_stcore/bidi-components/": "member",
    "/_stcore/upload_file/": "member",
    "/component/": "member",
    "/media/": "member",
    "/api/v1/": "member",
    "/map-data/": "member",
    "/map-drawn/": "member",
    "/map-modules/": "member",
}
ABSENT = frozenset({"/agent", "/_stcore/script-health-check"})
"""What Streamlit serves and a team does not get."""
ALWAYS = frozenset({"/healthz", "/_stcore/health"})
"""Public also where a proxy logs people in: what watches the server is not logged in."""


def level_of(path: str) -> Level | None:
    """Who may ask for a path below the base path; None: there is no such address."""
    if path in EXACT:
        return EXACT[path]
    for folder, level in FOLDERS.items():
        if path.startswith(folder):
            return level
    return None
