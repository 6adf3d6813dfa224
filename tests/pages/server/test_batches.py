"""Messages of a WebSocket are sent in batches, in their order, and none is lost."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from pages.server import batches, map_drawn
from pages.server.batches import MAP, Batches, has_figure
from pages.widgets.page import FIGURES_END

PAUSE = 0.1
NEVER = 3600.0
"""Seconds that no test lasts."""


def content(text: str) -> Message:
    return {"type": "websocket.send", "text": text}


def sent_by(
    script: Callable[[Send, list[str]], Coroutine[None, None, None]],
    kind: str = "websocket",
    pause: float = PAUSE,
    longest: float = NEVER,
    head_start: float = 0.0,
) -> list[str]:
    """What a script of sends lets through; the script sees it, too."""
    sent: list[str] = []

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        await asyncio.sleep(0)
        sent.append(message.get("text", message["type"]))

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await script(send, sent)

    async def run() -> None:
        async with asyncio.timeout(30):
            await Batches(app, pause, longest, head_start=head_start)({"type": kind}, receive, send)

    asyncio.run(run())
    return sent


async def until(sent: list[str], number: int) -> None:
    while len(sent) < number:
        await asyncio.sleep(PAUSE / 10)


def test_messages_that_follow_closely_are_sent_together() -> None:
    async def script(send: Send, sent: list[str]) -> None:
        for text in "abc":
            await send(content(text))
            await asyncio.sleep(0)
            assert sent == []
        await until(sent, 3)
        await send(content("d"))
        await asyncio.sleep(0)
        assert sent == list("abc")
        await until(sent, 4)

    assert sent_by(script) == list("abcd")


def test_a_message_does_not_wait_for_ever() -> None:
    numbers: list[str] = []

    async def script(send: Send, sent: list[str]) -> None:
        while not sent:  # each message begins another pause
            numbers.append(str(len(numbers)))
            await send(content(numbers[-1]))
            await asyncio.sleep(PAUSE / 10)

    sent = sent_by(script, longest=2 * PAUSE)
    assert sent and sent == numbers[: len(sent)]


def test_an_end_is_sent_behind_what_waits() -> None:
    async def script(send: Send, sent: list[str]) -> None:
        await send(content("a"))
        await send(content("b"))
        assert sent == []
        await send({"type": "websocket.close"})
        assert sent == ["a", "b", "websocket.close"]

    assert sent_by(script, pause=NEVER) == ["a", "b", "websocket.close"]


def chart() -> Message:
    sent = ForwardMsg()
    sent.delta.new_element.vega_lite_chart.spec = '{"$schema": "https://v.org/vega-lite/v6.json"}'
    return {"type": "websocket.send", "bytes": sent.SerializeToString(), "text": "chart"}


def test_what_follows_the_first_figure_waits_for_the_browser() -> None:
    async def script(send: Send, sent: list[str]) -> None:
        await send(content("title"))
        await send(chart())
        await until(sent, 2)
        begun = time.monotonic()
        await send(content("below"))
        await until(sent, 3)
        assert time.monotonic() - begun > 4 * PAUSE
        await send(chart())  # only the first one has a head start
        await until(sent, 4)
        begun = time.monotonic()
        await send(content("last"))
        await send({"type": "websocket.close"})
        assert sent[4:] == ["last", "websocket.close"]

    expected = ["title", "chart", "below", "chart", "last", "websocket.close"]
    assert sent_by(script, head_start=5 * PAUSE) == expected


def end_of_figures() -> Message:
    sent = ForwardMsg()
    sent.delta.add_block.id = f"$$ID-0123-{FIGURES_END}"
    return {"type": "websocket.send", "bytes": sent.SerializeToString(), "text": "end"}


def test_the_first_figures_of_a_later_run_are_sent_once_they_are_complete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "LATER_HEAD_START", 5 * PAUSE)

    async def script(send: Send, sent: list[str]) -> None:
        await send(end_of_figures())  # of the first run, before any figure
        assert sent == []
        await send(chart())
        await until(sent, 2)
        for _ in range(2):
            sent.clear()
            await send(content("number"))
            await send(chart())
            assert sent == []
            await send(end_of_figures())
            assert sent == ["number", "chart", "end"]
            begun = time.monotonic()
            await send(content("toolbar"))
            await until(sent, 4)
            assert time.monotonic() - begun > 4 * PAUSE
        sent.clear()
        await send(end_of_figures())
        await send(content("toolbar"))
        await send({"type": "websocket.close"})
        assert sent == ["end", "toolbar", "websocket.close"]

    sent_by(script)


def map_of(page: str) -> Message:
    sent = ForwardMsg()
    component = sent.delta.new_element.bidi_component
    component.component_name = MAP
    component.json = f'{{"drawnAt": "map-drawn/{page}", "answered": 0}}'
    return {"type": "websocket.send", "bytes": sent.SerializeToString(), "text": "map"}


def report(page: str) -> None:
    TestClient(Starlette(routes=map_drawn.ROUTES)).get(f"/map-drawn/{page}")


@pytest.mark.parametrize("closely", [True, False])
def test_what_follows_a_map_waits_until_it_is_drawn(
    monkeypatch: pytest.MonkeyPatch, closely: bool
) -> None:
    monkeypatch.setattr(batches, "LONGEST_MAP", NEVER)
    page = "a" * 22

    async def script(send: Send, sent: list[str]) -> None:
        await send(content("title"))
        if not closely:
            await until(sent, 1)
        await send(map_of(page))
        assert sent == ["title", "map"]
        await send(content("below"))
        await send(chart())
        await asyncio.sleep(3 * PAUSE)
        assert sent == ["title", "map"]
        await asyncio.to_thread(report, "b" * 22)
        await asyncio.sleep(3 * PAUSE)
        assert sent == ["title", "map"]
        await asyncio.to_thread(report, page)
        await until(sent, 4)
        await send(map_of(page))  # only the first one has a head start
        await send(content("last"))
        await until(sent, 6)

    expected = ["title", "map", "below", "chart", "map", "last"]
    assert sent_by(script, head_start=NEVER) == expected
    assert not map_drawn._awaited


def test_a_map_that_is_never_drawn_holds_nothing_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "LONGEST_MAP", 5 * PAUSE)

    async def script(send: Send, sent: list[str]) -> None:
        await send(map_of("a" * 22))
        begun = time.monotonic()
        await send(content("below"))
        await until(sent, 2)
        assert time.monotonic() - begun > 4 * PAUSE

    assert sent_by(script) == ["map", "below"]


def test_an_end_does_not_wait_for_a_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "LONGEST_MAP", NEVER)

    async def script(send: Send, sent: list[str]) -> None:
        await send(map_of("a" * 22))
        await send(content("below"))
        await send({"type": "websocket.close"})
        assert sent == ["map", "below", "websocket.close"]

    sent_by(script)


def test_the_first_figure_does_not_wait_for_all_that_follows_closely() -> None:
    async def script(send: Send, sent: list[str]) -> None:
        await send(chart())
        for number in range(1000):
            if sent:
                break
            await send(content(str(number)))
            await asyncio.sleep(PAUSE / 10)
        assert sent and len(sent) < 1000

    assert sent_by(script)[0] == "chart"


def test_charts_and_the_map_are_figures() -> None:
    assert has_figure(chart()["bytes"])
    sent = ForwardMsg()
    sent.delta.new_element.bidi_component.component_name = "clearwater_latent_map"
    assert has_figure(sent.SerializeToString())
    sent.delta.new_element.bidi_component.component_name = "clearwater_run_again"
    assert not has_figure(sent.SerializeToString())
    sent.delta.new_element.markdown.body = "vega-lite draws, and clearwater_latent_map too"
    assert not has_figure(sent.SerializeToString())
    assert not has_figure(None) and not has_figure(b"vega-lite is no message")


def test_the_map_has_the_name_by_which_it_is_known() -> None:
    assert f'"{MAP}"' in Path("pages/widgets/latent_map.py").read_text("utf-8")


def test_other_requests_are_not_delayed() -> None:
    async def script(send: Send, sent: list[str]) -> None:
        await send({"type": "http.response.body", "text": "page"})
        assert sent == ["page"]

    assert sent_by(script, "http", pause=NEVER) == ["page"]


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

        limited = Batches(app, most_bytes=200)
        served = asyncio.create_task(limited({"type": "websocket"}, receive, never))
        for _ in range(1000):
            await asyncio.sleep(0)
        served.cancel()

    asyncio.run(run())
    assert sum(accepted) == 200
