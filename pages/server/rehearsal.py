"""One run of a page, as for a reader whose browser shows nothing.

What a page computes for its first reader, such as specifications of charts and figures of the
bundle, is then there for the next ones.
"""

import asyncio
from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime
from streamlit.runtime.session_manager import ClientContext, SessionClient

NAME = "Clearwater"
"""Of the user of these runs in the mode *team*; no request can log in as this user."""
_ENDS = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_WITH_COMPILE_ERROR)


class _Context(ClientContext):
    """What a session knows of its browser."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    @property
    def headers(self) -> Iterable[tuple[str, str]]:
        """All headers of the browser."""
        return tuple(self._headers.items())

    @property
    def cookies(self) -> Mapping[str, str]:
        """All cookies of the browser."""
        return {}

    @property
    def remote_ip(self) -> str | None:
        """The address of the browser."""
        return None


class _Nobody(SessionClient):
    """Takes what a page sends, and notices that its run has ended."""

    def __init__(self, context: ClientContext) -> None:
        self._context = context
        self.has_ended = asyncio.Event()

    def write_forward_msg(self, msg: ForwardMsg) -> None:
        """Take a message."""
        if msg.WhichOneof("type") == "script_finished" and msg.script_finished in _ENDS:
            self.has_ended.set()

    @property
    def client_context(self) -> ClientContext:
        """What the session knows of its browser."""
        return self._context


async def rehearse(page: str, bundle_id: str, seconds: float) -> bool:
    """Run the page at a path with a bundle, in the event loop of the server.

    A run that takes longer than `seconds` is left to end when it next draws something. Returns
    whether it has ended.
    """
    runtime = Runtime.instance()
    client = _Nobody(_Context(_headers()))
    session = runtime.connect_session(client, user_info={})
    try:
        ask = BackMsg()
        ask.rerun_script.page_name = page
        ask.rerun_script.query_string = urlencode({"bundle": bundle_id})
        runtime.handle_backmsg(session, ask)
        async with asyncio.timeout(seconds):
            await client.has_ended.wait()
    except TimeoutError:
        return False
    finally:
        runtime.close_session(session)
    return True


def _headers() -> dict[str, str]:
    """In the mode *team*, those of somebody who sees every bundle; none in the mode *local*."""
    # Imported here because the server imports nothing of the pages at its start.
    from analysis.serve.access.identity import Identity  # noqa: PLC0415
    from analysis.serve.server_settings import server_settings  # noqa: PLC0415
    from pages.widgets.current_user import HEADER, vouched  # noqa: PLC0415

    if not server_settings().is_team:
        return {}
    return {HEADER: vouched(Identity(NAME, role="operator"))}
