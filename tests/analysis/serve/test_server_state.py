"""The state of a server process."""

import os
import threading
from pathlib import Path

import psutil
import pytest

from analysis.serve import server_state
from analysis.serve.server_state import ServerState, resident_bytes


def test_pages_are_open_during_their_block_also_after_an_error() -> None:
    state = ServerState()
    with state.open_page("ada", "reader"):
        with pytest.raises(ValueError, match="lost"), state.open_page("bob", "operator"):
            assert [one.user for one in state.open_pages()] == ["ada", "bob"]
            raise ValueError("lost")
        assert [one.role for one in state.open_pages()] == ["reader"]
    assert state.open_pages() == []


def test_counts_of_many_threads_are_complete() -> None:
    state = ServerState()

    def many() -> None:
        for _ in range(1000):
            state.count("exports")

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.counts == {"exports": 4000}


def test_the_memory_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    own = psutil.Process(os.getpid()).memory_info().rss
    assert abs(resident_bytes() - own) < 0.2 * own
    assert resident_bytes(os.getpid()) > 0.8 * own
    monkeypatch.setattr(server_state, "_PROCESSES", Path("/nowhere"))
    assert resident_bytes() == 0
