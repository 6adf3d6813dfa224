"""Runs of pages take turns, in threads and in a server of Streamlit."""

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from bench.client import Client
from bench.server import started
from pages.widgets.turns import Turns
from tests.conftest import ROOT

PATIENCE = 60.0
"""Seconds that nothing here takes."""
APP = """
import time
from pathlib import Path
import streamlit as st
from lines import LASTING, SHORT
from pages.widgets.turns import in_turn

kind, turns = st.query_params["kind"], SHORT if "line" in st.query_params else LASTING
if kind == "count":
    st.markdown(str(turns.waiting))
    st.stop()
with in_turn(turns):
    if kind == "blocks":
        Path(st.query_params["file"]).with_suffix(".begun").touch()
        while not Path(st.query_params["file"]).exists():
            time.sleep(0.01)
    elif kind == "stops":
        st.stop()
    elif kind == "fails":
        raise ValueError("no page")
    elif kind == "again" and not st.session_state.get("was here"):
        st.session_state["was here"] = True
        st.rerun()
    st.markdown("drawn")
"""
LINES = """
from pages.widgets.turns import Turns
LASTING, SHORT = Turns(at_once=1, long=3600), Turns(at_once=1, long=0.2)
"""


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


class Crowd:
    """Threads that take turns; each holds its own until it is released."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.inside: list[int] = []
        self.order: list[int] = []
        self.stopped: set[int] = set()
        self._release = [threading.Event() for _ in range(8)]
        self._pool = ThreadPoolExecutor(8)

    def come(self, number: int) -> None:
        """Come to the turns, behind all who are there."""
        before = self.turns.waiting + len(self.order)
        self._pool.submit(self._run, number)
        until(lambda: self.turns.waiting + len(self.order) > before)

    def _run(self, number: int) -> None:
        def look() -> None:
            if number in self.stopped:
                raise InterruptedError

        with suppress(InterruptedError), self.turns.turn(look, step=0.005):
            self.order.append(number)
            self.inside.append(number)
            self._release[number].wait(PATIENCE)
            self.inside.remove(number)

    def release(self, *numbers: int) -> None:
        for number in numbers:
            self._release[number].set()

    def await_order(self, number: int) -> None:
        """Wait until so many turns have begun."""
        until(lambda: len(self.order) == number)

    def end(self) -> None:
        self.release(*range(8))
        self._pool.shutdown()


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def crowd(now: list[float]) -> Iterator[Crowd]:
    crowd = Crowd(Turns(at_once=2, long=5.0, clock=lambda: now[0]))
    yield crowd
    crowd.end()


def test_those_who_come_first_are_served_first(crowd: Crowd) -> None:
    for number in range(6):
        crowd.come(number)
    assert crowd.order == [0, 1] and crowd.turns.waiting == 4
    for place, left in enumerate((1, 0, 2, 3), start=3):
        crowd.release(left)
        crowd.await_order(place)
    assert crowd.order == list(range(6))
    assert crowd.turns.waiting == 0


def test_a_turn_that_lasts_long_does_not_count(crowd: Crowd, now: list[float]) -> None:
    for number in (0, 1, 2, 3, 4):
        crowd.come(number)
    now[0] = 4.9
    time.sleep(0.05)  # those who wait look several times
    assert crowd.order == [0, 1]
    now[0] = 5.0
    until(lambda: sorted(crowd.order) == [0, 1, 2, 3])
    crowd.release(0, 1)  # their places are taken
    until(lambda: sorted(crowd.inside) == [2, 3])
    assert crowd.turns.waiting == 1
    crowd.release(2)
    until(lambda: sorted(crowd.inside) == [3, 4])


def test_one_who_is_stopped_leaves_the_line(crowd: Crowd) -> None:
    for number in (0, 1, 2, 3):
        crowd.come(number)
    crowd.stopped.add(2)
    until(lambda: crowd.turns.waiting == 1)
    crowd.release(0)
    until(lambda: sorted(crowd.inside) == [1, 3])
    assert crowd.order == [0, 1, 3]


def test_a_turn_ends_with_an_exception() -> None:
    turns = Turns(at_once=1, long=3600)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt), turns.turn(lambda: None):
            raise KeyboardInterrupt
    with turns.turn(lambda: pytest.fail("it has to wait")):
        pass


def test_a_turn_within_a_turn_waits_no_longer_than_for_a_long_one() -> None:
    turns = Turns(at_once=1, long=0.02)
    with turns.turn(lambda: None), turns.turn(lambda: None, step=0.005):
        assert turns.waiting == 0


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("turns")
    (folder / "app.py").write_text(APP)
    (folder / "lines.py").write_text(LINES)
    command = [sys.executable, "-m", "streamlit", "run", str(folder / "app.py")]
    paths = {"PYTHONPATH": str(ROOT)}
    with started(folder, folder / "log.txt", command, paths) as server:
        yield server.address


async def until_waiting(address: str, number: int) -> None:
    """Wait until so many runs wait."""
    async with asyncio.timeout(PATIENCE), Client(address) as client:
        while (await client.open("", "kind=count")).texts != [str(number)]:
            await asyncio.sleep(0.02)


async def until_there(file: Path) -> None:
    async with asyncio.timeout(PATIENCE):
        while not file.exists():
            await asyncio.sleep(0.01)


def test_a_run_that_blocks_keeps_no_other_waiting(address: str, tmp_path: Path) -> None:
    async def use() -> None:
        file = tmp_path / "go"
        async with Client(address) as slow, Client(address) as other:
            blocked = asyncio.create_task(slow.open("", f"kind=blocks&line=short&file={file}"))
            await until_there(file.with_suffix(".begun"))
            assert (await other.open("", "kind=plain&line=short")).texts == ["drawn"]
            assert not blocked.done()
            file.touch()
            assert (await blocked).texts == ["drawn"]

    asyncio.run(use())


def test_a_run_that_waits_ends_when_its_reader_leaves_or_asks_again(
    address: str, tmp_path: Path
) -> None:
    async def use() -> None:
        file = tmp_path / "go"
        async with Client(address) as slow, Client(address) as patient:
            blocked = asyncio.create_task(slow.open("", f"kind=blocks&file={file}"))
            await until_there(file.with_suffix(".begun"))
            with suppress(TimeoutError):
                await patient.open("", "kind=plain", timeout=0.01)
            async with Client(address) as leaving:
                with suppress(TimeoutError):
                    await leaving.open("", "kind=plain", timeout=0.01)
                await until_waiting(address, 2)
            await until_waiting(address, 1)
            asked_again = asyncio.create_task(patient.open("", "kind=plain"))
            await asyncio.sleep(0.3)  # its first run sees it after a step
            await until_waiting(address, 1)
            assert not asked_again.done() and not blocked.done()
            file.touch()
            assert (await asked_again).texts == ["drawn"]
            assert (await blocked).texts == ["drawn"]

    asyncio.run(use())


def test_every_end_of_a_run_ends_its_turn(address: str) -> None:
    async def use() -> None:
        async with Client(address) as client:
            for kind, texts in (("stops", []), ("fails", []), ("again", ["drawn"])):
                assert (await client.open("", f"kind={kind}")).texts == texts
            assert (await client.open("", "kind=plain")).texts == ["drawn"]

    asyncio.run(use())
