"""What happens at the start of a server process: preparation and warm-up; a browser if wanted."""

import asyncio
import gc
import os
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route
from streamlit.starlette import App

from pages.server.preparation import PREPARED, prepare
from pages.server.warm_up import PAUSE, warm_up

GARBAGE = 2_000
"""New objects after which Python looks for garbage among them. It looks through all objects a
hundred times less often, which takes .2 s: after some 160 runs of a page, and at its default of 700
after 45."""


@asynccontextmanager
async def lifespan(_app: App) -> AsyncIterator[None]:
    """Start the preparation and the warm-up with the server, and end them with the server."""
    gc.set_threshold(GARBAGE)
    stop = threading.Event()
    if _is_team():
        from pages.server.team import begin  # noqa: PLC0415

        begin()
    _in_background(_get_ready, stop, asyncio.get_running_loop())
    if not st.get_option("server.headless"):  # for an App, Streamlit opens no browser itself
        _in_background(webbrowser.open, address())
    yield
    stop.set()


def _get_ready(stop: threading.Event, loop: asyncio.AbstractEventLoop) -> None:
    """Prepare if nobody is served meanwhile, as `analysis.serve.supervisor` says; then warm up."""
    from analysis.serve import PREPARE  # noqa: PLC0415

    if seconds := float(os.environ.get(PREPARE) or 0):

        def run(page: str, bundle_id: str, left: float) -> None:
            from pages.server.rehearsal import rehearse  # noqa: PLC0415

            asyncio.run_coroutine_threadsafe(rehearse(page, bundle_id, left), loop).result()

        prepare(run, stop, seconds)
    PREPARED.set()
    warm_up(stop, PAUSE)


def check_settings() -> None:
    """End the process with one sentence if a setting is wrong."""
    from analysis.runtime.errors import InputError  # noqa: PLC0415
    from analysis.serve.server_settings import server_settings  # noqa: PLC0415

    try:
        settings = server_settings()
        if settings.is_team:
            from pages.server.team import check_team  # noqa: PLC0415

            check_team(settings)
    except InputError as error:
        sys.exit(f"Clearwater was not started. {error}")


def gates() -> list[Middleware]:
    """What every request passes first: the gate of a team, and nothing in the mode *local*."""
    if not _is_team():
        return []
    from analysis.serve.server_settings import server_settings  # noqa: PLC0415
    from pages.server.team import gate  # noqa: PLC0415

    return [gate(server_settings())]


def origins() -> list[str] | None:
    """What browsers may know before they connect; None for a team, whose login they bring first.

    A connection counts as that of the user only with a cookie that the first question sets.
    """
    return None if _is_team() else list(st.get_option("client.allowedOrigins") or ())


def base_path() -> str:
    """The path below which the dashboard is served, without slashes around it."""
    return str(st.get_option("server.baseUrlPath") or "").strip("/")


def below_base_path(routes: Iterable[Route]) -> list[Route]:
    """Routes with the path of the dashboard before theirs, as Streamlit's own routes have it."""
    base = base_path()
    if not base:
        return list(routes)
    return [
        Route(f"/{base}{route.path}", route.endpoint, methods=sorted(route.methods or {"GET"}))
        for route in routes
    ]


def _is_team() -> bool:
    from analysis.serve.server_settings import server_settings  # noqa: PLC0415

    return server_settings().is_team


def address() -> str:
    """The address at which this machine reaches the server."""
    host = st.get_option("server.address") or "localhost"
    host = "localhost" if host in ("0.0.0.0", "::") else host
    return f"http://{host}:{st.get_option('server.port')}/{base_path()}"


def _in_background(target: Callable[..., object], *arguments: object) -> None:
    threading.Thread(target=target, args=arguments, daemon=True).start()
