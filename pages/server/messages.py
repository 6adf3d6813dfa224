"""What browsers do not get to know or to do, of what Streamlit offers every client.

Streamlit sends the path of `dashboard.py` in every run. On request it sends the branch, the remote
and the names of changed files of the Git repository that the script is in, and clears the caches of
all sessions. The pages use none of it. What is no message of Streamlit ends its WebSocket.
"""

from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

REFUSED = ("load_git_info", "clear_cache")
"""Requests of clients that do not reach Streamlit."""
PROTOCOL_ERROR = 1002
"""Why a WebSocket is closed whose client sends what no browser sends."""


class MessageFilter:
    """A middleware that drops requests and withholds the path of the script, in WebSockets."""

    def __init__(self, app: ASGIApp, script: Path) -> None:
        self.app = app
        self.script = script

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; only those of WebSockets are changed."""
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return

        is_closed = False

        async def allowed() -> Message:
            nonlocal is_closed
            while True:
                message = await receive()
                if message["type"] != "websocket.receive":
                    return message
                kind = kind_of(message.get("bytes"))
                if kind is None:
                    is_closed = True
                    await send({"type": "websocket.close", "code": PROTOCOL_ERROR})
                    return {"type": "websocket.disconnect", "code": PROTOCOL_ERROR}
                if kind not in REFUSED:
                    return message

        async def withholding(message: Message) -> None:
            if is_closed:
                return
            sent = message.get("bytes")
            if sent and str(self.script).encode() in sent:
                message = {**message, "bytes": without_path(sent, self.script)}
            await send(message)

        await self.app(scope, allowed, withholding)


def kind_of(received: bytes | None) -> str | None:
    """What a message of a client asks for, empty for nothing; None if no browser sends it.

    Streamlit would log a traceback for such a message.
    """
    if received is None:
        return None
    # Imported here because they delay the start of the server.
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # noqa: PLC0415
    from streamlit.proto.BackMsg_pb2 import BackMsg  # noqa: PLC0415

    try:
        return BackMsg.FromString(received).WhichOneof("type") or ""
    except DecodeError:
        return None


def without_path(sent: bytes, script: Path) -> bytes:
    """A message of Streamlit in which the session names its script without its folder.

    The browser needs only something that tells apps apart, so it gets the name of the file.
    """
    # Imported here because it delays the start of the server.
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg  # noqa: PLC0415

    message = ForwardMsg()
    message.ParseFromString(sent)
    if message.WhichOneof("type") != "new_session":
        return sent
    message.new_session.main_script_path = script.name
    return message.SerializeToString()
