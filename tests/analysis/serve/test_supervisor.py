"""Several processes behind one port: sticky, restarted when they end, stopped together."""

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from analysis.serve import supervisor
from analysis.serve.nginx import COOKIE, HERE
from analysis.serve.supervisor import Plan, Service, free_ports
from tests.analysis.serve.conftest import needs_nginx
from tests.conftest import ROOT

pytestmark = needs_nginx

ECHO = """
import http.server, json, os, sys
class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answer = {"process": os.getpid(), "host": self.headers["Host"], "prepared": True}
        answer["seconds"] = os.environ["CLEARWATER_PREPARE"]
        body = json.dumps(answer, separators=(",", ":")).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[-1])), Echo).serve_forever()
"""
"""A server process that answers with its own id."""
MAIN = """
import logging, os, sys
from analysis.runtime.errors import InputError
from analysis.serve.nginx import nginx_program
from analysis.serve.supervisor import Plan, supervise
logging.basicConfig(level=logging.INFO)
worker = [sys.executable, "-c", sys.argv[1]]
try:
    plan = Plan(nginx_program(), worker, 2, "127.0.0.1", int(sys.argv[2]), prepare=2.5)
    supervise(plan, os.environ)
except InputError as error:
    sys.exit(str(error))
"""


@contextmanager
def supervised(worker: str, log: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    (port,) = free_ports(1)
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", MAIN, worker, str(port)],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process, port
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("supervisor") / "log.txt"


@pytest.fixture(scope="module")
def front(log: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    with supervised(ECHO, log) as (process, port):
        until(lambda: "served by 2 processes" in log.read_text())
        yield process, port


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def get(port: int, cookie: str = "") -> tuple[dict[str, object], str]:
    """The answer of a server process, and the cookie that came with it."""
    connection = http.client.HTTPConnection(HERE, port, timeout=10)
    connection.request("GET", "/", headers={"Cookie": cookie} if cookie else {})
    answer = connection.getresponse()
    assert answer.status == 200
    body = json.loads(answer.read())
    connection.close()
    return body, (answer.getheader("Set-Cookie") or "").split(";")[0]


def test_new_readers_are_spread_and_a_cookie_leads_back(
    front: tuple["subprocess.Popen[bytes]", int],
) -> None:
    _, port = front
    answers = [get(port) for _ in range(8)]
    assert len({body["process"] for body, _ in answers}) == 2
    assert {body["host"] for body, _ in answers} == {f"{HERE}:{port}"}
    for body, cookie in answers:
        assert cookie.startswith(f"{COOKIE}=")
        for _ in range(5):
            again, repeated = get(port, f"theme=dark; {cookie}")
            assert again["process"] == body["process"]
            assert repeated == ""
    _, replaced = get(port, f"{COOKIE}=99")
    assert replaced in {cookie for _, cookie in answers}


def test_a_process_that_is_killed_is_replaced_and_its_readers_are_served_meanwhile(
    front: tuple["subprocess.Popen[bytes]", int], log: Path
) -> None:
    _, port = front
    body, cookie = get(port)
    os.kill(int(str(body["process"])), signal.SIGKILL)
    moved, replaced = get(port, cookie)
    assert moved["process"] != body["process"]
    assert replaced != cookie
    until(lambda: get(port, cookie)[0]["process"] not in (body["process"], moved["process"]))
    # Nobody reached the first two when they started; the third has readers at once.
    assert (body["seconds"], moved["seconds"]) == ("2.5", "2.5")
    assert get(port, cookie)[0]["seconds"] == ""
    assert "ended (code -9) and is started again" in log.read_text()


async def preparing(ready: Sequence[float], plan: Plan) -> tuple[float, set[str]]:
    """Wait for processes that are prepared after so many seconds: how long, and what was asked."""
    start, asked = time.monotonic(), set[str]()

    def served(seconds: float) -> Callable[..., Awaitable[None]]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.add((await reader.readline()).decode().split()[1])
            is_ready = time.monotonic() - start >= seconds
            writer.write(
                b'HTTP/1.1 200 OK\r\n\r\n{"prepared":%s}' % (str(is_ready).lower().encode())
            )
            writer.close()

        return answer

    async with AsyncExitStack() as stack:
        workers = []
        for seconds in ready:
            server = await stack.enter_async_context(
                await asyncio.start_server(served(seconds), HERE, 0)
            )
            workers.append(Service("", [], HERE, server.sockets[0].getsockname()[1]))
        await supervisor._prepared(workers, plan)
        return time.monotonic() - start, asked


def test_all_processes_are_prepared_before_readers_are_sent_to_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "LONGEST_STEP", 0.5)
    plan = Plan("", [], 2, HERE, 0, path="lab", prepare=100)
    waited, asked = asyncio.run(preparing([0.6, 0.0], plan))
    assert 0.6 <= waited < 60 and asked == {"/lab/healthz"}
    late = replace(plan, path="", prepare=0.3)
    waited, asked = asyncio.run(preparing([0.0, 1e9], late))
    assert 0.8 <= waited < 60 and asked == {"/healthz"}
    _, asked = asyncio.run(preparing([1e9], replace(plan, prepare=0)))
    assert asked == set()


def test_nginx_is_replaced_when_it_is_killed(
    front: tuple["subprocess.Popen[bytes]", int],
) -> None:
    process, port = front
    own = next(c for c in psutil.Process(process.pid).children() if "nginx" in c.name())
    own.kill()

    def answers() -> bool:
        try:
            return bool(get(port))
        except OSError:
            return False

    until(lambda: not own.is_running() and answers())


def test_the_end_of_the_supervisor_ends_every_process(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with supervised(ECHO, log) as (process, port):
        until(lambda: "served by 2 processes" in log.read_text())
        every = psutil.Process(process.pid).children(recursive=True)
        assert len(every) >= 4
        files = [psutil.Process(c.pid).cmdline()[-1] for c in every if "nginx" in c.name()]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        assert not [c for c in every if c.is_running() and c.status() != psutil.STATUS_ZOMBIE]
        assert not any(Path(file).exists() for file in files if file.endswith(".conf"))
        with pytest.raises(ConnectionRefusedError):
            get(port)


REFUSES = """
import os, socket, sys, time
listening = socket.create_server(("127.0.0.1", int(sys.argv[-1])))
time.sleep(1)
sys.exit("Clearwater was not started. There is no file of people.")
"""
"""A server process that accepts connections before it refuses its settings, as Streamlit does."""


def test_a_process_that_refuses_its_settings_ends_all_and_is_not_restarted(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with supervised(REFUSES, log) as (process, _):
        assert process.wait(timeout=60) == 1
    assert log.read_text().splitlines() == [
        "Clearwater was not started. There is no file of people.",
        "Server process 0 did not start; the reason is printed above.",
    ]


def test_a_wrong_setting_of_a_team_ends_the_start_of_several_processes(tmp_path: Path) -> None:
    port = str(free_ports(1)[0])
    settings = {
        "CLEARWATER_MODE": "team",
        "CLEARWATER_LOGIN": "headers",
        "CLEARWATER_PEOPLE": str(tmp_path / "people.toml"),
        "CLEARWATER_NOTES": f"sqlite:///{tmp_path / 'notes.sqlite'}",
    }
    done = subprocess.run(
        [sys.executable, "-m", "analysis", "serve", "--workers", "2", "--port", port],
        cwd=ROOT,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 1 and "Traceback" not in output
    assert output.count("Clearwater was not started.") == output.count("people.toml") == 1
    assert "is started again" not in output


def test_a_process_that_does_not_start_ends_all_with_one_sentence(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with supervised("raise SystemExit('no bundle can be read')", log) as (process, port):
        assert process.wait(timeout=30) == 1
        assert log.read_text().splitlines() == [
            "no bundle can be read",
            "Server process 0 did not start; the reason is printed above.",
        ]
        assert "Traceback" not in log.read_text()
        with pytest.raises(ConnectionRefusedError):
            get(port)
