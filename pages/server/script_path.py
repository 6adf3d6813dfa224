"""Withhold the path of `dashboard.py`, which Streamlit sends to every browser in every run.

The browser needs only something that tells apps apart, so it gets the name of the file.
"""

from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class ScriptPathWithheld:
    """A middleware that replaces the path of the script in what a WebSocket sends."""

    def __init__(self, app: ASGIApp, script: Path) -> None:
        self.app = app
        self.script = script

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; only those of WebSockets are changed."""
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return

        async def withholding(message: Message) -> None:
            sent = message.get("bytes")
            if sent and str(self.script).encode() in sent:
                message = {**message, "bytes": without_path(sent, self.script)}
            await send(message)

        await self.app(scope, receive, withholding)


def without_path(sent: bytes, script: Path) -> bytes:
    """A message of Streamlit in which the session names its script without its folder."""
    # Imported here because it delays the start of the server.
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg  # noqa: PLC0415

    message = ForwardMsg()
    message.ParseFromString(sent)
    if message.WhichOneof("type") != "new_session":
        return sent
    message.new_session.main_script_path = script.name
    return message.SerializeToString()
