"""A dashboard is started, measured and stopped; the client opens its pages."""

import asyncio
import sys
from pathlib import Path

import psutil
import pytest

from analysis.bundle import Bundle
from bench.client import Client
from bench.server import started


def test_a_started_dashboard_is_used_and_stopped(planted_bundle: Bundle, tmp_path: Path) -> None:
    async def use(address: str) -> None:
        async with Client(address) as client:
            run = await client.open("latent", "select=flag%3Ddead")
            assert run.exceptions == []
            assert any("**6** of 200 latents" in text for text in run.texts)
            run = await client.set(run.widget("Contexts"), ["random"])
            assert run.address is not None and "contexts=random" in run.address
            run = await client.set(run.widget("Next"))
            assert run.address is not None and "latent=190" in run.address
            await client.download(run.downloads[-1])

    with started(planted_bundle.path.parent, tmp_path / "log.txt") as server:
        before = server.cpu()
        asyncio.run(use(server.address))
        assert server.cpu() > before
        assert server.memory() > 10**7
        pid = server.process.pid
    assert not psutil.pid_exists(pid)


def test_a_server_that_exits_is_reported_with_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('no such port'); raise SystemExit(1)"]
    with (
        pytest.raises(RuntimeError, match="no such port"),
        started(tmp_path, tmp_path / "log", command),
    ):
        pass
