"""The clicks of the load bench, and what it counts."""

import asyncio
from pathlib import Path

from analysis.bundle import Bundle
from bench.bench_load import LATENTS, SELECTIONS, Reader, Waits, _by_thirds, choices
from bench.client import PAGES, Client, Run, Widget
from bench.server import started

WIDGETS = [
    Widget("selectbox", "1", "Bundle", ("a", "b")),
    Widget("selectbox", "2", "Measure", ("phi", "jaccard")),
    Widget("selectbox", "3", "Pairs of", ("the selection",)),
    Widget("number_input", "4", LATENTS[0]),
    Widget("number_input", "5", "Window, tokens"),
    Widget("text_input", "6", "Selection"),
    Widget("button", "7", "Clear"),
]


def test_a_reader_uses_pickers_latents_and_the_selection() -> None:
    reader = Reader(Client("http://127.0.0.1:1"), latents=20, seed=3)
    used = dict(choices(WIDGETS, reader))
    assert [widget.label for widget in used] == ["Measure", "Latent", "Selection"]
    measure, latent, selection = used.values()
    assert measure in ("phi", "jaccard")
    assert isinstance(latent, float)
    assert 0 <= latent < 20
    assert selection in SELECTIONS


def test_waits_count_answers_charts_and_errors() -> None:
    waits = Waits()
    waits.note("", Run(seconds=2.0, first_chart=1.0))
    failed = Run(seconds=3.0)
    failed.__dict__["exceptions"] = ["KeyError: 3"]
    waits.note("map", failed)
    assert waits.finished == [2.0, 3.0]
    assert waits.first_chart == [1.0]
    assert waits.by_page == {"overview": [2.0], "map": [3.0]}
    assert waits.errors == {"KeyError: 3": 1}


def test_a_reader_clicks_through_a_real_dashboard(planted_bundle: Bundle, tmp_path: Path) -> None:
    async def read(address: str) -> list[Run]:
        async with Client(address) as client:
            reader = Reader(client, len(planted_bundle.latents), seed=0)
            first = await reader.open(PAGES[0])
            return [first, *[await reader.click() for _ in range(6)]]

    with started(planted_bundle.path.parent, tmp_path / "log.txt") as server:
        runs = asyncio.run(read(server.address))
    assert [run.exceptions for run in runs] == [[]] * 7
    assert runs[0].charts > 0


def test_memory_is_compared_by_thirds() -> None:
    megabytes = [100, 900, 200, 200, 200, 200, 210, 190, 230]  # the rise is that after the start
    assert _by_thirds([n * 10**6 for n in megabytes]) == "200 MB, 200 MB, 210 MB (+5.0 %)"
