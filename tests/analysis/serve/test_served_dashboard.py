"""`clearwater serve` as a team runs it: the real dashboard from one process and from two."""

import asyncio
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from analysis.bundle import Bundle
from analysis.serve.nginx import HERE
from analysis.serve.supervisor import free_ports
from bench.client import Client
from tests.analysis.serve.conftest import needs_nginx
from tests.conftest import ROOT

PATIENCE = 120
ARGUMENTS = (sys.executable, "-m", "analysis", "serve")


@pytest.fixture(scope="module", params=[1, pytest.param(2, marks=needs_nginx)])
def workers(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture(scope="module")
def port(
    workers: int, planted_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """The port of a served dashboard; its end must leave no process."""
    (chosen,) = free_ports(1)
    log = tmp_path_factory.mktemp("served") / "log.txt"
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                *(*ARGUMENTS, str(planted_bundle.path.parent)),
                *("--workers", str(workers), "--port", str(chosen)),
            ],
            cwd=ROOT,
            env=os.environ | {"CLEARWATER_PREPARE_SECONDS": "2"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_up(chosen, process, log)
            yield chosen
            every = psutil.Process(process.pid).children(recursive=True)
            assert len(every) >= workers - 1
        finally:
            process.terminate()
            ended = process.wait(timeout=60)
        assert ended in (0, -15), log.read_text()
        assert not [child for child in every if child.is_running()]
        assert "Traceback" not in log.read_text()


def wait_until_up(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            health(port)
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"the dashboard did not start: {log.read_text()[-2000:]}")


def health(port: int, cookie: str = "") -> dict[str, Any]:
    connection = http.client.HTTPConnection(HERE, port, timeout=30)
    connection.request("GET", "/healthz", headers={"Cookie": cookie} if cookie else {})
    answer = connection.getresponse()
    assert answer.status == 200
    body: dict[str, Any] = json.loads(answer.read())
    connection.close()
    return body


def test_sessions_are_spread_and_each_gets_its_pages_and_downloads(port: int, workers: int) -> None:
    async def read() -> set[int]:
        processes = set()
        async with Client(f"http://{HERE}:{port}") as one, Client(f"http://{HERE}:{port}") as two:
            for client in (one, two):
                run = await client.open("", timeout=PATIENCE)
                assert run.exceptions == []
                assert run.charts > 0
                files = await client.open_menu(run, "Export", timeout=PATIENCE)
                button = next(b for b in files.downloads if "CSV" in b.label)
                data = await client.download(button, timeout=PATIENCE)
                assert data.count(b"\n") > 1
                processes.add(health(port, client.headers.get("Cookie", ""))["process"])
        return processes

    assert len(asyncio.run(read())) == workers


def test_a_download_is_there_although_others_use_the_server(port: int) -> None:
    async def read() -> tuple[bytes, bytes]:
        async with Client(f"http://{HERE}:{port}") as client:
            run = await client.open("", timeout=PATIENCE)
            files = await client.open_menu(run, "Export", timeout=PATIENCE)
            button = next(b for b in files.downloads if "CSV" in b.label)
            at_once = await client.download(button, timeout=PATIENCE)
            address = await client.made(button, timeout=PATIENCE)
            for _ in range(3):  # Streamlit removes what no session uses when a script ends
                await client.open("latent", timeout=PATIENCE)
            return at_once, await client.fetch(address, timeout=PATIENCE)

    at_once, later = asyncio.run(read())
    assert at_once == later
    assert at_once.count(b"\n") > 1


def test_a_second_server_on_the_same_port_is_refused_with_one_sentence(port: int) -> None:
    done = subprocess.run(
        [*ARGUMENTS, "--port", str(port)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert " ".join(done.stderr.split()) == (
        f"Error: Port {port} is in use; stop what uses it, or give another one: --port."
    )
