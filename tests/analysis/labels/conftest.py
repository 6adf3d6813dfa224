"""A chat server for the tests of proposed names."""

import threading
from collections.abc import Iterator

import pytest

from tests.analysis.labels.chat_server import ChatServer


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()
