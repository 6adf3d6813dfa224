"""The server of a team: random links, forged headers, oversized messages and foreign pages.

A reader sees every link as a page, and of a bundle that they may not see nothing. Whoever forges
headers gets no more than somebody without a login. What is too large, or comes from a page of
another site, is refused, and the server goes on for everybody else.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence

from websockets.exceptions import ConnectionClosed, InvalidStatus

from analysis.bundle import open_bundle
from analysis.serve.server_settings import SHORTEST_SECRET
from bench.client import PAGES, Client
from bench.server import ROOT, Server
from tests.faults.links import HOSTILE, follow, random_link
from tests.faults.map_requests import random_request
from tests.faults.trial import Case, FaultError, Outcome, Trial
from tests.pages.server.team_server import BUNDLES, CLOSED, OPEN, ask, named, team_server

FEW, MANY = 10, 500
"""Links and requests of the first case, which the tests run, and of every other case."""
SECRET = "s" * SHORTEST_SECRET
PROXY = {"X-Clearwater-Proxy-Secret": SECRET}
READER = named("reader@lab.example") | PROXY
FORGED = (
    "X-Forwarded-Email", "X-Forwarded-Groups", "X-Clearwater-Identity", "X-Clearwater-User",
    "X-Clearwater-Proxy-Secret", "X-Forwarded-For", "X-Forwarded-Host", "X-Original-URL",
    "X-Forwarded-Prefix", "Forwarded", "Authorization", "Cookie", "Via", "X-Real-IP",
)  # fmt: skip
NAMES = ("operator@lab.example", "reader@lab.example", "group:inner", "inner", SECRET[:-1], "*")
DATA = ("/_stcore/metrics", "/api/v1/bundles", f"/api/v1/bundles/{CLOSED.id}")
MEGABYTES = 1_000_000
REFUSED = (400, 401, 403, 404, 405, 413, 414, 431)


def run(case: Case) -> Outcome:
    """A few of everything, or many, on a new server of a team."""
    draw, number = case.random(), FEW if case.number == 0 else MANY
    log = case.folder / "log.txt"
    with team_server(case.folder, proxy_secret=SECRET) as server:
        follow_links(server, draw, number, (str(ROOT), CLOSED.content, "Traceback"))
        for request in closed_requests(draw, number):
            answer = ask(server.address, request, READER)
            # At an address that no route has, Streamlit answers with the empty frame of its pages.
            is_frame = b'<div id="root"></div>' in answer.body
            is_refused = answer.status in (301, *REFUSED)  # 301: without the slash at its end
            if not (is_frame or is_refused) or CLOSED.name.encode() in answer.body:
                raise FaultError(f"{request[:400]} of a hidden bundle: {answer.status}")
        forge(server, draw, number)
        oversize(server)
        foreign(server)
        still_serves(server)
    if "Traceback" in (printed := log.read_text(errors="replace")):
        raise FaultError(f"The log has {printed[printed.index('Traceback') :][:3000]}")
    return Outcome(f"{number} links, {2 * number} requests")


def follow_links(server: Server, draw: random.Random, number: int, secrets: Sequence[str]) -> None:
    """Follow links to a bundle that a reader sees, and to one that they do not."""
    for bundle, share in ((OPEN, 0.8), (CLOSED, 0.2)):
        latents = open_bundle(BUNDLES / bundle.name).manifest.sae.d_sae
        links = [random_link(draw, bundle.id, latents) for _ in range(round(number * share))]
        asyncio.run(follow(server, links, secrets, draw, READER))


def closed_requests(draw: random.Random, number: int) -> Iterator[str]:
    """Addresses of data of the bundle that the reader does not see."""
    bundle = open_bundle(BUNDLES / CLOSED.name)
    made = 0
    while made < number:
        request = random_request(draw, bundle)
        if request.startswith(f"/map-data/{CLOSED.id}/"):
            made += 1
            yield request


def forge(server: Server, draw: random.Random, number: int) -> None:
    """Nobody gets data with any headers; only /metrics answers programs of this machine."""
    for _ in range(number):
        headers = {
            name: "".join(c for c in value if " " <= c <= "~").strip()
            for name in draw.sample(FORGED, draw.randint(1, 5))
            if (value := draw.choice((*NAMES, *HOSTILE, "a" * 7000))) is not None
        }
        path = draw.choice((*DATA, *(f"/map-data/{OPEN.id}/{OPEN.content}/names",)))
        answer = ask(server.address, path, headers)
        if answer.status not in REFUSED:
            raise FaultError(f"{path} with {headers} is answered with {answer.status}")
        if CLOSED.name.encode() in answer.body or b"Traceback" in answer.body:
            raise FaultError(f"{path} with {headers}: {answer.body[:300]!r}")
        if draw.random() < 0.2:
            refuse_socket(server, headers)


def refuse_socket(server: Server, headers: dict[str, str]) -> None:
    """Raise FaultError if a WebSocket with these headers is opened."""

    async def connect() -> None:
        async with Client(server.address, headers):
            raise FaultError(f"A WebSocket with {headers} was opened.")

    try:
        asyncio.run(connect())
    except (InvalidStatus, ConnectionClosed, OSError):
        return


def oversize(server: Server) -> None:
    """What is too large is refused, and ends at most the connection that has sent it."""
    for path, headers in (
        (f"/map?select={'a' * MEGABYTES}", READER),
        ("/api/v1/bundles", READER | {"X-Long": "a" * MEGABYTES}),
        (f"/map-data/{'a' * 60_000}", READER),
    ):
        try:
            status = ask(server.address, path, headers).status
        except OSError:
            continue  # the connection was ended
        if status not in REFUSED and status != 200:
            raise FaultError(f"{path[:40]} of {len(path)} characters: {status}")

    for message in (b"\0" * 1000, "a text", b"a" * (300 * MEGABYTES)):
        asyncio.run(end_socket(server, message))


async def end_socket(server: Server, message: bytes | str) -> None:
    """Raise FaultError unless a message ends the connection that has sent it."""
    try:
        async with Client(server.address, READER) as client:
            await client.open("map")
            await client._socket.send(message)
            await client.open("map")
    except (ConnectionClosed, OSError):
        return
    raise FaultError(f"A message {message[:20]!r} of {len(message)} was taken.")


def foreign(server: Server) -> None:
    """A page of another site opens no WebSocket, with the login of its reader either."""
    for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example", "file://"):
        refuse_socket(server, READER | {"Origin": origin})


def still_serves(server: Server) -> None:
    """Every page is shown to a reader as before, by the same process."""

    async def look() -> None:
        async with Client(server.address, READER) as client:
            for page in PAGES:
                run = await client.open(page, f"bundle={OPEN.id}")
                if run.exceptions or not run.texts:
                    raise FaultError(f"The page {page!r} is not shown any more: {run.exceptions}")

    if not server.process.is_running():
        raise FaultError("The server has ended.")
    asyncio.run(look())


TRIAL = Trial("team", 5, run, covers=("dashboard.py", "pages", "analysis/serve"))
