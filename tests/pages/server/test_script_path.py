"""What a WebSocket sends does not contain the path of the script."""

import asyncio
from pathlib import Path
from typing import Any

from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from pages.server.script_path import ScriptPathWithheld

SCRIPT = Path("/srv/private/dashboard.py")


def new_session() -> bytes:
    message = ForwardMsg()
    message.new_session.main_script_path = str(SCRIPT)
    message.new_session.name = "dashboard"
    return message.SerializeToString()


def a_text_with_the_path() -> bytes:
    message = ForwardMsg()
    message.delta.new_element.markdown.body = f"see {SCRIPT}"
    return message.SerializeToString()


def sent(kind: str, *messages: Message) -> list[Any]:
    """What reaches the client when an application sends the messages."""
    arrived: list[Any] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        arrived.append(message)

    asyncio.run(ScriptPathWithheld(app, SCRIPT)({"type": kind}, receive, send))
    return arrived


def test_the_session_names_its_script_without_the_folder() -> None:
    (arrived,) = sent("websocket", {"type": "websocket.send", "bytes": new_session()})
    message = ForwardMsg()
    message.ParseFromString(arrived["bytes"])
    assert message.new_session.main_script_path == "dashboard.py"
    assert message.new_session.name == "dashboard"
    assert arrived["type"] == "websocket.send"


def test_everything_else_is_sent_as_it_is() -> None:
    messages: list[Message] = [
        {"type": "websocket.accept"},
        {"type": "websocket.send", "bytes": a_text_with_the_path()},
        {"type": "websocket.send", "bytes": b"odd"},
        {"type": "websocket.send", "text": str(SCRIPT)},
    ]
    assert sent("websocket", *messages) == messages
    of_http: Message = {"type": "http.response.body", "bytes": new_session()}
    assert sent("http", of_http) == [of_http]
