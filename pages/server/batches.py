"""Send the messages of a run together, so that a browser draws few times.

Streamlit sends one message for each element, and the browser lays out the page again every 10 ms
while they arrive: about ten times in a run. This middleware sends messages that follow each other
closely together.

The browser draws a chart only when it has nothing else to do, so the first one of a page would be
seen after all of the page has been laid out. So when a WebSocket has sent its first figure, what
follows waits a little. If that is the map, it waits until the browser has reported it as drawn.
"""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.server.map_drawn import Drawn, map_in

PAUSE = 0.015
"""Seconds without a message after which those that wait are sent."""
LONGEST = 0.15
"""Seconds that a message waits at most, except after the first figure."""
SOON = 0.05
"""Seconds after which the first figure is sent, with what has come by then."""
HEAD_START = 0.5
"""Seconds that the browser has for the first figure before more is sent."""
LONGEST_MAP = 2.0
"""The same for a map, if the browser does not report that it is drawn."""
LATER_HEAD_START = 0.05
"""The same for the first figures of a later run."""
END = b"end of the first figures"
"""What the message after the first figures of a run contains (`pages.widgets.page.figures_end`)."""
MAP = "clearwater_latent_map"
"""The name of the component that is the map."""
_FIGURES = (b"vega-lite", MAP.encode())
"""What a message with a figure contains, and few others."""
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
        head_start: float = HEAD_START,
    ) -> None:
        self.app = app
        self.pause = pause
        self.longest = longest
        self.most_bytes = most_bytes
        self.head_start = head_start

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; only what WebSockets send is delayed."""
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        batch = _Batch(send, self.pause, self.longest, self.most_bytes, self.head_start)
        try:
            await self.app(scope, receive, batch.add)
        finally:
            batch.stop()


class _Batch:
    """The messages of one WebSocket that wait to be sent."""

    def __init__(
        self, send: Send, pause: float, longest: float, most_bytes: int, head_start: float
    ) -> None:
        self._send = send
        self._pause = pause
        self._longest = longest
        self._most_bytes = most_bytes
        self._head_start = head_start
        self._first_figure: float | None = None
        """When the first figure came."""
        self._has_sent_figure = False
        self._silent_until = 0.0
        self._map: tuple[Message, Drawn] | None = None
        """The first figure if it is a map, and whether the browser has drawn it."""
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
        if self._first_figure is None and has_figure(message.get("bytes")):
            self._first_figure = asyncio.get_running_loop().time()
            if drawn := map_in(message["bytes"]):
                self._map = message, drawn
                await self._send_waiting()
                return
        if message["type"] != "websocket.send" or self._bytes > self._most_bytes:
            await self._send_waiting(at_once=True)
        elif self._has_sent_figure and _ends_figures(message):
            await self._send_waiting()
        elif self._later is None:
            self._later = asyncio.create_task(self._send_after_a_pause())

    def stop(self) -> None:
        """Send nothing more."""
        if self._map:
            self._map[1].forget()
        if self._later and not self._later.cancel() and not self._later.cancelled():
            self._later.exception()  # the client has left, so nobody needs to hear of it

    async def _send_after_a_pause(self) -> None:
        while self._waiting:  # what came while the browser drew its map waits once more
            await self._wait_for_browser()
            await self._send_what_follows_closely()

    async def _wait_for_browser(self) -> None:
        left = self._silent_until - asyncio.get_running_loop().time()
        if left > 0 and self._map:
            await self._map[1].wait(left)
            self._map[1].forget()
            self._map, self._silent_until = None, 0.0
        elif left > 0:
            await asyncio.sleep(left)

    async def _send_what_follows_closely(self) -> None:
        now = asyncio.get_running_loop().time
        latest = now() + self._longest
        seen = 0
        while len(self._waiting) > seen and now() < latest:
            seen = len(self._waiting)
            if self._first_figure is not None and not self._has_sent_figure:
                latest = min(latest, self._first_figure + SOON)
            await asyncio.sleep(self._pause)
        await self._send_waiting()
        if self._first_figure is not None and not self._has_sent_figure:
            self._has_sent_figure = True
            self._silent_until = now() + self._head_start

    async def _send_waiting(self, at_once: bool = False) -> None:
        """Send what waits, but only `at_once` what follows figures that are not drawn yet."""
        now = asyncio.get_running_loop().time
        async with self._sending:
            while self._waiting and (at_once or now() >= self._silent_until):
                message = self._waiting.pop(0)
                self._bytes -= _size(message)
                await self._send(message)
                if self._map and self._map[0] is message:
                    self._has_sent_figure = True
                    self._silent_until = now() + LONGEST_MAP
                elif self._has_sent_figure and _ends_figures(message):
                    self._silent_until = now() + LATER_HEAD_START


def has_figure(sent: bytes | None) -> bool:
    """Whether a message of Streamlit has a chart or the map."""
    if not sent or not any(name in sent for name in _FIGURES):
        return False
    # Imported here because it delays the start of the server.
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # noqa: PLC0415
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg  # noqa: PLC0415

    try:
        element = ForwardMsg.FromString(sent).delta.new_element
    except DecodeError:
        return False
    kind = element.WhichOneof("type")
    return kind == "vega_lite_chart" or (
        kind == "bidi_component" and element.bidi_component.component_name == MAP
    )


def _ends_figures(message: Message) -> bool:
    return END in (message.get("bytes") or b"")


def _size(message: Message) -> int:
    return len(message.get("bytes") or message.get("text") or "")
