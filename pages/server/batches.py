"""Send the messages of a run together, so that a browser draws few times.

Streamlit sends one message for each element, and the browser lays out the page again every 10 ms
while they arrive: about ten times in a run. This middleware sends messages that follow each other
closely together.
"""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAUSE = 0.015
"""Seconds without a message after which those that wait are sent."""
LONGEST = 0.15
"""Seconds that a message waits at most."""
MOST_BYTES = 16_000_000
"""Bytes that wait for a client that does not read; a page has a tenth of them. The next message
waits too, so Streamlit sees that its queue is full and gives the client up."""


class Batches:
    """A middleware that sends the messages of a WebSocket in batches, in their order."""

    def __init__(
        self,
        app: ASGIApp,
        pause: float = PAUSE,
        longest: float = LONGEST,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.app = app
        self.pause = pause
        self.longest = longest
        self.most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; only what WebSockets send is delayed."""
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        batch = _Batch(send, self.pause, self.longest, self.most_bytes)
        try:
            await self.app(scope, receive, batch.add)
        finally:
            batch.stop()


class _Batch:
    """The messages of one WebSocket that wait to be sent."""

    def __init__(self, send: Send, pause: float, longest: float, most_bytes: int) -> None:
        self._send = send
        self._pause = pause
        self._longest = longest
        self._most_bytes = most_bytes
        self._waiting: list[Message] = []
        self._bytes = 0
        self._sending = asyncio.Lock()
        self._later: asyncio.Task[None] | None = None

    async def add(self, message: Message) -> None:
        """Queue a message. What is not content, such as a close, is sent at once, after the queue.

        Raises what sending the last batch has raised, so that Streamlit learns of a lost client.
        """
        if self._later and self._later.done():
            ended, self._later = self._later, None
            ended.result()
        self._waiting.append(message)
        self._bytes += _size(message)
        if message["type"] != "websocket.send" or self._bytes > self._most_bytes:
            await self._send_waiting()
        elif self._later is None:
            self._later = asyncio.create_task(self._send_after_a_pause())

    def stop(self) -> None:
        """Send nothing more."""
        if self._later and not self._later.cancel() and not self._later.cancelled():
            self._later.exception()  # the client has left, so nobody needs to hear of it

    async def _send_after_a_pause(self) -> None:
        now = asyncio.get_running_loop().time
        latest = now() + self._longest
        seen = 0
        while len(self._waiting) > seen and now() < latest:
            seen = len(self._waiting)
            await asyncio.sleep(self._pause)
        await self._send_waiting()

    async def _send_waiting(self) -> None:
        async with self._sending:
            while self._waiting:
                message = self._waiting.pop(0)
                self._bytes -= _size(message)
                await self._send(message)


def _size(message: Message) -> int:
    return len(message.get("bytes") or message.get("text") or "")
