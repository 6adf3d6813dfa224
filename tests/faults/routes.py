"""Random requests to the routes beside the pages, on a running server.

A request must end in an answer: no failure of the server, no path of it, valid JSON, one sentence
where something is refused, at most 2 s of CPU time, and memory that stays flat.
"""

import http.client
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from analysis.bundle import Bundle, open_bundle
from analysis.runtime.memory import CACHE_MEGABYTES
from bench.server import ROOT, Server, started, wait_until_warm
from tests.faults.builds import World, prepare_world
from tests.faults.links import MOST_CPU, SMALL_CACHE, check_memory
from tests.faults.map_requests import OF_A_PAGE, address, random_request
from tests.faults.trial import DEMO_BUNDLE, Case, FaultError, Outcome, Trial

FEW, MANY = 60, 2_000
"""Requests of the first case, which the tests run, and of every other case."""
BETWEEN = 25
"""Requests between two measurements of the memory."""
PATIENCE = 60
"""Seconds for one answer."""


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    kind: str
    """The media type."""
    body: bytes


def check(answer: Answer, path: str, secrets: Sequence[str]) -> None:
    """Raise FaultError if an answer is a failure, tells a secret or is no JSON or sentence."""
    if answer.status >= 500:
        raise FaultError(f"{path} failed with {answer.status}: {answer.body[:300]!r}")
    for secret in secrets:
        if secret.encode() in answer.body:
            raise FaultError(f"{path} sent {secret!r}")
    if answer.kind.startswith("application/json"):
        json.loads(answer.body, parse_constant=_no_number)
    refused = answer.status >= 400 and "/map-data/" in path
    if refused and (b"\n" in answer.body or len(answer.body) > 2000):
        raise FaultError(f"{path} is not refused in a sentence: {answer.body[:300]!r}")


def _no_number(name: str) -> float:
    raise FaultError(f"An answer has {name}, which is not JSON.")


def ask(connection: http.client.HTTPConnection, path: str) -> Answer:
    """Send a request on an open connection."""
    try:
        connection.request("GET", path)
        got = connection.getresponse()
        return Answer(got.status, got.getheader("Content-Type", ""), got.read())
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        raise FaultError(f"{path} has no answer: {type(error).__name__} {error}") from error


def run(case: Case) -> Outcome:
    """A few requests on the tiny world, or many on the demo."""
    few = case.number == 0 or not DEMO_BUNDLE.is_dir()
    folder = World(case.shared).whole if few else DEMO_BUNDLE
    number = FEW if case.number == 0 else MANY
    log = case.folder / "log.txt"
    secrets = (str(folder.parent), str(ROOT), str(Path.home()) + "/", "Traceback")
    bundle, draw = open_bundle(folder), case.random()
    with started(folder, log, environment={CACHE_MEGABYTES: SMALL_CACHE}) as server:
        if number >= MANY:
            wait_until_warm(server.address)
            _warm(server, bundle)
        requests = [random_request(draw, bundle) for _ in range(number)]
        cpu, memory, answered = _follow(server, requests, secrets)
    if "Traceback" in (printed := log.read_text(errors="replace")):
        raise FaultError(f"The log has {printed[printed.index('Traceback') :][:3000]}")
    growth = check_memory(memory) if number >= MANY else 0.0
    measures = {"seconds of CPU time of a request": max(cpu), "growth of memory": growth}
    return Outcome(f"{number} requests, {answered} of them answered", measures)


def _warm(server: Server, bundle: Bundle) -> None:
    """Ask for what is read, indexed or imported once."""
    connection = connected(server)
    for rest in (*OF_A_PAGE, "rows/decoder.parquet?select=context(the)"):
        ask(connection, address(bundle.manifest.bundle_id, bundle.identity, rest))
    connection.close()


def connected(server: Server) -> http.client.HTTPConnection:
    """A connection on which requests can be sent one after the other."""
    place = urlsplit(server.address)
    return http.client.HTTPConnection(str(place.hostname), place.port, timeout=PATIENCE)


def _follow(
    server: Server, requests: Sequence[str], secrets: Sequence[str]
) -> tuple[list[float], list[int], int]:
    """The CPU seconds of every request, the memory from time to time, and how many had data."""
    cpu, memory, answered = [], [], 0
    connection = connected(server)
    for number, path in enumerate(requests):
        before = server.cpu()
        answer = ask(connection, path)
        cpu.append(server.cpu() - before)
        check(answer, path, secrets)
        if cpu[-1] > MOST_CPU and len(requests) >= MANY:
            raise FaultError(f"{path} took {cpu[-1]:.2f} s of CPU time.")
        answered += answer.status == 200
        if number % BETWEEN == 0:
            memory.append(server.memory())
    connection.close()
    if not answered:
        raise FaultError(f"None of {len(requests)} requests had an answer.")
    return cpu, memory, answered


TRIAL = Trial(
    "routes",
    3,
    run,
    prepare_world,
    covers=("dashboard.py", "pages", "charts", "analysis/selection"),
)
