"""A page that has drawn its map reports it under the name that its data have."""

import asyncio
import time

from starlette.applications import Starlette
from starlette.testclient import TestClient

from pages.server.map_drawn import ROUTES, map_in

PAGE = "Zm9vYmFyYmF6cXV4X18-AA"


def test_a_message_names_its_page_only_if_it_will_report() -> None:
    first = map_in(f'{{"drawnAt": "map-drawn/{PAGE}"}}'.encode())
    assert first is not None
    first.forget()
    assert map_in(b'{"drawnAt": null}') is None
    assert map_in(b'{"drawnAt": "map-drawn/short"}') is None


def test_a_report_ends_the_wait_for_its_page_alone() -> None:
    async def run() -> list[float]:
        client = TestClient(Starlette(routes=ROUTES))
        waited = []
        for page, seconds in (("a" * 22, 0.2), (PAGE, 3600.0)):
            one = map_in(f"map-drawn/{PAGE} ".encode())
            assert one is not None
            answer = await asyncio.to_thread(client.get, f"/map-drawn/{page}")
            assert answer.status_code == 204 and answer.headers["cache-control"] == "no-store"
            begun = time.monotonic()
            await one.wait(seconds)
            waited.append(time.monotonic() - begun)
            one.forget()
        return waited

    first, second = asyncio.run(run())
    assert first > 0.15 and second < 60
