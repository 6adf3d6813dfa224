"""A WebSocket sends no path of the script, and some requests do not reach Streamlit."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from pages.server.messages import MessageFilter

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

    asyncio.run(MessageFilter(app, SCRIPT)({"type": kind}, receive, send))
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


def received(kind: str, *messages: Message) -> list[Message]:
    """What reaches an application when a client sends the messages, and then leaves."""
    arrived: list[Message] = []
    waiting = [*messages, {"type": "websocket.disconnect"}]

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        while not arrived or arrived[-1]["type"] != "websocket.disconnect":
            arrived.append(await receive())

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(_message: Message) -> None:
        pass

    asyncio.run(MessageFilter(app, SCRIPT)({"type": kind}, receive, send))
    return arrived[:-1]


def request(name: str) -> Message:
    asked = BackMsg()
    if name == "rerun_script":
        asked.rerun_script.query_string = "measure=phi"
    else:
        setattr(asked, name, True)
    return {"type": "websocket.receive", "bytes": asked.SerializeToString()}


@pytest.mark.parametrize("name", ["load_git_info", "clear_cache"])
def test_requests_that_concern_others_do_not_arrive(name: str) -> None:
    asked = [request("rerun_script"), request(name), request("stop_script")]
    assert received("websocket", *asked) == [asked[0], asked[2]]
    assert received("http", *asked) == asked


def test_a_request_cannot_hide_among_others() -> None:
    """Of several fields of one message, Streamlit reads the last."""
    hidden = {"bytes": request("rerun_script")["bytes"] + request("load_git_info")["bytes"]}
    assert received("websocket", {"type": "websocket.receive", **hidden}) == []


@pytest.mark.parametrize("odd", [{"bytes": b"\xff\xff odd"}, {"text": "odd"}, {}])
def test_what_no_browser_sends_closes_its_socket(odd: dict[str, Any]) -> None:
    waiting: list[Message] = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "bytes": b""},
        {"type": "websocket.receive", **odd},
    ]
    arrived: list[Message] = []
    answered: list[Message] = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        while not arrived or arrived[-1]["type"] != "websocket.disconnect":
            arrived.append(await receive())
        await send({"type": "websocket.send", "bytes": b"after its end"})

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        answered.append(message)

    asyncio.run(MessageFilter(app, SCRIPT)({"type": "websocket"}, receive, send))
    assert [message["type"] for message in arrived] == [
        "websocket.connect",
        "websocket.receive",
        "websocket.disconnect",
    ]
    assert answered == [{"type": "websocket.close", "code": 1002}]
