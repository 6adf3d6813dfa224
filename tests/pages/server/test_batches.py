"""Messages of a WebSocket are sent in batches, in their order, and none is lost."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest
from starlette.types import Message, Receive, Scope, Send

from pages.server.batches import Batches

Script = Callable[[Send], Coroutine[None, None, None]]
PAUSE = 0.1


def content(text: str) -> Message:
    return {"type": "websocket.send", "text": text}


def sent_by(
    script: Script, kind: str = "websocket", longest: float = 10.0
) -> list[tuple[float, str]]:
    """Seconds and text of what a script of sends lets through."""
    sent = []

    async def run() -> None:
        begin = asyncio.get_running_loop().time()

        async def receive() -> Message:
            return {}

        async def send(message: Message) -> None:
            await asyncio.sleep(0)
            now = asyncio.get_running_loop().time() - begin
            sent.append((now, message.get("text", message["type"])))

        async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
            await script(send)

        await Batches(app, PAUSE, longest)({"type": kind}, receive, send)

    asyncio.run(run())
    return sent


def test_messages_that_follow_closely_are_sent_together() -> None:
    async def script(send: Send) -> None:
        for text in "abc":
            await send(content(text))
            await asyncio.sleep(PAUSE / 10)
        await asyncio.sleep(4 * PAUSE)
        await send(content("d"))
        await asyncio.sleep(4 * PAUSE)

    sent = sent_by(script)
    assert [text for _, text in sent] == list("abcd")
    (a, b, c, d) = (time for time, _ in sent)
    assert a >= PAUSE and c - a < PAUSE and a <= b <= c and d - c > PAUSE


def test_a_message_does_not_wait_for_ever() -> None:
    async def script(send: Send) -> None:
        for number in range(100):
            await send(content(str(number)))
            await asyncio.sleep(PAUSE / 10)

    sent = sent_by(script, longest=2 * PAUSE)
    assert [int(text) for _, text in sent] == list(range(len(sent))) and len(sent) >= 20
    assert sent[0][0] < 4 * PAUSE


def test_an_end_is_sent_behind_what_waits() -> None:
    async def script(send: Send) -> None:
        await send(content("a"))
        await send(content("b"))
        await send({"type": "websocket.close"})

    sent = sent_by(script)
    assert [text for _, text in sent] == ["a", "b", "websocket.close"]
    assert sent[-1][0] < PAUSE


def test_other_requests_are_not_delayed() -> None:
    async def script(send: Send) -> None:
        await send({"type": "http.response.body", "text": "page"})

    ((time, text),) = sent_by(script, "http")
    assert text == "page" and time < PAUSE / 2


def test_a_lost_client_is_reported_with_the_next_message() -> None:
    async def run() -> None:
        async def lost(_message: Message) -> None:
            raise OSError("the client has gone")

        async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
            await send(content("a"))
            await asyncio.sleep(4 * PAUSE)
            with pytest.raises(OSError, match="has gone"):
                await send(content("b"))

        await Batches(app, PAUSE)({"type": "websocket"}, lost, lost)  # type: ignore[arg-type]

    asyncio.run(run())


def test_a_client_that_does_not_read_does_not_fill_the_memory() -> None:
    accepted = []

    async def run() -> None:
        async def never(_message: Message) -> None:
            await asyncio.Event().wait()

        async def receive() -> Message:
            return {}

        async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
            for _ in range(100):
                await send({"type": "websocket.send", "bytes": bytes(10)})
                accepted.append(10)

        batches = Batches(app, most_bytes=200)
        served = asyncio.create_task(batches({"type": "websocket"}, receive, never))
        for _ in range(1000):
            await asyncio.sleep(0)
        served.cancel()

    asyncio.run(run())
    assert sum(accepted) == 200
