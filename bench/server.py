"""A dashboard that is started for a measurement or a trial, and stopped after it."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
STREAMLIT = (sys.executable, "-m", "streamlit", "run", "dashboard.py")
PATIENCE = 120
"""Seconds until a server must answer."""


@dataclass(frozen=True)
class Server:
    """A running dashboard."""

    address: str
    """http://127.0.0.1 and its port."""
    process: psutil.Process
    log: Path
    """What it has printed."""

    def cpu(self) -> float:
        """CPU seconds of the process so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> int:
        """Bytes of memory that belong to the process alone; mapped files are not included."""
        return int(self.process.memory_full_info().uss)


@contextmanager
def started(
    bundles: Path,
    log: Path,
    command: Sequence[str] = STREAMLIT,
    environment: Mapping[str, str] | None = None,
    options: Sequence[str] = ("--server.headless=true", "--server.port={port}"),
    port: int | None = None,
    base_path: str = "",
) -> Iterator[Server]:
    """A dashboard of the bundles in a folder on a loopback port, a free one if none is given.

    `base_path` is the path below which it answers, such as `/lab`.
    `command` starts it; `options` are added, with the port in them. Raises RuntimeError with the
    end of the log if it exits or does not answer.
    """
    port = free_port() if port is None else port
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, *(option.format(port=port) for option in options)],
            cwd=ROOT,
            env=os.environ | {"CLEARWATER_BUNDLES": str(bundles), **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_until_up(address + base_path, process, log)
            yield Server(address, psutil.Process(process.pid), log)
        finally:
            process.terminate()
            process.wait(timeout=30)


def free_port() -> int:
    """A port of the loopback interface that no one uses now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def wait_until_warm(address: str, cookie: str = "") -> None:
    """Wait until the warm-up of a server process ends; `cookie` names one of several processes.

    The warm-up takes CPU time that belongs to no page.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        request = urllib.request.Request(f"{address}/healthz", headers={"Cookie": cookie})
        with urllib.request.urlopen(request, timeout=5) as answer:
            if json.loads(answer.read())["warm"]:
                return
        time.sleep(0.2)
    raise RuntimeError(f"the dashboard is not warm after {PATIENCE} seconds")


def _wait_until_up(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the dashboard did not start: {log.read_text()[-2000:]}")
