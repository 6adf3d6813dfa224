"""A server that is full has a page that tries again."""

import asyncio

from starlette.types import Message

from pages.server.turn_away import SECONDS, turn_away


def answered(kind: str) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": f"{kind}.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(turn_away({"type": kind, "headers": []}, receive, send))
    return sent


def test_a_page_tries_again_and_a_socket_is_refused() -> None:
    start, body = answered("http")
    assert start["status"] == 503
    assert dict(start["headers"])[b"retry-after"] == str(SECONDS).encode()
    assert f'http-equiv="refresh" content="{SECONDS}"'.encode() in body["body"]
    assert answered("websocket") == [{"type": "websocket.close", "code": 1013}]
