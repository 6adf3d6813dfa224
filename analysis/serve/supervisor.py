"""Run several server processes behind nginx, restart those that end, and stop all together.

The processes prepare for readers before nginx starts. A process that is started again later serves
its readers at once, because the others are busy with theirs.
"""

import asyncio
import logging
import os
import signal
import socket
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from analysis.runtime.errors import InputError
from analysis.serve.nginx import HERE, configuration

LOG = logging.getLogger("clearwater.serve")
LONGEST_START = 120.0
"""Seconds in which a process must answer after its start."""
LONGEST_STOP = 10.0
"""Seconds that a process has to end before it is killed."""
POLL = 0.05
PREPARE = "CLEARWATER_PREPARE"
"""Environment variable of a process that nobody reaches yet: the seconds that it has to prepare."""
LONGEST_STEP = 5.0
"""Seconds that the last step of a preparation may take longer than the time for all."""
PREPARED_POLL = 0.2
_HEALTH = "_stcore/health"
PAUSES = (0.0, 1.0, 5.0, 15.0)
"""Seconds before a restart, by the number of starts that failed in a row."""


@dataclass(frozen=True)
class Plan:
    """What to run: `workers` processes of the command `worker`, behind one address and port."""

    nginx: str
    worker: Sequence[str]
    workers: int
    address: str
    port: int
    admitted: tuple[str, ...] = ()
    """Addresses and networks that may reach the port; empty: all."""
    first_port: int | None = None
    """Port of the first process, which those of the others follow; None: free ones."""
    path: str = ""
    """Path below which the dashboard is served, without slashes around it."""
    prepare: float = 0.0
    """Seconds that the processes have to prepare before nginx starts."""


@dataclass(frozen=True)
class Service:
    """A process to keep running; it is ready when it answers requests."""

    name: str
    command: Sequence[str]
    address: str
    port: int


class _Stopped(Exception):  # noqa: N818 - ends the group of tasks, and is not an error
    pass


def supervise(plan: Plan, environment: Mapping[str, str]) -> None:
    """Run until SIGTERM or Ctrl-C. Raises InputError if a process does not start."""
    with tempfile.TemporaryDirectory(prefix="clearwater-") as folder:
        asyncio.run(_supervise(plan, environment, Path(folder)))


def services(plan: Plan, folder: Path) -> tuple[list[Service], Service]:
    """The server processes and nginx, whose configuration is written to `folder`."""
    first = plan.first_port
    ports = free_ports(plan.workers) if first is None else [first + i for i in range(plan.workers)]
    workers = [
        Service(f"Server process {i}", [*plan.worker, "--server.port", str(port)], HERE, port)
        for i, port in enumerate(ports)
    ]
    file = folder / "nginx.conf"
    written = configuration(folder, ports, plan.address, plan.port, plan.admitted)
    file.write_text(written, encoding="utf-8")
    command = [plan.nginx, "-e", "stderr", "-p", str(folder), "-c", str(file)]
    return workers, Service("nginx", command, plan.address, plan.port)


def free_ports(number: int) -> list[int]:
    """Different free ports of this machine."""
    with ExitStack() as held:
        trials = [held.enter_context(socket.create_server((HERE, 0))) for _ in range(number)]
        return [trial.getsockname()[1] for trial in trials]


async def _supervise(plan: Plan, environment: Mapping[str, str], folder: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    workers, front = services(plan, folder)
    first = {**environment, PREPARE: f"{plan.prepare:g}"}
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_end_at(stop))
            await _start(group, workers[:1], first)  # so a wrong setting is named once
            await _start(group, workers[1:], first)
            await _prepared(workers, plan)
            await _start(group, [front], environment)
            LOG.info(
                "Clearwater is at http://%s:%s/%s, served by %s processes at the ports %s. Ctrl-C "
                "stops it.",
                *(plan.address, plan.port, plan.path, plan.workers),
                ", ".join(str(worker.port) for worker in workers),
            )
    except ExceptionGroup as ended:
        for error in ended.exceptions:
            if not isinstance(error, _Stopped):
                raise error from None


async def _end_at(stop: asyncio.Event) -> None:
    await stop.wait()
    raise _Stopped


async def _start(
    group: asyncio.TaskGroup, every: Sequence[Service], environment: Mapping[str, str]
) -> None:
    """Start all of these; return when all are ready."""
    events = [asyncio.Event() for _ in every]
    for service, ready in zip(every, events, strict=True):
        group.create_task(_keep_running(service, environment, ready))
    for ready in events:
        await ready.wait()


async def _prepared(workers: Sequence[Service], plan: Plan) -> None:
    """Wait until all processes are prepared, or have had their time."""
    if not plan.prepare:
        return
    path = "/".join(filter(None, (plan.path, "healthz")))
    with suppress(TimeoutError):
        async with asyncio.timeout(plan.prepare + LONGEST_STEP):
            for worker in workers:
                while b'"prepared":true' not in await _answer(worker, path):
                    await asyncio.sleep(PREPARED_POLL)


async def _keep_running(
    service: Service, environment: Mapping[str, str], ready: asyncio.Event
) -> None:
    """Run the service for ever. Raises InputError if its first start fails."""
    failures, later = 0, {**environment, PREPARE: ""}
    while True:
        # A session of its own: Ctrl-C reaches only this process, which stops the others.
        process = await asyncio.create_subprocess_exec(
            *service.command,
            env=later if ready.is_set() else environment,
            start_new_session=True,
        )
        try:
            if await _is_ready(process, service):
                failures = 0
                ready.set()
                await process.wait()
            elif ready.is_set():
                failures += 1
            else:
                raise InputError(f"{service.name} did not start; the reason is printed above.")
        finally:
            await _end(process)
        LOG.warning("%s ended (code %s) and is started again.", service.name, process.returncode)
        await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])


async def _is_ready(process: asyncio.subprocess.Process, service: Service) -> bool:
    """Wait until the service answers; False if it ends before, or takes too long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_START):
            while process.returncode is None:
                if await _answer(service, _HEALTH):
                    return True
                await asyncio.sleep(POLL)
    return False


async def _answer(service: Service, path: str) -> bytes:
    """What the service answers to a request; empty if it does not.

    Streamlit accepts connections before it imports the dashboard, which may refuse its settings.
    """
    question = f"GET /{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    with suppress(OSError):
        reader, writer = await asyncio.open_connection(service.address, service.port)
        try:
            writer.write(question.encode())
            return await reader.read()
        finally:
            writer.close()
    return b""


async def _end(process: asyncio.subprocess.Process) -> None:
    """Stop the process, and then whatever it has started and left behind."""
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), LONGEST_STOP)
        except TimeoutError:
            process.kill()
            await process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
